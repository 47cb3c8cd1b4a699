/** Reading what the planner needs to know, inside the transaction that carries the plan out. */
import type { Sql } from '../../../platform/db/database.ts'
import type { Id } from '../../../platform/ids.ts'
import { readCards } from '../../../store/cards.ts'
import * as store from '../../../store/directory-sources.ts'
import * as model from '../../../store/model.ts'
import type { Said, SourceList } from './entry.ts'
import { foldAddress } from '../fold.ts'
import type { Link, PersonState, Present } from './present.ts'

export async function loadPresent(
  sql: Sql,
  wish: Pick<Present, 'sourceId' | 'settings' | 'now' | 'spent'> & { organisationId: Id },
  list: SourceList,
): Promise<Present> {
  const { organisationId, sourceId } = wish
  const links = new Map<Id, Link[]>()
  const absent: Id[] = []
  for (const row of await store.readLinks(sql, organisationId)) {
    const missingSince = row.missingSince?.getTime() ?? null
    if (row.sourceId === sourceId && missingSince !== null) absent.push(row.personId)
    const link = { ...row, said: row.said as Said, linkedAt: row.linkedAt.getTime(), missingSince }
    const others = links.get(row.personId)
    if (others) others.push(link)
    else links.set(row.personId, [link])
  }
  const people = new Map<Id, PersonState>()
  for (const row of await model.readPeople(sql, organisationId))
    people.set(row.id, { ...row, addresses: [], links: links.get(row.id) ?? [] })
  for (const { id, ...card } of await readCards(sql, organisationId)) {
    const person = people.get(id)
    if (person) person.card = card
  }
  for (const row of await model.readAddresses(sql, organisationId)) people.get(row.personId)!.addresses.push(row)
  return {
    sourceId,
    settings: wish.settings,
    now: wish.now,
    domains: new Map((await model.readDomains(sql, organisationId)).map(({ name, id }) => [name, id])),
    groups: await model.readGroups(sql, organisationId),
    people: [...people.values()],
    taken: await takenNames(sql, organisationId, list),
    owed: await owedOnes(sql, organisationId, absent),
    ...(wish.spent === undefined ? {} : { spent: wish.spent }),
  }
}

async function takenNames(sql: Sql, organisationId: Id, list: SourceList): Promise<Map<string, string>> {
  const names = new Set<string>()
  for (const { addresses, upn } of list.entries)
    for (const written of upn ? [...addresses, upn.trim()] : addresses) {
      const folded = foldAddress(written) ?? written.toLowerCase()
      if (folded.isWellFormed() && !folded.includes('\0')) names.add(folded)
    }
  const asked = [...names]
  const taken = new Map<string, string>()
  const elsewhere = await model.takenElsewhere(sql, organisationId, {
    domains: [],
    addresses: asked,
    upns: asked,
    systems: [],
  })
  // Whose they are elsewhere is nothing an admin of this organisation needs to hear.
  for (const { name } of elsewhere) taken.set(name, 'somebody outside this organisation')
  for (const { address, name } of await store.listAddresses(sql, asked)) taken.set(address, `the list ${name}`)
  return taken
}

async function owedOnes(sql: Sql, organisationId: Id, people: readonly Id[]): Promise<Map<Id, string>> {
  const owed = new Map<Id, string>()
  for (const { id, waiting, owed: isOwed, here, toLeave } of await store.whatHolds(sql, organisationId, people)) {
    const why = [
      ...(waiting ? ['mail for them waits to be delivered'] : []),
      ...(isOwed ? ['mail they sent is yet to go home'] : []),
      ...(here ? ['mail they sent is only here'] : []),
      ...(toLeave ? ['mail of theirs waits for its time'] : []),
    ]
    if (why.length > 0) owed.set(id, why.join('; '))
  }
  return owed
}
