/** What became of a transaction at the next hop: per recipient, with the stage it was decided at and the reply's own words. */
import type { Reply } from '../../protocols/smtp/reply.ts'
import type { Tlsa } from '../../protocols/dns/message.ts'
import type { ClientAddress } from './client-address.ts'

export type Stage = 'dns' | 'connect' | 'tls' | 'greeting' | 'ehlo' | 'auth' | 'mail' | 'rcpt' | 'data' | 'final'

export interface RecipientResult {
  /** unsure: the final dot was (or may have been) sent and no reply came (promise 2) */
  outcome: 'delivered' | 'deferred' | 'refused' | 'unsure'
  stage: Stage
  /** 0: no reply, the connection failed */
  code: number
  enhanced: string | null
  text: string
  /** how the connection failed (local: our own reading of the bytes did); null where the server answered */
  failure: FailureKind | null
  /** it is the server's answer to whose message it is (XCLIENT); left out: no */
  aboutClient?: boolean
}

export type FailureKind = 'refused' | 'timeout' | 'tls' | 'dns' | 'dropped' | 'reply' | 'protocol' | 'local'

/** Why TLS did not come about as it should, in the words of reports about it (RFC 8460 section 4.3). */
export type TlsFault =
  | 'starttls-not-supported'
  | 'certificate-host-mismatch'
  | 'certificate-expired'
  | 'certificate-not-trusted'
  | 'validation-failure'

/** Whom TLS believes, and what it shows of us. */
export interface TlsTrust {
  /** for `pinned`: SHA-256 of the SubjectPublicKeyInfo of the server's certificate, base64; one of them must fit */
  pins?: readonly string[]
  /** for `required`: certificates (PEM) that vouch for the server's, instead of the public ones */
  ca?: string
  /** for `required`: the name in the certificate, where it is another than the host's; for `dane`: the TLSA base domain, which is asked for */
  name?: string
  /** for `dane`: usable TLSA records; empty: encrypted, whoever it is (RFC 7672 section 2.2) */
  tlsa?: readonly Tlsa[]
  /** for `dane`: names of which the certificate of a trust anchor must have one (RFC 7672 section 3.2.2) */
  names?: readonly string[]
  /** our certificate with its chain and its key (PEM), shown where the server asks for one */
  client?: string
}

export interface SmtpTarget {
  /** the name: certificates and the trace */
  host: string
  /** what to connect to, where the name was looked up already */
  address?: string
  port: number
  protocol: 'smtp' | 'lmtp'
  /** with a username, opportunistic means encrypted as well (target.ts) */
  tls: 'none' | 'opportunistic' | 'required' | 'pinned' | 'dane'
  trust?: TlsTrust
  /** for mail that must be kept in TLS: a host that does not offer REQUIRETLS is not used (RFC 8689 section 4.2.1) */
  requireTls?: boolean
  username?: string
  password?: string
  /** our own addresses to come from, one of each family; left out: the system's choice */
  localAddresses?: readonly string[]
  /** how it is told the client's address; left out: not at all */
  clientAddress?: ClientAddress
}

/** A server's words are kept up to here: enough for a person, bounded for whoever searches them. */
export const MOST_TEXT = 1000

export const resultOf = (
  outcome: RecipientResult['outcome'],
  stage: Stage,
  reply: Pick<Reply, 'code' | 'enhanced' | 'lines'>,
): RecipientResult => ({
  outcome,
  stage,
  code: reply.code,
  enhanced: reply.enhanced,
  text: reply.lines.join(' ').slice(0, MOST_TEXT),
  failure: null,
})

/** One about TLS. */
export function tlsFailure(
  fault: TlsFault,
  text: string,
  reply?: { code: number; enhanced: string | null },
): SmtpFailure {
  const failure = new SmtpFailure('tls', 'tls', text, reply)
  failure.fault = fault
  return failure
}

/** The connection could not be made or broke; nothing of the transaction under way was taken. */
export class SmtpFailure extends Error {
  readonly stage: Stage
  readonly kind: FailureKind
  readonly code: number
  readonly enhanced: string | null
  /** set where TLS is why */
  fault: TlsFault | null = null
  /** it is the host's word about this mail, and will not be another the next time */
  isFinal = false
  /** our end of the connection, where there was one */
  ownAddress: string | null = null

  constructor(stage: Stage, kind: FailureKind, text: string, reply?: { code: number; enhanced: string | null }) {
    super(text.slice(0, MOST_TEXT))
    this.name = 'SmtpFailure'
    this.stage = stage
    this.kind = kind
    this.code = reply?.code ?? 0
    this.enhanced = reply?.enhanced ?? null
  }
}
