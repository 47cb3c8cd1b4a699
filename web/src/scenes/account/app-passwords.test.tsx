// @vitest-environment jsdom
/** The page of app passwords as a component: what is asked before one is made, that it is shown once, and revoking. */
import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { setLocale, startI18n } from '../../lib/i18n.ts'
import { toasts } from '../../lib/undo.ts'
import { AppPasswords } from './app-passwords.tsx'

const PATH = '/me/app-passwords'
const SECRET = 'kzrt-muwe-bqpd-hanx-gvyc-sjfe'
const row = (id: string, name: string, more: object = {}) => ({
  ...{ id, name, protocols: ['submission'], createdAt: '2026-03-01T09:00:00.000Z', lastUsedAt: null, lastPlace: null },
  ...more,
})
let answers: Record<string, [number, unknown]>
let sent: { method: string; path: string; body: unknown }[]
let root: Root | null = null
let client: QueryClient

const text = () => document.body.textContent
const button = (name: string) => [...document.querySelectorAll('button')].filter((one) => one.textContent === name)
const field = (name: string): HTMLInputElement => {
  const label = [...document.querySelectorAll('label')].find((one) => one.textContent === name)
  return document.getElementById(label!.htmlFor) as HTMLInputElement
}
const tick = () => new Promise((resolve) => setTimeout(resolve, 10))
const settle = () =>
  act(async () => {
    await tick()
    while (client.isFetching() > 0) await tick()
    await tick()
  })
async function show(): Promise<void> {
  document.body.innerHTML = '<div id="root"></div>'
  const made = (root = createRoot(document.getElementById('root')!))
  client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  act(() =>
    made.render(
      <MantineProvider env="test">
        <QueryClientProvider client={client}>
          <AppPasswords />
        </QueryClientProvider>
      </MantineProvider>,
    ),
  )
  await settle()
}
const click = async (one: HTMLElement | undefined) => {
  act(() => one!.click())
  await settle()
}
function type(into: HTMLInputElement, value: string): void {
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')!
  act(() => {
    set.set!.call(into, value)
    into.dispatchEvent(new Event('input', { bubbles: true }))
  })
}
const acts = () => sent.filter(({ method }) => method !== 'GET')
const focused = () => document.activeElement?.textContent

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
  await startI18n()
})
beforeEach(() => {
  sent = []
  answers = {
    'GET /session': [200, { kind: 'person', address: 'alice@corp.test', name: 'Alice', abilities: [], csrf: 'c' }],
    [`GET ${PATH}`]: [
      200,
      {
        items: [
          row('p1', 'Phone', { lastUsedAt: '2026-03-02T10:00:00.000Z', lastPlace: '192.0.2.7' }),
          row('p2', 'Laptop', { protocols: ['submission', 'imap', 'pop3'] }),
        ],
        most: 50,
      },
    ],
    [`POST ${PATH}`]: [200, { ...row('p3', 'Tablet'), password: SECRET }],
    [`DELETE ${PATH}/p2`]: [204, null],
  }
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const [method, path] = [init.method ?? 'GET', url.replace('/api/v1', '')]
    sent.push({ method, path, body: typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : null })
    const [status, body] = answers[`${method} ${path}`] ?? [404, { error: { code: 'not-found', text: '' } }]
    return Promise.resolve(
      new Response(status === 204 ? null : JSON.stringify(body), {
        status,
        headers: { 'content-type': 'application/json' },
      }),
    )
  })
})
afterEach(async () => {
  act(() => root?.unmount())
  root = null
  await setLocale('en', false)
  vi.unstubAllGlobals()
})

test('each says what it is for, and when and from where it was used last', async () => {
  await show()
  const rows = [...document.querySelectorAll('.app-list li')].map((one) => one.textContent)
  expect(rows[0]).toMatch(/^PhoneSending mail \(SMTP\)Made: .*Last used: .*from 192\.0\.2\.7/)
  expect(rows[1]).toMatch(
    /^LaptopSending mail \(SMTP\), Reading mail \(IMAP\), Fetching mail \(POP3\).*Last used: never/,
  )
  expect([...document.querySelectorAll('.app-list time')].map((one) => one.getAttribute('datetime'))).toContain(
    '2026-03-02T10:00:00.000Z',
  )
  expect(text()).toContain('If you change your password, app passwords go on working.')
})

