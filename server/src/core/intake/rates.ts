/**
 * How much is taken in an hour: of a client's network, of an envelope's sender, for one mailbox; and how many unknown
 * recipients one client may name in a row. What is too much is put off (450), and comes again. Counted is what was accepted,
 * so that nobody shuts a mailbox by naming it; the organisations' own systems and `smtp.rates.exempt` are not counted.
 *
 * In the memory of this process, in tables of a bounded size (who was heard of longest ago is forgotten first), without a
 * timer: a count runs off by itself, evenly over the hour.
 */
import ipaddr from 'ipaddr.js'
import type { Clock } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import { WireError } from '../../platform/errors.ts'
import { matchNetworks } from '../../platform/net/networks.ts'
import type { Recipient } from '../directory/index.ts'
import type { MxEnvelope } from './door.ts'

export interface Rates {
  /** At RCPT. Throws network-rate, sender-rate, mailbox-rate. */
  check(envelope: Sender, recipient: Mailbox): void
  /** The recipient is known: a row of unknown ones is over. */
  known(envelope: Sender): void
  /** The recipient is nobody. Throws unknown-in-row where that was said too often. */
  unknown(envelope: Sender): void
  /** A stranger's mail system is about to be asked on behalf of this client; false: that was often enough. */
  mayAsk(envelope: Sender): boolean
  /** A message was accepted for them. */
  accepted(envelope: Sender, recipients: readonly { recipient: Mailbox }[]): void
}

type Sender = Pick<MxEnvelope, 'clientIp' | 'from'>
type Mailbox = Pick<Recipient, 'personId' | 'folded' | 'standing'> & {
  redirect?: { readonly to: readonly Mailbox[] }
}

const HOUR_MS = 3_600_000
/** A row of unknown recipients is forgotten after so long without another. */
const ROW_MS = 600_000
/** So much a known recipient takes off it: who guesses knows one, such as postmaster, and must not begin anew with it. */
const KNOWN_TAKES = 10
const MOST_KEYS = 20_000

export function createRates(deps: { clock: Clock; config: Config['smtp']['rates']; asksPerNetwork?: number }): Rates {
  const { clock, config } = deps
  const messages = createTable(clock, config.messagesPerNetwork)
  const recipients = createTable(clock, config.recipientsPerNetwork)
  const senders = createTable(clock, config.recipientsPerSender)
  const mailboxes = createTable(clock, config.messagesPerMailbox)
  const asks = createTable(clock, deps.asksPerNetwork ?? 0)
  const rows = new Map<string, { count: number; at: number }>()
  const isExempt = matchNetworks(config.exempt)
  const networkOf = createNetworkOf(config)
  /** null: not counted */
  const places = new Map<string, string | null>()
  function placeOf(clientIp: string): string | null {
    const known = places.get(clientIp)
    if (known !== undefined) return known
    const place = isExempt(clientIp) ? null : networkOf(clientIp)
    put(places, clientIp, place)
    return place
  }
  /** An IPv6 client has a network full of addresses to itself. */
  const clientOf = (clientIp: string): string => (clientIp.includes(':') ? (placeOf(clientIp) ?? clientIp) : clientIp)
  const mailboxOf = ({ personId, folded }: Mailbox): string => personId ?? folded

  return {
    check({ clientIp, from }, recipient) {
      const network = placeOf(clientIp)
      if (network === null || recipient.standing === 'outside') return
      if (messages.isFull(network) || recipients.isFull(network)) throw new WireError('network-rate')
      // The null sender is everybody's (RFC 5321 section 4.5.5).
      if (from !== '' && senders.isFull(from.toLowerCase())) throw new WireError('sender-rate')
      const { redirect } = recipient
      // Of several one is not refused for another's sake.
      const final = redirect?.to.length === 1 ? redirect.to[0]! : recipient
      if (mailboxes.isFull(mailboxOf(final))) throw new WireError('mailbox-rate')
    },
    known({ clientIp }) {
      const key = clientOf(clientIp)
      const row = rows.get(key)
      if (!row) return
      if (row.count > KNOWN_TAKES) row.count -= KNOWN_TAKES
      else rows.delete(key)
    },
    unknown({ clientIp }) {
      if (config.unknownInRow === 0 || placeOf(clientIp) === null) return
      const now = clock.monotonic()
      const key = clientOf(clientIp)
      const row = rows.get(key)
      const count = row && now - row.at < ROW_MS ? row.count + 1 : 1
      put(rows, key, { count, at: now })
      if (count > config.unknownInRow) throw new WireError('unknown-in-row')
    },
    mayAsk({ clientIp }) {
      const network = placeOf(clientIp)
      if (network === null) return true
      if (asks.isFull(network)) return false
      asks.add(network, 1)
      return true
    },
    accepted({ clientIp, from }, all) {
      const network = placeOf(clientIp)
      if (network === null) return
      let counted = 0
      for (const { recipient } of all) {
        if (recipient.standing === 'outside') continue
        counted++
        for (const one of recipient.redirect?.to ?? [recipient])
          if (one.standing !== 'outside') mailboxes.add(mailboxOf(one), 1)
      }
      if (counted === 0) return
      messages.add(network, 1)
      recipients.add(network, counted)
      if (from !== '') senders.add(from.toLowerCase(), counted)
    },
  }
}

interface Table {
  /** One more would be too much. */
  isFull(key: string): boolean
  add(key: string, n: number): void
}

/** `limit`: in an hour; 0: none. */
function createTable(clock: Clock, limit: number): Table {
  if (limit === 0) return { isFull: () => false, add: () => undefined }
  const counts = new Map<string, { level: number; at: number }>()
  const perMs = limit / HOUR_MS
  return {
    isFull(key) {
      const count = counts.get(key)
      return count !== undefined && count.level - (clock.monotonic() - count.at) * perMs > limit - 1
    },
    add(key, n) {
      const now = clock.monotonic()
      const count = counts.get(key) ?? { level: 0, at: now }
      count.level = Math.max(0, count.level - (now - count.at) * perMs) + n
      count.at = now
      put(counts, key, count)
    },
  }
}

/** Newest last. */
function put<T>(table: Map<string, T>, key: string, value: T): void {
  table.delete(key)
  table.set(key, value)
  if (table.size > MOST_KEYS) table.delete(table.keys().next().value!)
}

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

/** One name for all addresses of a network. */
function createNetworkOf({
  ipv4Bits,
  ipv6Bits,
}: Pick<Config['smtp']['rates'], 'ipv4Bits' | 'ipv6Bits'>): (address: string) => string {
  const shift = 2 ** (32 - ipv4Bits)
  return (address) => {
    const parts = IPV4.exec(address)
    if (parts) {
      const number = ((Number(parts[1]) * 256 + Number(parts[2])) * 256 + Number(parts[3])) * 256 + Number(parts[4])
      return String(Math.floor(number / shift))
    }
    try {
      const octets = ipaddr.IPv6.parse(address).toByteArray()
      const whole = Math.floor(ipv6Bits / 8)
      const rest = ipv6Bits % 8
      const last = rest === 0 ? '' : `.${octets[whole]! >> (8 - rest)}`
      return `v6 ${octets.slice(0, whole).join('.')}${last}`
    } catch {
      return address
    }
  }
}
