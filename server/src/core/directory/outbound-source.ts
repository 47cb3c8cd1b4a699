/**
 * The organisation's own systems that hand us mail for the world: the primary's way out. One is known by its address, by a
 * password (AUTH), or by its certificate; the last two from any address. Where a provider's servers speak for thousands of
 * strangers (Microsoft 365, Google) address and certificate prove little: there the provider's own header must name the
 * tenant as well.
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

/** As 64 lower-case hex digits; null: not a SHA-256 in one of the ways that tools print it (hex, with colons, base64). */
export function parseFingerprint(text: string): string | null {
  const hex = /^[A-Za-z0-9+/]{43}=$/.test(text) ? Buffer.from(text, 'base64').toString('hex') : text.replaceAll(':', '')
  return /^[0-9a-f]{64}$/i.test(hex) ? hex.toLowerCase() : null
}

export const outboundSourceShape = {
  networks: z
    .array(
      z
        .string()
        .max(64)
        .refine((text) => parseNetwork(text) !== null, 'is neither an IP address nor a network such as 192.0.2.0/28'),
    )
    .min(1)
    .max(1000)
    .optional()
    .describe('Addresses or networks it sends from.'),
  username: z
    .string()
    .transform((text) => text.toLowerCase())
    .refine((text) => /^[!-~]{1,255}$/.test(text), 'is printable ASCII without spaces')
    .optional()
    .describe(
      'Instead of networks: the name it signs in with, from any address (AUTH PLAIN or LOGIN after STARTTLS); nobody else’s system here may have it. Its password stays where the file has none.',
    ),
  clientCertificates: z
    .array(
      z
        .string()
        .refine(
          (text) => parseFingerprint(text) !== null,
          'is not a SHA-256 (64 hex digits, or 44 characters of base64)',
        )
        .transform((text) => parseFingerprint(text) ?? text),
    )
    .min(1)
    .max(20)
    .optional()
    .describe(
      'Instead of networks: SHA-256 of the certificate that it shows, or of its public key (SubjectPublicKeyInfo), from any address. Dates and issuer of the certificate are not looked at. Name the next one too, before the system changes to it.',
    ),
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
      'Where others send from these addresses, or with this certificate, too (Microsoft 365, Google): mail counts as the organisation’s only with this header and a sender of its own domains.',
    ),
}

type Shape = z.output<z.ZodObject<typeof outboundSourceShape>>

/** What one source may not say at once. */
export function checkSource(source: Shape, context: z.RefinementCtx): void {
  const { networks, username, clientCertificates, tenantHeader } = source
  const ways = [networks, username, clientCertificates].filter((way) => way !== undefined).length
  if (ways !== 1)
    context.addIssue({
      code: 'custom',
      message: 'say by what it is known: one of networks, username and clientCertificates',
    })
  if (username !== undefined && tenantHeader)
    context.addIssue({
      code: 'custom',
      path: ['tenantHeader'],
      message: 'is not needed: who knows the password is known',
    })
  if (tenantHeader) return
  for (const [i, text] of (networks ?? []).entries()) {
    const network = parseNetwork(text)
    if (network && isLarge(network))
      context.addIssue({
        code: 'custom',
        path: ['networks', i],
        message: `is as large as a provider's network: name the tenantHeader too, or smaller networks (at most /${LARGEST[network[0].kind()]})`,
      })
  }
}

/** Is an address in both? */
export const overlaps = ([a, bitsOfA]: Network, [b, bitsOfB]: Network): boolean =>
  a.kind() === b.kind() && a.match(b, Math.min(bitsOfA, bitsOfB))

/** As it is stored: the password's verifier is kept apart. */
export const outboundSourceSchema = z.strictObject(outboundSourceShape).superRefine(checkSource)
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