test('a name, a use and the password are asked for; what is missing is said at its field, which has the focus', async () => {
  await show()
  await click(button('Make it')[0])
  expect(text()).toContain('Give the device a name.')
  expect(field('Name of the device').getAttribute('aria-invalid')).toBe('true')
  expect(document.activeElement).toBe(field('Name of the device'))
  type(field('Name of the device'), 'Tablet')
  expect(text()).not.toContain('Give the device a name.')
  await click(field('Sending mail (SMTP)'))
  await click(button('Make it')[0])
  expect(text()).toContain('Choose at least one use.')
  expect(document.activeElement).toBe(field('Sending mail (SMTP)'))
  expect(acts()).toEqual([])
})

test('it is shown once, with the name to sign in with, and the focus moves to it and on to the list', async () => {
  await show()
  type(field('Name of the device'), 'Tablet')
  await click(field('Reading mail (IMAP)'))
  type(field('Your password'), 'three grey owls at dawn')
  await click(button('Make it')[0])
  expect(acts()).toEqual([
    {
      method: 'POST',
      path: PATH,
      body: { current: 'three grey owls at dawn', name: 'Tablet', protocols: ['submission', 'imap'] },
    },
  ])
  expect(document.querySelector('.app-secret')!.textContent).toBe(`Sign-in namealice@corp.testApp password${SECRET}`)
  expect(focused()).toBe('App password for “Tablet”')
  // jsdom has no clipboard, like a browser over http.
  await click(button('Copy')[0])
  expect(document.querySelector('[role=status]')!.textContent).toContain('does not let this page copy')
  expect(window.getSelection()!.toString()).toBe(SECRET)
  await click(button('I have typed it in')[0])
  expect(text()).not.toContain(SECRET)
  expect(focused()).toBe('Your app passwords')
  expect(field('Your password').value).toBe('')
  expect(
    JSON.stringify(
      client
        .getQueryCache()
        .getAll()
        .map(({ state }) => state.data),
    ),
  ).not.toContain(SECRET)
})

test('a wrong password, and whatever else the server says, is said', async () => {
  await show()
  type(field('Name of the device'), 'Tablet')
  answers[`POST ${PATH}`] = [401, { error: { code: 'sign-in-failed', text: '' } }]
  await click(button('Make it')[0])
  expect(document.querySelector('[role=alert]')!.textContent).toBe('Your password is not right.')
  expect(document.activeElement).toBe(field('Your password'))
  answers[`POST ${PATH}`] = [409, { error: { code: 'too-many-app-passwords', text: '' } }]
  await click(button('Make it')[0])
  expect(document.querySelector('[role=alert]')!.textContent).toMatch(/^You have as many app passwords/)
})

test('one is revoked after a question that names it, and not before', async () => {
  await show()
  const [, laptop] = [...document.querySelectorAll<HTMLButtonElement>('.app-revoke')]
  expect(laptop!.getAttribute('aria-label')).toBe('Revoke “Laptop”')
  await click(laptop)
  expect(text()).toContain('Revoke the app password “Laptop”?')
  await click(button('Back').at(-1))
  expect(acts()).toEqual([])
  await click(laptop)
  answers[`GET ${PATH}`] = [200, { items: [row('p1', 'Phone')], most: 50 }]
  await click(button('Revoke').at(-1))
  expect(acts()).toMatchObject([{ method: 'DELETE', path: `${PATH}/p2` }])
  expect(toasts.list().at(-1)?.text).toBe('The app password “Laptop” is revoked.')
  expect(document.querySelectorAll('.app-list li')).toHaveLength(1)
  expect(focused()).toBe('Your app passwords')
})

test('where there are as many as can be, there is a sentence in place of the form; with none, one in place of the list', async () => {
  answers[`GET ${PATH}`] = [200, { items: [row('p1', 'Phone')], most: 1 }]
  await show()
  expect(text()).toContain('Revoke one you no longer need.')
  expect(button('Make it')).toEqual([])
  act(() => root?.unmount())
  answers[`GET ${PATH}`] = [200, { items: [], most: 50 }]
  await setLocale('de', false)
  await show()
  expect(text()).toContain('Sie haben noch keines.')
  expect(button('Erstellen')).toHaveLength(1)
})
