/** What a destination's runner is given and gives: where its hosts are, what was asked of them, how it is stopped. */
import type { OutgoingMail, SmtpConnection } from '../../clients/smtp/connection.ts'
import type { RecipientResult, SmtpFailure } from '../../clients/smtp/result.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Capabilities } from '../../protocols/smtp/ehlo.ts'
import type { HostRoom } from './host-room.ts'
import type { RankedTarget } from './hosts.ts'
import type { Job } from './job.ts'
import type { Kept } from './kept.ts'
import type { Pace } from './pace.ts'

export interface TargetList {
  targets: RankedTarget[]
  /** instead of targets: the domain takes no mail (5xx) or cannot be looked up just now */
  refusal?: { code: number; enhanced: string; text: string; failure: 'dns' | null }
  /** none of them is as the domain itself demands (MTA-STS, DANE): no other way is taken round that */
  isDemanded?: boolean
}

export interface AttemptReport {
  job: Job
  results: RecipientResult[]
  host: string | null
  tls: string | null
  /** the host was told whom to notify of success (DSN, RFC 3461): nobody else needs to */
  confirms: boolean
  tookMs: number
  /** false: nothing was asked of the host (it had just failed for another, or we cut it ourselves): no evidence */
  tried: boolean
}

export interface Runner {
  push(job: Job): void
  /** transactions waiting and under way */
  load(): number
  /** no work, no kept connection, no failure to remember: it may be forgotten and made anew */
  isIdle(): boolean
  /** takes back what has not begun */
  takeBack(): Job[]
  /** cuts transactions whose final dot has not been sent: they end as deferred */
  cut(): void
  /** no kept connections any more; what is under way ends in its time */
  retire(): void
  /** what is under way ends now: deferred, or unsure where the final dot was sent */
  stop(): void
}

export interface RunnerDeps {
  clock: Clock
  helo: string
  connections: number
  /** messages on one connection at most; left out or 0: any number */
  messagesPerConnection?: number
  /** the connections of others to its hosts; left out: there are none */
  room?: HostRoom
  /** how fast its hosts take messages; left out: as fast as they can */
  pace?: Pace | undefined
  slowMs: number
  /** so long at most nobody asks it again while it cannot be reached; left out: a second */
  coolDownMs?: number
  /** of a client, for hosts that want to know; left out: nobody can say */
  nameOfClient?: (ip: string) => Promise<string | null | undefined>
  findTargets(): Promise<TargetList>
  mailOf(job: Job): OutgoingMail
  /** false: its route was closed meanwhile */
  mayGo(job: Job): boolean
  /** nothing of it was tried */
  handBack(job: Job): void
  report(report: AttemptReport): void
  onSlow(job: Job, stage: string, waitedMs: number): void
  /** what a host offered when a connection to it was opened */
  onOffer?(target: RankedTarget, offered: Capabilities): void
  /** a connection was made, or not */
  onOpened?(target: RankedTarget, outcome: SmtpConnection | SmtpFailure): void
  /** decides between equal hosts, 0 to 1 */
  random?: () => number
}

/** A message whose turn it is. */
export interface Turn {
  job: Job
  /** nameOf the host whose pace has counted it */
  paced?: string
  /** its commands have been said here */
  said?: Kept & { mail: OutgoingMail }
  /** set at its end: what was said on its connection is the next */
  next?: Turn | null
}
