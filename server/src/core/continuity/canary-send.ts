/**
 * A canary: a small message that shows whether a primary still delivers. It goes to the hosts of the route as its deliveries do,
 * with the same TLS and credentials, to a mailbox that is there for this. Whoever finds it in a mailbox reads what it is.
 *
 * Its sender is ours alone (protocols/srs/canary.ts), so that a notice about it finds us; it bears our mark, so that it is
 * known again and goes no further where the primary sends it back to us.
 */
import { openSmtpConnection, type OutgoingMail } from '../../clients/smtp/connection.ts'
import { SmtpFailure, type RecipientResult, type SmtpTarget } from '../../clients/smtp/result.ts'
import type { Clock } from '../../platform/clock.ts'
import { EvidenceKind } from '../../platform/codes.ts'
import { CANARY_FIELD } from '../../clients/reach/canary-box.ts'
import { proved, trustOf, type HostTlsa, type OpenSecret, type Route } from '../directory/index.ts'
import { classifyAttempt } from './classify.ts'

export interface Canary {
  address: string
  from: string
  /** name of ours, for its fields */
  hostname: string
  /** by which the route's own are known */
  mark: string
  token: string
  /** header lines by which intake knows it again */
  trace: string
}

/**
 * good: taken. bad: refused or lost after its recipient was taken. refused: its mailbox is not taken, or it is for what it is.
 * silent: it did not come so far; that is what probes are for. ours: nobody's fault but ours.
 */
export interface Sent {
  outcome: 'good' | 'bad' | 'refused' | 'silent' | 'ours'
  text: string
}
export type SendCanary = (route: Route, canary: Canary) => Promise<Sent>

/** A canary that is given up is no loss, so it waits less long than mail does (RFC 5321 section 4.5.3.2). */
const WAIT = {
  connect: 20_000,
  greeting: 30_000,
  command: 30_000,
  data: 30_000,
  block: 30_000,
  final: 60_000,
  ahead: 20_000,
}
const MOST_HOSTS = 4

function canaryMessage({ address, hostname, mark, token, trace }: Canary, routeName: string, at: Date): Buffer {
  const name = routeName.replace(/[^ -~]/g, '?')
  return Buffer.from(
    [
      `${trace}From: Holdfast <holdfast-canary@${hostname}>`,
      `To: <${address}>`,
      `Subject: Holdfast canary: is mail still delivered by ${name}?`,
      `Date: ${at.toUTCString().replace('GMT', '+0000')}`,
      `Message-ID: <${token}@${hostname}>`,
      'Auto-Submitted: auto-generated',
      'X-Auto-Response-Suppress: All',
      `${CANARY_FIELD}: ${mark} ${token}`,
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=us-ascii',
      '',
      `Holdfast (${hostname}) sends such a message now and then, to find out whether`,
      'mail that this system takes is delivered. It may be deleted at any time.',
      '',
    ].join('\r\n'),
  )
}

export function createCanarySender(deps: {
  clock: Clock
  helo: string
  openSecret: OpenSecret
  hostTlsa: HostTlsa
}): SendCanary {
  return async (route, canary) => {
    const bytes = canaryMessage(canary, route.name, new Date(deps.clock.now()))
    const mail: OutgoingMail = {
      from: canary.from,
      size: bytes.length,
      smtputf8: false,
      eightbit: false,
      ret: 'HDRS',
      envid: null,
      recipients: [{ address: canary.address, notify: 'FAILURE', orcpt: null }],
      body: () => [bytes],
    }
    let sent: Sent = { outcome: 'silent', text: 'the route has no hosts' }
    const hosts = [...route.settings.hosts].sort((a, b) => a.priority - b.priority).slice(0, MOST_HOSTS)
    for (const { host, port } of hosts) {
      const result = await handOver(deps, () => targetOf(route, deps.openSecret, { host, port }), mail)
      sent = verdict(result, `${host}:${port} ${result.text}`)
      // What may have been taken is not sent again.
      if (sent.outcome === 'good' || result.outcome === 'unsure') break
    }
    return sent
  }
}

/** One host, one transaction. Never throws. */
async function handOver(
  { clock, helo, hostTlsa }: { clock: Clock; helo: string; hostTlsa: HostTlsa },
  target: () => SmtpTarget,
  mail: OutgoingMail,
): Promise<RecipientResult> {
  try {
    const connection = await openSmtpConnection({
      target: await proved(target(), hostTlsa),
      helo,
      clock,
      timeouts: WAIT,
    })
    try {
      return (await connection.send(mail))[0]!
    } finally {
      connection.quit()
    }
  } catch (error) {
    const { message: text } = error as Error
    if (!(error instanceof SmtpFailure))
      return { outcome: 'deferred', stage: 'connect', code: 0, enhanced: null, text, failure: 'local' }
    const { stage, code, enhanced, kind } = error
    return { outcome: 'deferred', stage, code, enhanced, text, failure: kind }
  }
}

function targetOf(route: Route, openSecret: OpenSecret, at: { host: string; port: number }): SmtpTarget {
  const { protocol, username, sourceAddresses, clientAddress } = route.settings
  return {
    ...at,
    protocol,
    ...trustOf(route, openSecret),
    ...(sourceAddresses.length > 0 ? { localAddresses: sourceAddresses } : {}),
    // The others tell whom a message is from, and this one is our own.
    ...(clientAddress === 'proxy' ? { clientAddress } : {}),
    ...(username === undefined ? {} : { username }),
    ...(username !== undefined && route.secretSealed
      ? { password: openSecret('secret_sealed', route.secretSealed, route.routeId) }
      : {}),
  }
}

/** What one result says. Pure. */
export function verdict({ outcome, stage, code, enhanced, failure, text: said }: RecipientResult, text: string): Sent {
  if (outcome === 'delivered') return { outcome: 'good', text }
  if (stage === 'rcpt' && code >= 500) return { outcome: 'refused', text }
  if (stage !== 'data' && stage !== 'final') return { outcome: 'silent', text: `${text} (at ${stage})` }
  if (failure === 'local') return { outcome: 'ours', text }
  const sign = failure === 'timeout' ? { failure } : {}
  const kind = classifyAttempt({ stage, code, enhanced, text: said, ...sign })
  if (kind === EvidenceKind.ours) return { outcome: 'ours', text }
  // About this one message or mailbox: for good, an admin must look; for now, it says nothing.
  if (kind === EvidenceKind.neutral) return { outcome: code >= 500 ? 'refused' : 'silent', text }
  return { outcome: 'bad', text: `${text} (${outcome === 'unsure' ? 'after the final dot' : `at ${stage}`})` }
}
