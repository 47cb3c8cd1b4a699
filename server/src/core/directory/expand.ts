/**
 * Where the mail of an address that stands for others goes in the end: people here, addresses the organisation's mail
 * systems know, addresses in the world. Redirects may lead to redirects, and a list stands for its members; each is followed
 * once, so a ring of them ends.
 *
 * A target whom nobody knows is left out and the rest still gets its mail; where nobody is left, the address itself is
 * unknown (550). What cannot be said just now is said of the whole address (450), and what leads too far is a mistake an
 * admin has to mend (451): nothing is lost meanwhile, the sender tries again.
 */
import { WireError } from '../../platform/errors.ts'
import { NIL_ID, type Id } from '../../platform/ids.ts'
import { foldAddress } from './fold.ts'
import type { Entry } from './lookup.ts'
import type { Recipient } from './recipient.ts'

/** Final recipients of one address. */
export const MOST_FINALS = 2000
/** Redirects one behind the other. */
export const DEEPEST = 10
/** Targets that are looked at on the way, also where they are the same again and again. */
export const MOST_TARGETS = 5000

const tooFar = (address: string, text: string): WireError =>
  new WireError('config', `<${address}> is redirected ${text}; an administrator has to correct its redirects`)

export interface Targets {
  /** Throws WireError. Its admin's word for it that a target exists counts (lookup.ts). */
  find(target: string): Promise<Entry>
  /** These will be asked for: all at once costs less than one by one. */
  load(targets: readonly string[]): Promise<void>
}

/** Where it all goes, and the targets that nobody knows. */
export interface Expansion {
  to: readonly Recipient[]
  unknown: readonly string[]
}

export async function expand(start: Entry, address: string, targets: Targets): Promise<Expansion> {
  const followed = new Set<string>()
  const finals = new Map<string, Recipient>()
  const unknown: string[] = []
  let looked = 0

  const keep = (recipient: Recipient): void => {
    const key = recipient.personId ?? recipient.folded
    if (!finals.has(key)) finals.set(key, recipient)
    if (finals.size > MOST_FINALS) throw tooFar(address, `to more than ${MOST_FINALS} recipients`)
  }
  const ask = async (target: string): Promise<Entry | null> => {
    try {
      return await targets.find(target)
    } catch (error) {
      if (error instanceof WireError && error.code === 'unknown-recipient') return null
      throw error
    }
  }

  async function follow({ recipient, redirect }: Entry, depth: number): Promise<void> {
    if (redirect === null) return keep(recipient)
    if (followed.has(redirect.id)) return
    if (depth > DEEPEST) throw tooFar(address, `more than ${DEEPEST} times, one after the other`)
    followed.add(redirect.id)
    if (redirect.keepCopy && recipient.personId !== null) keep(recipient)
    if (looked + redirect.targets.length <= MOST_TARGETS) await targets.load(redirect.targets)
    for (const target of redirect.targets) {
      if (++looked > MOST_TARGETS) throw tooFar(address, `to more than ${MOST_TARGETS} addresses`)
      const next = await ask(target)
      if (next) await follow(next, depth + 1)
      else unknown.push(target)
    }
  }

  await follow(start, 1)
  if (finals.size > 0) return { to: [...finals.values()], unknown }
  throw new WireError('unknown-recipient', 'the addresses that it stands for do not exist')
}

/** Somebody in the world, or of another organisation here, whom the organisation's way out reaches. */
export function inTheWorld(organisationId: Id, outboundRouteId: Id | null, target: string): Recipient {
  if (outboundRouteId === null)
    throw new WireError(
      'config',
      'this organisation has no way out to the world: set `outboundRoute` in its file and apply it',
    )
  return {
    organisationId,
    domainId: NIL_ID,
    address: target,
    folded: foldAddress(target) ?? target.toLowerCase(),
    personId: null,
    routeId: outboundRouteId,
    filtering: false,
    rollingCopy: false,
    isProtected: false,
    retentionDays: 0,
    standing: 'outside',
  }
}
