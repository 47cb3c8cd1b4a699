/** Keeping and sending: once, whatever becomes of the answer and of other windows. */
import { beforeEach, expect, test, vi } from 'vitest'
import { jmap } from '../data/jmap/client.ts'
import type { Draft } from './draft.ts'
import { saveDraft, sendDraft } from './send.ts'

const draft = (change: Partial<Draft> = {}): Draft => ({
  id: null,
  identityId: 'i1',
  to: 'bob@corp.test',
  cc: '',
  bcc: '',
  subject: 'Lunch',
  text: 'At noon?',
  html: null,
  files: [],
  inReplyTo: [],
  references: [],
  answers: null,
  messageId: '',
  blind: false,
  tried: null,
  ...change,
})
const folders = { drafts: 'm2', sent: 'm3' }

interface Mail {
  messageId: string[]
  keywords: Record<string, boolean>
  subject: string
}
/** A server with its mail; `lose` swallows the answer to the next call of that name, after it was done or before. */
let mails: Map<string, Mail>
let saved: number
let sent: string[]
/** a draft that is just being sent: the server does not destroy it */
let leaving: string | null
let lose: { name: string; when: 'before' | 'after' } | null
interface Args {
  ids?: string[]
  destroy?: string[]
  create?: { draft?: Mail; sending?: { emailId: string; envelope?: Envelope } }
  filter?: { emailIds?: string[] }
  update?: Record<string, Record<string, unknown>>
}
interface Envelope {
  mailFrom: { email: string; parameters: Record<string, string> }
  rcptTo: { email: string }[]
}
/** what waits: submission id → email, and how it was asked for */
let held: Map<string, { emailId: string; envelope: Envelope }>
/** the server holds nothing: a time that was asked for is over */
let over: boolean
const done = (name: string, args: Args): unknown => {
  if (name === 'EmailSubmission/query')
    return { ids: [...held].filter(([, { emailId }]) => args.filter!.emailIds!.includes(emailId)).map(([id]) => id) }
  if (name === 'Email/set' && args.update) {
    for (const id of Object.keys(args.update)) mails.get(id)!.keywords = {}
    return { updated: args.update }
  }
  if (name === 'Email/query') return { ids: [...mails.keys()].filter((id) => mails.get(id)!.keywords.$draft).reverse() }
  if (name === 'Email/get')
    return {
      list: (args.ids ?? [...mails.keys()]).filter((id) => mails.has(id)).map((id) => ({ id, ...mails.get(id)! })),
    }
  if (name === 'Email/set') {
    const id = `e${++saved}`
    const { messageId, subject } = args.create!.draft!
    mails.set(id, { messageId, subject, keywords: { $draft: true } })
    const kept = (args.destroy ?? []).filter((each) => each === leaving || !mails.delete(each))
    return {
      created: { draft: { id } },
      notDestroyed: Object.fromEntries(
        kept.map((each) => [each, { type: each === leaving ? 'forbidden' : 'notFound' }]),
      ),
    }
  }
  const { emailId: id, envelope } = args.create!.sending!
  if (envelope && !over) {
    const before = [...held].find(([, { emailId }]) => emailId === id)
    const submission = before?.[0] ?? `h${held.size + 1}`
    held.set(submission, { emailId: id, envelope })
    return { created: { sending: { id: submission, undoStatus: 'pending', sendAt: '2026-12-24T18:00:00Z' } } }
  }
  sent.push(id)
  if (!envelope) mails.get(id)!.keywords = {}
  return { created: { sending: { id: 's', undoStatus: 'final' } } }
}
const answer = (name: string, args: Args): unknown => {
  const lost = lose?.name === name ? lose : null
  if (lost) lose = null
  if (lost?.when === 'before') throw new TypeError('network')
  const result = done(name, args)
  if (lost) throw new TypeError('network')
  return result
}
beforeEach(() => {
  mails = new Map()
  saved = 0
  sent = []
  lose = leaving = null
  held = new Map()
  over = false
  vi.spyOn(jmap, 'run').mockImplementation(async (calls) => calls.map(([name, args]) => answer(name, args)))
  vi.spyOn(jmap, 'one').mockImplementation(async (name: string, args: Args) => answer(name, args))
})

/** A window: what it holds of the draft, and what it was told last. */
function windowWith(at: Draft) {
  const here = {
    draft: at,
    told: '',
    async send() {
      here.told = ''
      await sendDraft(here.draft, undefined, folders, (part) =>
        Object.assign((here.draft = { ...here.draft }), part),
      ).catch((error: unknown) => {
        here.told = (error as Error).message
      })
    },
    async save() {
      try {
        const { part, before } = await saveDraft(here.draft, undefined, folders.drafts)
        here.draft = { ...here.draft, ...part }
        here.told = before
      } catch {
        here.draft = { ...here.draft, blind: true }
      }
    },
  }
  return here
}
const drafts = () => [...mails].filter(([, { keywords }]) => keywords.$draft).map(([id]) => id)

test('a send is one save and one submission', async () => {
  await windowWith(draft()).send()
  expect([saved, sent]).toEqual([1, ['e1']])
})

