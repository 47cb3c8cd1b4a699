/**
 * The organisation's own systems that hand us mail for the world: the primary's way out, by address. Where a provider's
 * servers speak for thousands of strangers (Microsoft 365, Google) the address proves little: there the provider's own
 * header must name the tenant as well.
 */
import ipaddr from 'ipaddr.js'
import { z } from 'zod'

/** So many bits of a network may be left open before it counts as a provider's. */
const LARGEST = { ipv4: 24, ipv6: 48 } as const

type Network = [ipaddr.IPv4 | ipaddr.IPv6, number]

/** null: neither an address nor a network. */
export function parseNetwork(text: string): Network | null {
  try {
    const [host = ''] = text.split('/')
    // Shorter forms of IPv4 mean something else than they look like.
    if (!host.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(host)) return null
    if (text.includes('/')) return ipaddr.parseCIDR(text)
    const address = ipaddr.parse(text)
    return [address, address.kind() === 'ipv4' ? 32 : 128]
  } catch {
    return null
  }
}

const isLarge = ([address, bits]: Network): boolean => bits < LARGEST[address.kind()]

export const outboundSourceSchema = z
  .strictObject({
    networks: z
      .array(
        z
          .string()
          .max(64)
          .refine((text) => parseNetwork(text) !== null, 'is neither an IP address nor a network such as 192.0.2.0/28'),
      )
      .min(1)
      .max(1000)
      .describe('Addresses or networks it sends from.'),
    tenantHeader: z
      .strictObject({
        name: z
          .string()
          .regex(/^[!-9;-~]{1,76}$/, 'is not the name of a header field')
          .describe('Header field by which the provider names the tenant, e.g. X-MS-Exchange-CrossTenant-Id.'),
        value: z
          .string()
          .min(8)
          .max(998)
          .refine((text) => /^[!-~]+$/.test(text), 'is printable ASCII without spaces')
          .describe('What it says for this organisation.'),
      })
      .optional()
      .describe(
        'Where others send from these addresses too (Microsoft 365, Google): mail counts as the organisation’s only with this header and a sender of its own domains.',
      ),
  })
  .superRefine(({ networks, tenantHeader }, context) => {
    if (tenantHeader) return
    for (const [i, text] of networks.entries()) {
      const network = parseNetwork(text)
      if (network && isLarge(network))
        context.addIssue({
          code: 'custom',
          path: ['networks', i],
          message: `is as large as a provider's network: name the tenantHeader too, or smaller networks (at most /${LARGEST[network[0].kind()]})`,
        })
    }
  })
export type OutboundSource = z.output<typeof outboundSourceSchema>

/** Is this address in one of the networks? IPv4 written as IPv6 is IPv4. */
export function isFrom(networks: readonly Network[], clientIp: string): boolean {
  let address: ipaddr.IPv4 | ipaddr.IPv6
  try {
    address = ipaddr.process(clientIp)
  } catch {
    return false
  }
  return networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
}
