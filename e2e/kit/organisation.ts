/** One organisation declared from a file with `holdfast apply`, as an operator would. Sign-in: the address, and `passwordFor`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CliResult, Installation } from './holdfast.ts'

export interface OrganisationWish {
  domain: string
  /** local parts */
  people: readonly string[]
  primaryPort: number
  outboundPort: number
  sensitivity?: 'quick' | 'balanced' | 'patient'
  probe?: boolean
  /** more settings of the primary's route */
  route?: object
  /** passwords of its reach probes, by name */
  reachPasswords?: Record<string, string>
  slug?: string
  /** more of the organisation itself */
  organisation?: object
}

export const passwordFor = (name: string): string => `amber-ferry-${name}-42`

export function organisationFile(wish: OrganisationWish): object {
  const { domain, people } = wish
  return {
    organisations: [
      {
        slug: wish.slug ?? domain.split('.')[0],
        name: `The people of ${domain}`,
        routes: [
          {
            name: 'primary',
            kind: 'primary',
            settings: {
              hosts: [{ host: '127.0.0.1', port: wish.primaryPort }],
              tls: 'none',
              sensitivity: wish.sensitivity ?? 'quick',
              ...(wish.probe === false ? { probe: { enabled: false } } : {}),
              ...wish.route,
            },
            ...(wish.reachPasswords && {
              reachPasswords: Object.entries(wish.reachPasswords).map(([probe, password]) => ({ probe, password })),
            }),
          },
          {
            name: 'outside',
            kind: 'smarthost',
            settings: { hosts: [{ host: '127.0.0.1', port: wish.outboundPort }], tls: 'none' },
          },
        ],
        outboundRoute: 'outside',
        ...wish.organisation,
        domains: [{ name: domain, route: 'primary', recipientsComplete: true, dkim: { selector: 'proof' } }],
        people: people.map((name) => ({
          name: name[0]!.toUpperCase() + name.slice(1),
          addresses: [`${name}@${domain}`],
          password: passwordFor(name),
        })),
      },
    ],
  }
}

export const declareOrganisation = (installation: Installation, wish: OrganisationWish): Promise<CliResult> =>
  applyFile(installation, wish.domain, organisationFile(wish))

/** JSON is YAML. */
export function applyFile(installation: Installation, name: string, declared: object): Promise<CliResult> {
  const file = join(installation.data, `${name}.yaml`)
  writeFileSync(file, JSON.stringify(declared, null, 2))
  return installation.must(['apply', '-f', file, '--json'])
}
