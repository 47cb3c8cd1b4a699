/**
 * Shared mailboxes of a declaration: a person that nobody signs in as, and who reads its mail beside their own. The file is
 * the whole truth about the members of each it names.
 */
import { z } from 'zod'
import { DelegationKind, PersonKind } from '../../../platform/codes.ts'
import { nearest } from '../../../platform/nearest.ts'
import type { Sql } from '../../../platform/db/database.ts'
import type { Id } from '../../../platform/ids.ts'
import { readMembers, writeMembers, type MemberRow } from '../../../store/shared.ts'
import { foldAddress } from '../fold.ts'
import { HAND_OVER, notApproved, tellHandedOver, whoseMail } from './hand-over.ts'
import type { PlanItem } from './diff.ts'
import type { Problem } from './problems.ts'

const memberSchema = z
  .strictObject({
    person: z
      .string()
      .max(254)
      .refine((value) => foldAddress(value) !== null, 'is not an e-mail address')
      .optional()
      .describe('Any address of the person.'),
    group: z.string().max(100).optional().describe('Or name of a group: everybody in it.'),
    access: z
      .enum(['read', 'write'])
      .default('write')
      .describe('read: sees its mail. write: also marks, moves, deletes and answers, for everybody.'),
    send: z
      .enum(['no', 'sendAs', 'onBehalf'])
      .default('no')
      .describe(
        "Whether they write from its addresses: sendAs, as the mailbox itself (who it was stands in the audit only); onBehalf, with the person's own address as Sender.",
      ),
  })
  .refine(({ person, group }) => (person === undefined) !== (group === undefined), 'one of person and group')

export const sharedSchema = z
  .strictObject({
    kind: z.enum(['shared', 'room']).default('shared').describe('room: the mailbox of a room or a thing.'),
    members: z.array(memberSchema).max(1000).default([]).describe('Who reads it, each signed in as themselves.'),
  })
  .optional()
  .describe('A mailbox of several: nobody signs in to it by itself, its members find it beside their own.')
type DeclaredShared = z.output<typeof sharedSchema>

export const kindOf = (shared: DeclaredShared): number => PersonKind[shared?.kind ?? 'person']

interface SharedPerson {
  name: string
  shared?: DeclaredShared
  password?: string | undefined
  passwordFile?: string | undefined
  invite: boolean
  upn?: string | undefined
  privateAddress?: string | undefined
  role: string
  sendAs: readonly string[]
  sendOnBehalfOf: readonly string[]
}

/** What belongs to somebody who signs in. */
export function* sharedProblems(person: SharedPerson, path: string): Generator<Problem> {
  if (person.shared === undefined) return
  const { password, passwordFile, invite, upn, privateAddress, role, sendAs, sendOnBehalfOf } = person
  const theirs = {
    password,
    passwordFile,
    invite: invite || undefined,
    upn,
    privateAddress,
    role: role === 'person' ? undefined : role,
    sendAs: sendAs[0],
    sendOnBehalfOf: sendOnBehalfOf[0],
  }
  for (const [key, value] of Object.entries(theirs))
    if (value !== undefined) yield { path: `${path}.${key}`, text: 'nobody signs in to a shared mailbox' }
}

interface Known {
  /** milliseconds */
  now: number
  /** as they were until now */
  before: readonly { id: Id; kind: number }[]
  people: readonly { id: Id; name: string; kind: number }[]
  addresses: readonly { address: string; personId: Id }[]
  groups: readonly { id: Id; name: string }[]
}

export interface SharedPlan {
  items: PlanItem[]
  carryOut(): Promise<void>
}

const same = (a: readonly MemberRow[], b: readonly MemberRow[]): boolean => {
  const text = (rows: readonly MemberRow[]) =>
    rows
      .map(({ memberId, mayWrite, send }) => `${memberId} ${mayWrite} ${send}`)
      .sort()
      .join('\n')
  return text(a) === text(b)
}

export async function planShared(
  sql: Sql,
  organisationId: Id,
  declared: ReadonlyMap<Id, SharedPerson>,
  known: Known,
  refuse: (index: number, key: string, text: string) => never,
): Promise<SharedPlan> {
  const byAddress = new Map(known.addresses.map(({ address, personId }) => [address, personId]))
  const byName = new Map(known.groups.map(({ id, name }) => [name, id]))
  const kinds = new Map(known.people.map(({ id, kind }) => [id, kind]))
  const before = grouped(await readMembers(sql, organisationId))
  const asShared: { id: Id; index: number; joins: boolean }[] = []
  const items: PlanItem[] = []
  const changed: Id[] = []
  const rows: MemberRow[] = []
  for (const [index, [mailboxId, { name, shared }]] of [...declared].entries()) {
    const members = (shared?.members ?? []).map((member, place): MemberRow => {
      const key = `shared.members.${place}`
      const found = member.person === undefined ? byName.get(member.group!) : byAddress.get(foldAddress(member.person)!)
      if (found === undefined) {
        const near = member.group === undefined ? undefined : nearest(member.group, [...byName.keys()])
        const hint = near ? `; did you mean "${near}"?` : ''
        refuse(
          index,
          key,
          `there is no ${member.group === undefined ? 'person' : 'group'} "${member.person ?? member.group}" in this organisation${hint}`,
        )
      }
      if (member.person !== undefined && kinds.get(found) !== PersonKind.person)
        refuse(index, key, `"${member.person}" is a shared mailbox itself: nobody signs in to it`)
      return {
        mailboxId,
        memberId: found,
        isGroup: member.person === undefined,
        mayWrite: member.access === 'write',
        send: member.send === 'no' ? null : DelegationKind[member.send],
      }
    })
    const once = new Set(members.map(({ memberId }) => memberId))
    if (once.size !== members.length) refuse(index, 'shared.members', 'names somebody twice')
    const reading = new Set((before.get(mailboxId) ?? []).map(({ memberId }) => memberId))
    if (shared !== undefined)
      asShared.push({ id: mailboxId, index, joins: members.some(({ memberId }) => !reading.has(memberId)) })
    if (same(before.get(mailboxId) ?? [], members)) continue
    changed.push(mailboxId)
    rows.push(...members)
    items.push({ act: 'change', thing: 'person', name, detail: `members of the mailbox: ${members.length}` })
  }
  const handed = await whoseMail(sql, organisationId, known.before, asShared)
  const missing = await notApproved(sql, organisationId, handed)
  for (const { id, index } of asShared) if (missing.has(id)) refuse(index, 'shared', HAND_OVER)
  const shared = [...declared].filter(([, one]) => one.shared !== undefined).map(([id]) => id)
  const touched = new Set([...changed, ...shared])
  const unchanged = (id: Id): MemberRow[] => (changed.includes(id) ? [] : (before.get(id) ?? []))
  return {
    items,
    async carryOut() {
      if (touched.size > 0)
        await writeMembers(sql, organisationId, [...touched], [...rows, ...shared.flatMap(unchanged)])
      await tellHandedOver(sql, organisationId, handed, known.now)
    },
  }
}

function grouped(rows: readonly MemberRow[]): Map<Id, MemberRow[]> {
  const map = new Map<Id, MemberRow[]>()
  for (const row of rows) map.set(row.mailboxId, [...(map.get(row.mailboxId) ?? []), row])
  return map
}
