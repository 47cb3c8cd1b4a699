/**
 * How large, and who owns what: everything of message number `i` follows from `i`, so that the database can make any
 * stretch of any table by itself, in any order, and counters need no counting. Strings here are SQL over `i` (message),
 * `p` (person), `o` (organisation), counted from 0.
 */
export interface Shape {
  messages: number
  organisations: number
  people: number
  /** the newest so many have their bytes in rows; the bytes of the others count as packed */
  bodies: number
  /** milliseconds: when the first message came, and how long until the next */
  from: number
  step: number
}

const DAY = 86_400_000
/** of each organisation */
export const ROUTES = 10
export const DOMAINS = 50
const PEOPLE = 100
/** Of ten routes the last two are in an emergency: a fifth of all mail waits. */
export const CLOSED_FROM = 8
export const DAYS = 14
export const MOST_BODIES = 200_000
export const SIZE = 10_240
/** messages of one organisation in a pack: about a day's, at full size */
export const PACKED = 1_800

/** 5,000,000 messages: 200 organisations, 2,000 routes, 10,000 domains, 20,000 people, 1,000,000 waiting deliveries. */
export function shapeFor(messages: number, now: number): Shape {
  const organisations = Math.max(2, Math.round(messages / 25_000))
  const people = organisations * PEOPLE
  if (messages < people) throw new RangeError(`at least ${people} messages, one for each person`)
  const span = DAYS * DAY
  const step = span / messages
  return { messages, organisations, people, bodies: Math.min(messages, MOST_BODIES), from: now - span, step }
}

/** The midnights (UTC) of all days that have mail. */
export function daysOf({ from }: Shape): number[] {
  const first = Math.floor(from / DAY) * DAY
  return Array.from({ length: DAYS + 1 }, (_, n) => first + n * DAY)
}

/** SQL of an id as Node makes them: its time, a digit that tells the table, a number. */
const idOf = (ms: string, digit: string, number: string): string =>
  `(lpad(to_hex((${ms})::bigint), 12, '0') || '7${digit}008000' || lpad(to_hex((${number})::bigint), 12, '0'))::uuid`

export function sqlOf({ organisations: O, people: P, from, step, messages, bodies }: Shape) {
  // The installation was set up before the first message came.
  const old = (digit: string, number: string): string => idOf(String(from - DAY), digit, number)
  const ms = `(${from} + floor(i * ${step}::float8))`
  const within = `(p / ${O})`
  return {
    ms,
    at: `to_timestamp(${ms} / 1000.0)`,
    messageId: idOf(ms, '1', 'i'),
    messageIdOf: (i: string): string => idOf(`${from} + floor((${i}) * ${step}::float8)`, '1', i),
    deliveryId: idOf(ms, '2', 'i'),
    copyId: idOf(ms, '3', 'i'),
    threadId: `md5('thread ' || i)::uuid`,
    organisationId: old('a', 'o'),
    routeId: (number: string): string => old('b', `o + ${O} * (${number})`),
    domainId: (number: string): string => old('c', `o + ${O} * (${number})`),
    personId: old('d', 'p'),
    eventId: (number: string): string => old('e', `o + ${O} * (${number})`),
    /** of a person: number of route and domain within the organisation */
    route: `(${within} % ${ROUTES})`,
    domain: `(${within} % ${DOMAINS})`,
    domainName: (number: string): string => `'d' || (o + ${O} * (${number})) || '.flat.test'`,
    address: `'person' || p || '@d' || (o + ${O} * (${within} % ${DOMAINS})) || '.flat.test'`,
    waits: `(${within} % ${ROUTES} >= ${CLOSED_FROM})`,
    /** in the Inbox of its person */
    uid: `(i / ${P} + 1)`,
    placed: `((${messages} - p + ${P} - 1) / ${P})`,
    /** number among the messages of its organisation */
    nth: `(i / ${O})`,
    hasBody: `(i >= ${messages - bodies})`,
    blobKey: (pack: string): string =>
      `(${old('a', 'o')})::text || '/flat/' || (${idOf(String(from), '4', `o + ${O} * (${pack})`)})::text`,
  }
}

/** The address of person number `p`. */
export const addressOf = ({ organisations }: Shape, p: number): string =>
  `person${p}@d${(p % organisations) + organisations * (Math.floor(p / organisations) % DOMAINS)}.flat.test`
