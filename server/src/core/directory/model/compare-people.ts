/** People with their addresses and what they may write from: one line of the plan for each who differs. */
import { DelegationKind, wordOf } from '../../../platform/codes.ts'
import type { Id } from '../../../platform/ids.ts'
import type { PersonModel } from '../../../store/model.ts'
import type { Current, Desired } from './desired.ts'
import { compare, type Compared } from './diff.ts'

type Whole = PersonModel & { addresses: string[]; delegations: string[] }

export function comparePeople(current: Current, desired: Desired): Compared<Whole> {
  const listOf = <T extends { personId: Id }>(rows: readonly T[], textOf: (row: T) => string): Map<Id, string[]> => {
    const lists = new Map<Id, string[]>()
    for (const row of rows) {
      const text = textOf(row)
      const list = lists.get(row.personId)
      if (list) list.push(text)
      else lists.set(row.personId, [text])
    }
    for (const list of lists.values()) list.sort()
    return lists
  }
  const whole = ({ people, addresses, delegations }: Pick<Current, 'people' | 'addresses' | 'delegations'>) => {
    const own = listOf(
      addresses,
      ({ display, primary, fromSource }) =>
        `${display}${primary ? ' (primary)' : ''}${fromSource ? ' (from a directory)' : ''}`,
    )
    const others = listOf(delegations, ({ display, kind }) => `${wordOf(DelegationKind, kind)} ${display}`)
    return people.map((row) => ({
      ...row,
      addresses: own.get(row.id) ?? [],
      delegations: others.get(row.id) ?? [],
    }))
  }
  return compare('person', whole(current), whole(desired), { nameOf: (row) => row.name })
}
