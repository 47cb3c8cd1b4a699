/**
 * One organisation with a route, a person and a mailbox for the probe for each trouble that no proxy before SMTP makes: pages
 * and sign-in that do not answer, and what becomes of mail after its 250; before one real Postfix and Dovecot.
 *
 * Mailboxes are slow at a thirtieth of the time: a round trip may take 6 s instead of 180, and mail takes 5 and 13.3 s instead
 * of the fault table's 150 and 400; one is sent every 10 s instead of 300. What `quick` judges by is not scaled: it is harsher.
 */
import { selfSigned } from '../../server/src/platform/certificate.ts'
import { faultTable } from '../../server/testkit/faults/fault-table.ts'
import { startFaultyProxy, type FaultyProxy } from '../peers/faulty-proxy.ts'
import { passwordOf, startPrimary, type Primary } from '../peers/postfix-dovecot.ts'
import { freePorts } from '../peers/processes.ts'
import { startSlowDoor } from '../peers/slow-door.ts'
import type { Installation } from './holdfast.ts'
import { applyFile } from './organisation.ts'
import { startWebStand, type WebFault, type WebStand } from './web-stand.ts'

const SCALE = 30
const domain = 'beside.test'
export const personOf = (route: string): string => `${route}@${domain}`
export const canaryOf = (route: string): string => `canary-${route}@${domain}`

export const webRoutes = {
  'page-silent': { kind: 'https', fault: 'silent' },
  'page-failing': { kind: 'https', fault: 'failing' },
  'provider-silent': { kind: 'oidc', fault: 'silent' },
  'tokens-failing': { kind: 'oidc', fault: 'tokens-failing' },
} as const satisfies Record<string, { kind: 'https' | 'oidc'; fault: WebFault }>
export type WebRoute = keyof typeof webRoutes
export const webNames = Object.keys(webRoutes) as WebRoute[]

const slowNames = ['mailbox-slow', 'mailbox-very-slow'] as const
export const boxNames = [...slowNames, 'probe-password-expired'] as const
/** it has a proxy of its own, to be dead when the clock has moved */
export const mortal = 'mortal'
export const routeNames = [...webNames, ...boxNames, mortal]

export interface BesideStage {
  primary: Primary
  /** vouches for its pages and for its IMAP */
  ca: string
  stands: Record<WebRoute, WebStand>
  proxy: FaultyProxy
  close(): Promise<void>
}

export async function startBeside(): Promise<BesideStage> {
  const tls = selfSigned(['127.0.0.1'], Date.now())
  const ports = await freePorts(slowNames.length)
  const closers: (() => Promise<unknown>)[] = []
  const maps = slowNames.flatMap((name, i) =>
    [personOf(name), canaryOf(name)].map((address) => `{${address}=lmtp:inet:127.0.0.1:${ports[i]!}}`),
  )
  const primary = await startPrimary([...routeNames.map(personOf), ...boxNames.map(canaryOf)], {
    imaps: tls,
    // A connection that was kept would be quick.
    config: `transport_maps = inline:{${maps.join(',')}}\nlmtp_connection_cache_on_demand = no\n`,
  })
  closers.push(() => primary.remove())
  for (const [i, name] of slowNames.entries()) {
    const door = await startSlowDoor({
      port: ports[i]!,
      upstream: () => primary.lmtpPort,
      seconds: faultTable[name].box / SCALE,
    })
    closers.push(() => door.close())
  }
  const proxy = await startFaultyProxy({ upstream: primary.smtpPort })
  closers.push(() => proxy.close())
  const stands = Object.fromEntries(
    await Promise.all(webNames.map(async (name) => [name, await startWebStand(tls)] as const)),
  ) as Record<WebRoute, WebStand>
  closers.push(() => Promise.all(Object.values(stands).map((stand) => stand.close())))
  return {
    primary,
    ca: tls.cert,
    stands,
    proxy,
    async close() {
      for (const close of closers.reverse()) await close()
    },
  }
}
export async function declareBeside(
  installation: Installation,
  { primary, ca, stands, proxy }: BesideStage,
): Promise<void> {
  const web = webNames.map((name) => {
    const { kind } = webRoutes[name]
    const asked = kind === 'https' ? { url: stands[name].url } : { issuer: stands[name].url }
    return { name, reach: [{ name: 'web', kind, ...asked, ca, timeout: 1.5 }] }
  })
  const boxes = boxNames.map((name) => ({
    name,
    reach: [
      {
        name: 'trip',
        kind: 'roundTrip',
        address: canaryOf(name),
        every: name === 'probe-password-expired' ? 2 : 300 / SCALE,
        within: 180 / SCALE,
        host: '127.0.0.1',
        port: primary.imapsPort,
        username: canaryOf(name),
        ca,
      },
    ],
    passwords: [{ probe: 'trip', password: passwordOf(canaryOf(name)) }],
  }))
  const routes = [...web, ...boxes, { name: mortal, reach: [] }].map(({ name, reach, ...more }) => ({
    name,
    kind: 'primary',
    settings: {
      hosts: [{ host: '127.0.0.1', port: name === mortal ? proxy.port : primary.smtpPort }],
      probe: { recipient: personOf(name) },
      ...{ tls: 'none', sensitivity: 'quick', retryFirst: 0.5, retryMax: 2, unsureWait: 1, reach },
    },
    ...('passwords' in more ? { reachPasswords: more.passwords } : {}),
  }))
  await applyFile(installation, domain, {
    organisations: [
      {
        slug: 'beside',
        name: 'What no proxy does',
        routes,
        domains: [{ name: domain, route: mortal, recipientsComplete: true }],
        people: [...routeNames.map((name) => ({ name, addresses: [personOf(name)], route: name }))],
      },
    ],
  })
}
