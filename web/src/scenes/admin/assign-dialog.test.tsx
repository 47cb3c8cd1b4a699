// @vitest-environment jsdom
/** Saying whose a parked message is: by keyboard alone, what is wrong said at the field, in the words of each language. */
import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { ParkedItem } from '../../data/contract.ts'
import { setLocale, startI18n } from '../../lib/i18n.ts'
import { toasts } from '../../lib/undo.ts'
import { theme } from '../../ui/theme.ts'
import { AssignDialog, isAssignable } from './assign-dialog.tsx'

const item: ParkedItem = {
  deliveryId: 'd 1',
  messageId: 'm1',
  recipient: 'old.name@corp.test',
  from: 'sender@outside.test',
  subject: 'Offer',
  state: 'parked',
  reason: 'unknown-recipient-parked',
  attempts: 0,
  nextAttemptAt: null,
  acceptedAt: '2026-11-02T08:00:00Z',
  size: 10,
  route: 'primary',
  waitsFor: null,
  quiet: null,
  parkedAt: '2026-11-02T08:00:00Z',
  lastAttempt: null,
  seenBy: null,
  seenAt: null,
}

let root: Root
let answer: { status: number; body: object }
let sent: { url: string; body: unknown }[]
const close = vi.fn()
const client = new QueryClient()
const looksAgain = vi.spyOn(client, 'invalidateQueries')

beforeAll(async () => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
  Object.assign(window, {
    matchMedia: () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }),
    ResizeObserver: class {
      observe() {}
      unobserve() {}
      disconnect() {}
    },
  })
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    sent.push({ url, body: JSON.parse(init.body as string) })
    return Promise.resolve(new Response(JSON.stringify(answer.body), { status: answer.status }))
  })
  await startI18n()
})
beforeEach(async () => {
  vi.clearAllMocks()
  sent = []
  const host = document.body.appendChild(document.createElement('div'))
  root = createRoot(host)
  await act(async () => {
    root.render(
      <MantineProvider theme={theme} env="test">
        <QueryClientProvider client={client}>
          <AssignDialog org="o1" item={item} close={close} />
        </QueryClientProvider>
      </MantineProvider>,
    )
    await Promise.resolve()
  })
})
afterEach(async () => {
  act(() => root.unmount())
  document.body.replaceChildren()
  for (const toast of toasts.list()) toasts.close(toast.id)
  await setLocale('en')
})

const field = () => document.querySelector<HTMLInputElement>('input')!
const described = () =>
  (field().getAttribute('aria-describedby') ?? '')
    .split(' ')
    .map((id) => document.getElementById(id)?.textContent ?? '')
    .join(' ')
const alerts = () => [...document.querySelectorAll('[role=alert]')].map((one) => one.textContent)
async function enter(address: string) {
  await act(async () => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')!.set!.call(field(), address)
    field().dispatchEvent(new Event('input', { bubbles: true }))
    // The key Enter in a field submits its form; or the button does, which has the focus then.
    field().blur()
    field().form!.requestSubmit()
    for (let turns = 0; turns < 20; turns++) await Promise.resolve()
    await new Promise((resolve) => setTimeout(resolve, 20))
  })
}
const refuse = (code: string, status = 404) => (answer = { status, body: { error: { code, text: 'in English' } } })
const assigned = (outcome: string) => (answer = { status: 200, body: { address: 'alice@corp.test', outcome } })

test('a dialog with a name, one field with its label and hint', () => {
  const dialog = document.querySelector('[role=dialog]')!
  expect(document.getElementById(dialog.getAttribute('aria-labelledby')!)!.textContent).toBe(
    'Whose is the message to old.name@corp.test?',
  )
  expect(field().labels![0]!.textContent).toBe('Address of the person')
  expect(described()).toContain('One of those on the page People')
  expect(dialog.textContent).toContain('“Offer” from sender@outside.test')
  expect(field().hasAttribute('data-autofocus')).toBe(true)
})

test('Enter sends the address; it closes, says where the message goes, and the list is looked at again', async () => {
  assigned('queued')
  await enter('  Alice@corp.test ')
  expect(sent).toEqual([{ url: '/api/v1/organisations/o1/parking/d%201/assign', body: { address: 'Alice@corp.test' } }])
  expect(close).toHaveBeenCalledOnce()
  expect(toasts.list().map(({ text }) => text)).toEqual(['The message is on its way to alice@corp.test.'])
  expect(looksAgain).toHaveBeenCalledWith({ queryKey: ['org', 'o1'] })
})

test('where it waits, or is theirs already, it says so', async () => {
  assigned('waits')
  await enter('alice@corp.test')
  assigned('already')
  await enter('alice@corp.test')
  expect(toasts.list().map(({ text }) => text)).toEqual([
    expect.stringContaining('waits with the rest of their mail'),
    expect.stringContaining('Nothing was sent a second time'),
  ])
})

test('nothing entered: said at the field, which has the focus; nothing is sent', async () => {
  await enter('  ')
  expect(sent).toEqual([])
  expect(field().getAttribute('aria-invalid')).toBe('true')
  expect(described()).toContain('Enter an address.')
  expect(document.activeElement).toBe(field())
})

test('an address of nobody: said at the field in plain words, what was entered stays, and it goes when it is changed', async () => {
  refuse('unknown-recipient')
  await enter('alcie@corp.test')
  expect(close).not.toHaveBeenCalled()
  expect(field().value).toBe('alcie@corp.test')
  expect(described()).toContain('alcie@corp.test is not the address of one person here.')
  expect(alerts()).toHaveLength(1)
  expect(document.activeElement).toBe(field())
  assigned('queued')
  await enter('alice@corp.test')
  expect(alerts()).toEqual([])
  expect(close).toHaveBeenCalledOnce()
})

test.each([
  ['conflict', 409, 'Somebody else has dealt with this message meanwhile.'],
  ['internal', 500, 'nothing was lost'],
  ['forbidden', 403, 'You may not do this.'],
])('%s: said above the field, the dialog stays, the list is looked at again', async (code, status, words) => {
  refuse(code, status)
  await enter('alice@corp.test')
  expect(alerts().join()).toContain(words)
  expect(alerts().join()).not.toContain('in English')
  expect(close).not.toHaveBeenCalled()
  expect(looksAgain).toHaveBeenCalled()
})

test.each([
  ['fr', 'Adresse de la personne', 'n’est pas l’adresse d’une seule personne'],
  ['de', 'Adresse der Person', 'ist nicht die Adresse einer einzelnen Person hier'],
])('in %s too', async (locale, label, words) => {
  await act(() => setLocale(locale))
  expect(field().labels![0]!.textContent).toBe(label)
  refuse('unknown-recipient')
  await enter('alcie@corp.test')
  expect(described()).toContain(words)
})

test('only mail for an address that nobody knows can be assigned', () => {
  expect(isAssignable(item)).toBe(true)
  for (const reason of ['loop', 'pinned-hold', 'sender-not-aligned', null]) expect(isAssignable({ reason })).toBe(false)
})