test('the answer was lost but it had left: the next click sends nothing, after a reload too', async () => {
  lose = { name: 'EmailSubmission/set', when: 'after' }
  const first = windowWith(draft())
  await first.send()
  expect(first.draft).toMatchObject({ id: 'e1', tried: 'as-is' })
  // what was kept on this device is all that a reload leaves
  await windowWith(JSON.parse(JSON.stringify(first.draft)) as Draft).send()
  expect([saved, sent]).toEqual([1, ['e1']])
})

test('the request was lost: the next click sends the same draft', async () => {
  lose = { name: 'EmailSubmission/set', when: 'before' }
  const here = windowWith(draft())
  await here.send()
  await here.send()
  expect([saved, sent]).toEqual([1, ['e1']])
  expect(here.draft.tried).toBeNull()
})

test('what was changed meanwhile is another message; that the first had left is told before, and the first stays', async () => {
  lose = { name: 'EmailSubmission/set', when: 'after' }
  const here = windowWith(draft())
  await here.send()
  here.draft = { ...here.draft, text: 'At one?', tried: 'before-changes' }
  await here.send()
  expect([sent, here.told]).toEqual([['e1'], 'leftBefore'])
  await here.send()
  expect(sent).toEqual(['e1', 'e3'])
  expect([...mails.keys()]).toEqual(['e1', 'e3'])
  expect(mails.get('e1')!.messageId).not.toEqual(mails.get('e3')!.messageId)
})

test('changed after a request that was lost: only the new text leaves', async () => {
  lose = { name: 'EmailSubmission/set', when: 'before' }
  const here = windowWith(draft())
  await here.send()
  here.draft = { ...here.draft, text: 'At one?', tried: 'before-changes' }
  await here.send()
  expect([sent, [...mails.keys()]]).toEqual([['e2'], ['e2']])
})

test('two windows with one draft: the second is told that the first has sent it, and sends only when asked again', async () => {
  const author = windowWith(draft())
  await author.save()
  const [one, two] = [windowWith(author.draft), windowWith(author.draft)]
  await one.send()
  await two.send()
  expect([sent.length, two.told]).toEqual([1, 'draftElsewhere'])
  await two.send()
  expect(sent).toHaveLength(2)
})

test('a window that holds the very draft another has sent takes nothing out of Sent', async () => {
  const author = windowWith(draft())
  await author.save()
  const other = windowWith(author.draft)
  author.draft = { ...author.draft, tried: 'as-is' }
  await author.send()
  await other.save()
  expect(other.told).toBe('left')
  expect(mails.has(sent[0]!)).toBe(true)
})

test('a draft that another window is just sending is not replaced in silence', async () => {
  const here = windowWith(draft())
  await here.save()
  leaving = 'e1'
  await here.send()
  expect([sent, here.told]).toEqual([[], 'leftBefore'])
})

test('a save whose answer was lost leaves no second draft', async () => {
  const here = windowWith(draft())
  await here.save()
  lose = { name: 'Email/set', when: 'after' }
  await here.save()
  await here.save()
  expect([drafts(), here.told]).toEqual([['e3'], 'ours'])
  lose = { name: 'Email/set', when: 'before' }
  await here.save()
  await here.save()
  expect([drafts(), here.told]).toEqual([['e4'], 'ours'])
})

const alice = { id: 'i1', name: 'Alice', email: 'alice@corp.test', replyTo: null, textSignature: '', htmlSignature: '' }
const hold = (at: Draft, parts: Partial<Draft>[], wish: Parameters<typeof sendDraft>[4]) =>
  sendDraft(at, alice, folders, (part) => void parts.push(part), wish)

test('held: the whole envelope goes along, each recipient once; the draft stays one until the server sends it', async () => {
  const to = draft({ to: 'Bob <bob@corp.test>, c@x.test', cc: 'd@x.test', bcc: 'bob@corp.test' })
  expect(await hold(to, [], { seconds: 10 })).toEqual({
    submissionId: 'h1',
    emailId: 'e1',
    sendAt: '2026-12-24T18:00:00Z',
  })
  expect(held.get('h1')!.envelope).toEqual({
    mailFrom: { email: 'alice@corp.test', parameters: { HOLDFOR: '10' } },
    rcptTo: [{ email: 'bob@corp.test' }, { email: 'c@x.test' }, { email: 'd@x.test' }],
  })
  expect([sent, drafts()]).toEqual([[], ['e1']])
})

test('held, and the answer was lost: the next click finds what waits, and makes no second one', async () => {
  lose = { name: 'EmailSubmission/set', when: 'after' }
  const parts: Partial<Draft>[] = []
  await expect(hold(draft(), parts, { until: '2026-12-24T18:00:00Z' })).rejects.toThrow('network')
  const kept = Object.assign(draft(), ...parts) as Draft
  expect(kept.tried).toBe('as-is')
  expect(await hold(kept, [], { until: '2026-12-24T18:00:00Z' })).toMatchObject({ submissionId: 'h1', emailId: 'e1' })
  expect([held.size, saved, sent]).toEqual([1, 1, []])
})

test('a time that is over when it arrives: it has left, and lies in Sent', async () => {
  over = true
  expect(await hold(draft(), [], { until: '2020-01-01T00:00:00Z' })).toBeNull()
  expect([sent, drafts()]).toEqual([['e1'], []])
})
