/** Sending: once, whatever becomes of the answer. */
import { beforeEach, expect, test, vi } from 'vitest'
import { jmap } from '../data/jmap/client.ts'
import { sendDraft, type Draft } from './draft.ts'

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
  ...change,
})
const folders = { drafts: 'm2', sent: 'm3' }

/** A server: what was saved, what was sent; `lose` swallows the answer to the next submission. */
let saved: number
let sent: string[]
let keywords: Record<string, Record<string, boolean>>
let lose: 'before' | 'after' | null
beforeEach(() => {
  saved = 0
  sent = []
  keywords = {}
  lose = null
  vi.spyOn(jmap, 'run').mockImplementation(async () => {
    const id = `e${++saved}`
    keywords[id] = { $draft: true }
    return [{ created: { draft: { id } } }]
  })
  vi.spyOn(jmap, 'one').mockImplementation(
    async (name: string, args: { ids?: string[]; create?: { sending: { emailId: string } } }) => {
      if (name === 'Email/get')
        return { list: args.ids!.filter((id) => keywords[id]).map((id) => ({ keywords: keywords[id] })) }
      const id = args.create!.sending.emailId
      const how = lose
      lose = null
      if (how === 'before') throw new TypeError('network')
      sent.push(id)
      keywords[id] = {}
      if (how === 'after') throw new TypeError('network')
      return { created: { sending: { id: 's' } } }
    },
  )
})

const send = async (at: Draft): Promise<Draft> => {
  let id = at.id
  await sendDraft(at, undefined, folders, (now) => {
    id = now
  }).catch(() => undefined)
  return { ...at, id }
}

test('a send is one save and one submission', async () => {
  await send(draft())
  expect([saved, sent]).toEqual([1, ['e1']])
})

test('the answer was lost but it had left: the next click sends nothing', async () => {
  lose = 'after'
  const again = await send(draft())
  await send(again)
  expect([saved, sent]).toEqual([1, ['e1']])
})

test('the request was lost: the next click sends the same draft', async () => {
  lose = 'before'
  const again = await send(draft())
  await send(again)
  expect([saved, sent]).toEqual([1, ['e1']])
})

test('what was changed meanwhile is another message', async () => {
  lose = 'before'
  const again = await send(draft())
  await send({ ...again, text: 'At one?' })
  expect([saved, sent]).toEqual([2, ['e2']])
})
