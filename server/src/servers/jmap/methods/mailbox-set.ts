/** Mailbox/set (RFC 8621 section 2.5). */
import { z } from 'zod'
import type { FolderOutcome, FolderProblem } from '../../../core/mailbox/index.ts'
import {
  folderNoOf,
  invalidProperty,
  mailboxId,
  MethodError,
  parsePatch,
  SetProblem,
  type Json,
  type SetErrorType,
} from '../../../protocols/jmap/index.ts'
import { checkAccount, readArgs, realId, type Call, type Method } from '../call.ts'
import { setArgs } from '../schemas.ts'
import { checkSetSize, oneByOne, refuseUnknown, SetOutcome } from '../standard.ts'

const schema = z.strictObject({ ...setArgs, onDestroyRemoveEmails: z.boolean().default(false) })
const SETTABLE = ['name', 'parentId', 'role', 'sortOrder', 'isSubscribed']

const PROBLEMS: Record<FolderProblem, { type: SetErrorType; text: string; properties?: string[] }> = {
  'not-found': { type: 'notFound', text: 'there is no such mailbox' },
  'no-parent': { type: 'invalidProperties', text: 'there is no such parent', properties: ['parentId'] },
  'name-taken': { type: 'invalidProperties', text: 'a mailbox with this name is there already', properties: ['name'] },
  'bad-name': {
    type: 'invalidProperties',
    text: 'a name has 1 to 255 octets and no control characters',
    properties: ['name'],
  },
  'too-deep': { type: 'invalidProperties', text: 'nested too deep, or into itself', properties: ['parentId'] },
  'too-many': { type: 'overQuota', text: 'there are too many mailboxes' },
  'standard': { type: 'forbidden', text: 'a standard mailbox stays as it is' },
  'has-child': { type: 'mailboxHasChild', text: 'other mailboxes are in it' },
  'has-email': { type: 'mailboxHasEmail', text: 'messages are in it' },
}

function checked(outcome: FolderOutcome): number {
  if ('folderNo' in outcome) return outcome.folderNo
  const { type, text, properties } = PROBLEMS[outcome.problem]
  throw new SetProblem(type, text, properties ? { properties } : {})
}

function readName(value: Json | undefined): string {
  if (typeof value !== 'string') throw invalidProperty('name', 'a name is needed')
  return value.normalize('NFC')
}

function readParent(value: Json | undefined, call: Call): number | null {
  if (value === undefined || value === null) return null
  const folderNo = typeof value === 'string' ? folderNoOf(realId(value, call)) : null
  if (folderNo === null) throw invalidProperty('parentId', 'there is no such parent')
  return folderNo
}

/** The rest of what may be set has one value here. */
function refuseOthers(values: Iterable<[string, Json]>): void {
  for (const [property, value] of values) {
    if (property === 'role' && value !== null) throw invalidProperty('role', 'roles are given by the server')
    if (property === 'isSubscribed' && value !== true)
      throw invalidProperty('isSubscribed', 'every mailbox is subscribed')
    if (property === 'sortOrder' && typeof value !== 'number') throw invalidProperty('sortOrder', 'a number expected')
  }
}

export const mailboxSet: Method = async (raw, call) => {
  const args = readArgs(schema, raw)
  checkAccount(args.accountId, call)
  checkSetSize(args)
  const { mailbox, owner } = call
  const oldState = await mailbox.formatState('b', await mailbox.state(owner))
  if (args.ifInState !== null && args.ifInState !== undefined && args.ifInState !== oldState)
    throw new MethodError('stateMismatch', 'somebody changed it meanwhile')
  const outcome = new SetOutcome()
  const create = args.create ?? {}
  await oneByOne(creationOrder(create), outcome.notCreated, async (key) => {
    const wish = create[key]!
    refuseUnknown(wish, (property) => SETTABLE.includes(property))
    refuseOthers(Object.entries(wish))
    const folderNo = checked(
      await mailbox.createFolder(owner, { name: readName(wish.name), parentNo: readParent(wish.parentId, call) }),
    )
    const id = mailboxId(folderNo)
    call.createdIds.set(key, id)
    outcome.created[key] = {
      id,
      ...(wish.parentId === undefined ? { parentId: null } : {}),
      role: null,
      sortOrder: 100,
      totalEmails: 0,
      unreadEmails: 0,
      totalThreads: 0,
      unreadThreads: 0,
      isSubscribed: true,
      myRights: {
        mayReadItems: true,
        mayAddItems: true,
        mayRemoveItems: true,
        maySetSeen: true,
        maySetKeywords: true,
        mayCreateChild: true,
        mayRename: true,
        mayDelete: true,
        maySubmit: true,
      },
    }
  })
  await oneByOne(Object.keys(args.update ?? {}), outcome.notUpdated, async (key) => {
    const id = realId(key, call)
    const { whole, inner } = parsePatch(args.update![key])
    if (inner.size > 0) throw new SetProblem('invalidPatch', 'a mailbox has nothing to patch inside')
    refuseUnknown(Object.fromEntries(whole), (property) => SETTABLE.includes(property))
    const folderNo = folderNoOf(id)
    if (folderNo === null) throw new SetProblem('notFound', 'there is no such mailbox')
    refuseOthers(whole)
    checked(
      await mailbox.changeFolder(owner, folderNo, {
        ...(whole.has('name') ? { name: readName(whole.get('name')) } : {}),
        ...(whole.has('parentId') ? { parentNo: readParent(whole.get('parentId'), call) } : {}),
      }),
    )
    outcome.updated[id] = whole.has('sortOrder') ? { sortOrder: 100 } : null
  })
  // Children before their parents, so that a whole tree can go in one call.
  const doomed = [...new Set((args.destroy ?? []).map((key) => realId(key, call)))].sort(
    (a, b) => (folderNoOf(b) ?? 0) - (folderNoOf(a) ?? 0),
  )
  await oneByOne(doomed, outcome.notDestroyed, async (id) => {
    const folderNo = folderNoOf(id)
    if (folderNo === null) throw new SetProblem('notFound', 'there is no such mailbox')
    checked(await mailbox.destroyFolder(owner, folderNo, args.onDestroyRemoveEmails))
    outcome.destroyed.push(id)
  })
  const newState = await mailbox.formatState('b', await mailbox.state(owner))
  return { accountId: args.accountId, oldState, newState, ...outcome.toJSON() }
}

/** A parent that is made in the same call comes before its children (RFC 8620 section 5.3). */
function creationOrder(create: Record<string, Record<string, Json>>): string[] {
  const done: string[] = []
  const visit = (key: string, depth: number): void => {
    if (done.includes(key) || depth > 100) return
    const parent = create[key]?.parentId
    if (typeof parent === 'string' && parent.startsWith('#') && Object.hasOwn(create, parent.slice(1)))
      visit(parent.slice(1), depth + 1)
    if (!done.includes(key)) done.push(key)
  }
  for (const key of Object.keys(create)) visit(key, 0)
  return done
}
