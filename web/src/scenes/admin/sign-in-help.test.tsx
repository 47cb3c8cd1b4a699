// @vitest-environment jsdom
/** Helping somebody to sign in, as components: nothing is sent before it is said who was asked, and a secret is shown once. */
import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { Person } from '../../data/contract.ts'
import { startI18n } from '../../lib/i18n.ts'
import { SignInHelpDialog } from './sign-in-help.tsx'

const person = { id: 'p1', name: 'Bob' } as Person
const RESET = '/organisations/o1/people/p1/password-reset'
const nowhere = { given: null, verifiedAt: null, waiting: null, waitingUntil: null }
const LETTERS = '/organisations/o1/letters'
let abilities: string[]
let sent: { method: string; path: string; body: unknown }[]
let root: Root

const text = () => document.body.textContent
const button = (name: string) => [...document.querySelectorAll('button')].find((one) => one.textContent === name)
const settle = () => act(() => new Promise((resolve) => setTimeout(resolve, 50)))
const click = async (name: string) => {
  act(() => button(name)!.click())
  await settle()
}
async function show(): Promise<void> {
  document.body.innerHTML = '<div id="root"></div>'
  root = createRoot(document.getElementById('root')!)
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  act(() =>
    root.render(
      <MantineProvider env="test">
        <QueryClientProvider client={client}>
          <SignInHelpDialog org="o1" person={person} close={() => undefined} />
        </QueryClientProvider>
      </MantineProvider>,
    ),
  )
  await settle()
}
function choose(value: string): void {
  const select = document.querySelector('select')!
  act(() => {
    select.value = value
    select.dispatchEvent(new Event('change', { bubbles: true }))
  })
}

beforeAll(async () => {
  Object.assign(globalThis, {
    IS_REACT_ACT_ENVIRONMENT: true,
    ResizeObserver: class {
      observe() {}
      unobserve() {}
      disconnect() {}
    },
  })
  window.matchMedia = (media) =>
    ({ media, matches: false, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList
  // jsdom lays nothing out: a text field that grows asks for its font's state
  Object.assign(document, { fonts: { addEventListener() {}, removeEventListener() {} } })
  await startI18n()
})
beforeEach(() => {
  sent = []
  abilities = ['people:see', 'people:act', 'people:reset']
  const answer = (method: string, path: string): unknown =>
    path === '/session'
      ? { abilities, csrf: 'c' }
      : path === RESET
        ? { password: 'abcd-efgh-jkmn' }
        : method === 'GET'
          ? { address: nowhere, phone: nowhere, mayPhone: false, declared: null, hasPassword: true, codesLeft: 0 }
          : { letters: 1, pdf: btoa('%PDF') }
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const path = url.replace('/api/v1', '')
    const method = init.method ?? 'GET'
    sent.push({ method, path, body: typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : null })
    return Promise.resolve(
      new Response(JSON.stringify(answer(method, path)), { headers: { 'content-type': 'application/json' } }),
    )
  })
})
afterEach(() => {
  act(() => root.unmount())
  vi.unstubAllGlobals()
})
const acts = () => sent.filter(({ method }) => method !== 'GET')

test('no password before it is said how it was made sure who asks; then once', async () => {
  await show()
  await click('Make a one-time password')
  expect(acts()).toEqual([])
  expect(document.querySelector('[role=alert]')!.textContent).toContain('Say how you made sure')
  choose('other')
  await click('Make a one-time password')
  expect(acts()).toEqual([])
  choose('calledBack')
  await click('Make a one-time password')
  expect(acts()).toEqual([
    { method: 'POST', path: RESET, body: { identity: 'calledBack', note: '', endsSecondFactor: false } },
  ])
  expect(text()).toContain('abcd-efgh-jkmn')
  expect(button('Make a one-time password')).toBeUndefined()
})

test('a letter is downloaded by who may, and not offered to others', async () => {
  const made = vi.spyOn(URL, 'createObjectURL').mockReturnValue('blob:letter')
  // jsdom goes nowhere
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockReturnValue(undefined)
  await show()
  await click('Download the letter (PDF)')
  expect(acts()).toEqual([{ method: 'POST', path: LETTERS, body: { people: ['p1'] } }])
  expect(made).toHaveBeenCalledOnce()
  expect(text()).toContain('Print it and delete the file.')
  act(() => root.unmount())
  abilities = ['people:see', 'people:reset']
  await show()
  expect(button('Download the letter (PDF)')).toBeUndefined()
})
