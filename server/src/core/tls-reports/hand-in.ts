/**
 * Brings one report to where it is wanted: by mail, straight to the mail servers of the address, or by HTTPS. Past the queue, for it
 * belongs to no organisation, is tried again by its own schedule, and must not be counted, held or kept away by TLS itself
 * (RFC 8460 section 3: opportunistic, whatever the domain's policies say).
 */
import type { MxLookup } from '../../clients/dns/mx.ts'
import { openSmtpConnection, type SmtpConnection } from '../../clients/smtp/connection.ts'
import type { RecipientResult } from '../../clients/smtp/result.ts'
import type { Clock } from '../../platform/clock.ts'

const MOST_HOSTS = 3
const TIMEOUTS = { connect: 20_000, greeting: 60_000, command: 60_000, final: 300_000 }

export interface MailRoute {
  lookUpMx: MxLookup
  port: number
  helo: string
  clock: Clock
}

/** Throws with a sentence where it was not taken. */
export async function mailReport(route: MailRoute, address: string, bytes: Buffer): Promise<void> {
  const answer = await route.lookUpMx(address.slice(address.lastIndexOf('@') + 1))
  if (answer.kind !== 'hosts') throw new Error(answer.text)
  let why = ''
  for (const { host, address: place } of answer.hosts.slice(0, MOST_HOSTS)) {
    const target = { host, address: place, port: route.port, protocol: 'smtp', tls: 'opportunistic' } as const
    let connection: SmtpConnection | null = null
    try {
      connection = await openSmtpConnection({ target, helo: route.helo, clock: route.clock, timeouts: TIMEOUTS })
      const [result] = await connection.send({
        // Nobody here reads what would come back.
        from: '',
        size: bytes.length,
        smtputf8: false,
        eightbit: false,
        ret: null,
        envid: null,
        recipients: [{ address, notify: 'NEVER', orcpt: null }],
        body: () => [bytes],
      })
      if (isDone(result!)) return
      why = `${host}: ${result!.text}`
      if (result!.outcome === 'refused') break
    } catch (error) {
      why = `${host}: ${(error as Error).message}`
    } finally {
      connection?.quit()
    }
  }
  throw new Error(why)
}

/** Better none than two: one that may have arrived has. */
const isDone = ({ outcome }: RecipientResult): boolean => outcome === 'delivered' || outcome === 'unsure'
