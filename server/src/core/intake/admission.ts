/**
 * RCPT (RFC 5321 section 4.1.1.3): who the address is, and whether this client may write to it now. Mostly answered from
 * memory and at once; where only a domain's mail system can say, it is asked (core/callouts); one of an organisation's own systems may write to the world, and is not counted (rates.ts).
 */
import { within, type Clock } from '../../platform/clock.ts'
import type { Config } from '../../platform/config/config.ts'
import { WireError } from '../../platform/errors.ts'
import type { Callouts } from '../callouts/index.ts'
import { Unverified, type Directory, type Recipient, type RouteBook } from '../directory/index.ts'
import { mayBeReturned, type ReturnPaths } from '../routing/index.ts'
import type { MxEnvelope } from './door.ts'
import { takenByRoute } from './mirror.ts'
import { postedTo } from './onward.ts'
import type { Outbound } from './outbound.ts'
import type { Rates } from './rates.ts'

export interface AdmissionDeps {
  clock: Clock
  config: Pick<Config, 'accept'>
  directory: Directory
  routes: Pick<RouteBook, 'get'>
  returnPaths: Pick<ReturnPaths, 'returned'>
  /** left out: nobody is asked */
  callouts?: Pick<Callouts, 'whois'>
  outbound: Pick<Outbound, 'isListed' | 'isOwn' | 'vouches' | 'checkRecipient'>
  /** left out: nothing is counted */
  rates?: Rates
  /** throws WireError while the disk is at its reserve (promise 13) */
  checkDisk(): void
}

/** Throws WireError, or its promise rejects with one: the address is not taken. */
export function admit(deps: AdmissionDeps, address: string, envelope: MxEnvelope): Recipient | Promise<Recipient> {
  deps.checkDisk()
  const isListed = deps.outbound.isListed(envelope)
  const known = isListed ? null : deps.directory.known(address)
  if (known) return somebody(deps, envelope, known)
  const asked = verified(
    deps,
    envelope,
    inTime(
      deps,
      mayBeReturned(address) ? back(deps, address, envelope, isListed) : ask(deps, address, envelope, isListed),
    ),
  )
  // An organisation's own system guesses nothing; a stranger at the same provider may.
  if (deps.outbound.isOwn(envelope)) return asked.then((one) => taken(deps, envelope, one))
  return asked.then(
    (one) => somebody(deps, envelope, one),
    (error: unknown) => nobody(deps, envelope, error),
  )
}

const ask = (
  { outbound, directory }: AdmissionDeps,
  address: string,
  envelope: MxEnvelope,
  isListed: boolean,
): Promise<Recipient> => (isListed ? outbound.checkRecipient(address, envelope) : directory.resolve(address))

/** Where nobody here knows the address and its mail system may be asked, it decides. */
async function verified(
  { callouts, outbound, rates }: AdmissionDeps,
  envelope: MxEnvelope,
  asked: Promise<Recipient>,
): Promise<Recipient> {
  const [found, error] = await asked.then(
    (one) => [one, null] as const,
    (reason: unknown) => [null, reason] as const,
  )
  const unlisted = found ? found.unlisted : error instanceof Unverified ? error.unlisted : undefined
  if (callouts && unlisted) {
    const said = await callouts.whois(unlisted, () => outbound.isOwn(envelope) || !rates || rates.mayAsk(envelope))
    if (said === 'known') return unlisted.recipient
    if (said === 'unknown') throw new WireError('unknown-recipient')
    // Parked is what nobody could say; whoever asks too much comes again.
    if (said === 'limited') throw new WireError('recipient-unverified')
  }
  if (found) return found
  throw error
}

/** It looks like an address of ours that notices come back to. */
const back = async (
  deps: AdmissionDeps,
  address: string,
  envelope: MxEnvelope,
  isListed: boolean,
): Promise<Recipient> =>
  (await deps.returnPaths.returned(address, envelope.from)) ?? ask(deps, address, envelope, isListed)

function taken(deps: AdmissionDeps, envelope: MxEnvelope, recipient: Recipient): Recipient | Promise<Recipient> {
  if (recipient.list && envelope.requireTls)
    throw new WireError('requiretls-not-offered', 'it is a list, whose members are anywhere')
  takenByRoute(deps.routes, recipient, envelope)
  // An organisation's own system is not counted; a stranger at the same provider is.
  if (deps.rates && !deps.outbound.isOwn(envelope)) deps.rates.check(envelope, recipient)
  return recipient.list ? postedTo(deps, recipient, recipient.list, envelope) : recipient
}

function somebody(deps: AdmissionDeps, envelope: MxEnvelope, recipient: Recipient): Recipient | Promise<Recipient> {
  deps.rates?.known(envelope)
  return taken(deps, envelope, recipient)
}

function nobody(deps: AdmissionDeps, envelope: MxEnvelope, error: unknown): never {
  if (error instanceof WireError && error.code === 'unknown-recipient') deps.rates?.unknown(envelope)
  throw error
}

/** Promise 13: a database that hangs is 451 as fast as one that is gone. */
export const inTime = <T>(deps: Pick<AdmissionDeps, 'clock' | 'config'>, asked: Promise<T>): Promise<T> =>
  within(deps.clock, deps.config.accept.answerWithin * 1000, asked, () => new WireError('database-unavailable'))
