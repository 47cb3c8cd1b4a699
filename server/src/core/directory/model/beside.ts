/** What a declaration says of people beside their rows: cards, members of shared mailboxes, and with them the address book. */
import type { Sql } from '../../../platform/db/database.ts'
import type { Id } from '../../../platform/ids.ts'
import { planCards } from './cards.ts'
import type { Current, Desired } from './desired.ts'
import type { PlanItem } from './diff.ts'
import type { Removals } from './prune.ts'
import { planShared } from './shared.ts'

type Rows = readonly { id: Id }[]

export interface BesidePlan {
  items: PlanItem[]
  /** before anybody is removed */
  writeMembers(): Promise<void>
  /** at the end; `changed`: what was written of people, and of lists and groups */
  writeBook(changed: { people: Rows; collections: Rows }): Promise<void>
}

export async function planBeside(
  sql: Sql,
  { current, desired, removals, now }: { current: Current; desired: Desired; removals: Removals | null; now: number },
  refuse: (index: number, key: string, text: string) => never,
): Promise<BesidePlan> {
  const { id } = desired.organisation
  const cards = await planCards(sql, id, desired.declared)
  const known = {
    now,
    before: current.people,
    people: [...current.people, ...desired.people],
    addresses: [...current.addresses, ...desired.addresses],
    groups: [...current.groups, ...desired.groups],
  }
  const shared = await planShared(sql, id, desired.declared, known, refuse)
  const gone = removals ? removals.people.map((person) => person.id) : []
  const fewer = removals ? removals.groups.length + removals.lists.length : 0
  return {
    items: [...cards.items, ...shared.items],
    writeMembers: () => shared.carryOut(),
    writeBook: ({ people, collections }) =>
      cards.carryOut([...people.map((person) => person.id), ...gone], collections.length + fewer > 0),
  }
}
