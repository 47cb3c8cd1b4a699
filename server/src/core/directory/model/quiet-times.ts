/**
 * Windows of Quiet Time in a declaration: their schema, what may not be said together, and making the table say what the
 * file says. A window is known by its name. Where the file has no `quietTimes` they stay as they are, with --prune too.
 */
import { z } from 'zod'
import { QuietTarget } from '../../../platform/codes.ts'
import type { Sql } from '../../../platform/db/database.ts'
import type { Id } from '../../../platform/ids.ts'
import { removeWindow, windowsOf } from '../../../store/quiet.ts'
import { MOST_WINDOWS, nameSchema, planProblem, planSchema, putWindow, type Plan } from '../../quiet/index.ts'
import { foldAddress, foldDomain } from '../fold.ts'
import { compare, type PlanItem } from './diff.ts'
import type { Problem } from './problems.ts'

const entry = { name: nameSchema.describe('Its name, unique.'), ...planSchema.shape }

export const quietTimeSchema = z.strictObject({
  ...entry,
  for: z
    .strictObject({
      route: z.string().max(100).optional().describe('Mail by this route.'),
      domain: z.string().max(253).optional().describe('Mail to addresses of this domain.'),
      group: z.string().max(100).optional().describe('Mail for people of this group.'),
      person: z.string().max(254).optional().describe('Mail for the person with this address.'),
    })
    .optional()
    .describe('Whose mail waits, one of these; left out: of everybody in the organisation.'),
})
export const quietTimesSchema = z.array(quietTimeSchema).max(MOST_WINDOWS)
/** The provider's own, over all organisations: for everybody. */
export const providersQuietTimesSchema = z.array(z.strictObject(entry)).max(MOST_WINDOWS)

export type DeclaredQuietTime = z.output<typeof quietTimeSchema>
type Named = Pick<DeclaredQuietTime, 'name'> & Plan & Partial<Pick<DeclaredQuietTime, 'for'>>

const planOf = ({ name: _, for: __, ...plan }: Named): Plan => plan
const targetsOf = (one: Named): [string, string][] =>
  Object.entries(one.for ?? {}).filter((pair): pair is [string, string] => pair[1] !== undefined)

export function* quietTimeProblems(declared: readonly Named[], path: string): Generator<Problem> {
  const seen = new Map<string, number>()
  for (const [i, one] of declared.entries()) {
    const at = `${path}.${i}`
    const first = seen.get(one.name)
    if (first !== undefined)
      yield { path: `${at}.name`, text: `"${one.name}" is there already:`, first: `${path}.${first}` }
    seen.set(one.name, first ?? i)
    const targets = targetsOf(one)
    if (one.for !== undefined && targets.length !== 1)
      yield { path: `${at}.for`, text: 'names one of route, domain, group and person; left out it is everybody' }
    const problem = planProblem(planOf(one), targets.length > 0 && targets[0]![0] !== 'route')
    if (problem) yield { path: problem.path === '' ? at : `${at}.${problem.path}`, text: problem.text }
  }
}

/** Who and what a window can be for, as they are to be. */
export interface QuietNames {
  routes: readonly { id: Id; name: string }[]
  domains: readonly { id: Id; name: string }[]
  groups: readonly { id: Id; name: string }[]
  addresses: readonly { address: string; personId: Id }[]
}

function targetOf(one: Named, names: QuietNames): { target: keyof typeof QuietTarget; targetId: Id | null } | null {
  const [[word, name] = ['', '']] = targetsOf(one)
  const found = (target: keyof typeof QuietTarget, id: Id | undefined) =>
    id === undefined ? null : { target, targetId: id }
  const of = (list: readonly { id: Id; name: string }[], wanted: string | null) =>
    list.find((each) => each.name === wanted)?.id
  switch (word) {
    case 'route':
      return found('route', of(names.routes, name))
    case 'domain':
      return found('domain', of(names.domains, foldDomain(name)))
    case 'group':
      return found('group', of(names.groups, name))
    case 'person':
      return found('person', names.addresses.find(({ address }) => address === foldAddress(name))?.personId)
    default:
      return { target: 'all', targetId: null }
  }
}

export interface QuietWork {
  organisationId: Id
  actor: string
  declared: readonly Named[]
  names: QuietNames
  prune: boolean
  newId(): Id
  /** what a window is for is not there: throws */
  refuse(index: number, text: string): never
}

/** What is to be done, and doing it: in the transaction of the whole, which ends with replanHeld. */
export async function planQuietTimes(
  sql: Sql,
  work: QuietWork,
): Promise<{ items: PlanItem[]; carryOut(): Promise<void> }> {
  const { organisationId, actor, declared } = work
  const before = (await windowsOf(sql, organisationId))
    .filter((row) => row.organisationId === organisationId)
    .map(({ windowId, name, target, targetId, plan }) => ({ id: windowId, name, target, targetId, plan }))
  const wanted = declared.map((one, index) => {
    const target = targetOf(one, work.names)
    if (target === null) {
      const [[word, name] = ['', '']] = targetsOf(one)
      work.refuse(index, `there is no ${word} "${name}" in this organisation`)
    }
    return {
      id: before.find(({ name }) => name === one.name)?.id ?? work.newId(),
      name: one.name,
      target: QuietTarget[target.target],
      targetId: target.targetId,
      plan: planOf(one),
      word: target.target,
    }
  })
  const compared = compare(
    'quiet time',
    before,
    wanted.map(({ word: _, ...row }) => row),
    { nameOf: ({ name }) => name },
  )
  const gone = work.prune ? before.filter(({ id }) => !wanted.some((one) => one.id === id)) : []
  return {
    items: [
      ...compared.items,
      ...gone.map(({ name }): PlanItem => ({ act: 'remove', thing: 'quiet time', name, detail: '' })),
    ],
    async carryOut() {
      for (const { id } of gone) await removeWindow(sql, organisationId, id)
      for (const one of wanted)
        if (compared.write.some(({ id }) => id === one.id))
          await putWindow(sql, { organisationId, actor }, one.id, { ...one, target: one.word })
    },
  }
}
