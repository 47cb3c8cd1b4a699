// @vitest-environment jsdom
/** Lists of people in the panel: where they come from, what one would change, and that a yes is to what was shown. */
import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { setLocale, startI18n } from '../../lib/i18n.ts'
import { toasts } from '../../lib/undo.ts'
import { DirectoryLists } from './directory.tsx'

const counts = { entries: 9, creations: 1, changes: 0, removals: 3, same: 4, kept: 0, problems: 1, withheld: 0 }
const run = {
  ...{ id: 'r1', source: 'Staff', state: 'asks', startedBy: 'engine', startedAt: '2026-03-01T09:00:00.000Z' },
  ...{ decidedBy: null, decidedAt: null, digest: 'abc', counts, why: '3 people would go within a day' },
}
const item = (kind: string, name: string) => ({
  act: kind,
  externalId: name,
  name,
  row: null,
  words: [`word of ${name}`],
})
const source = {
  ...{ id: 's1', name: 'Staff', kind: 'ldap', everyMinutes: 60, dueAt: '2026-03-01T10:00:00.000Z' },
  ...{ listedAt: new Date(Date.now() - 7_200_000).toISOString(), failures: 0, failedAt: null, failedWhy: '' },
  ...{ waitingRunId: 'r1', isRefused: false },
}
let answers: Record<string, unknown>
let sent: { method: string; path: string; body: unknown }[]
let root: Root | null = null
let client: QueryClient

const text = () => document.body.textContent
const button = (name: string) => [...document.querySelectorAll('button')].find((one) => one.textContent === name)
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
          <DirectoryLists org="o1" />
        </QueryClientProvider>
      </MantineProvider>,
    ),
  )
  await settle()
}
const click = async (name: string) => {
  act(() => button(name)!.click())
  await settle()
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
  await startI18n()
})
beforeEach(() => {
  sent = []
  const whole = {
    ...run,
    items: [item('create', 'Carol'), item('missing', 'Anna'), item('disable', 'Bob')],
    problems: [{ row: 7, code: 'no-name', text: 'has no name', remedy: 'Fill in the name.' }],
  }
  answers = {
    '/session': { abilities: ['people:see', 'people:act'], csrf: 'c' },
    '/organisations/o1/directory-sources': [source],
    '/organisations/o1/directory-runs': { items: [run], next: null },
    '/organisations/o1/directory-runs/r1': whole,
    '/organisations/o1/directory-runs/r1/confirm': { ...whole, state: 'applied' },
    '/organisations/o1/directory-runs/r1/refuse': { ...whole, state: 'refused' },
  }
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const path = url.replace('/api/v1', '').split('?')[0]!
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : null
    sent.push({ method: init.method ?? 'GET', path, body })
    return Promise.resolve(
      new Response(JSON.stringify(answers[path] ?? { error: { code: 'not-found', text: '' } }), {
        status: path in answers ? 200 : 404,
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
const posts = () => sent.filter(({ method }) => method === 'POST')

test('a source says when its last list came and that it waits; the list says who goes before who comes', async () => {
  await show()
  expect(text()).toMatch(/Staff.*2 hrs? ago.*waits for a yes or no/)
  expect(text()).toContain('1 new, 0 changed, 3 going, 4 as they are; problems: 1')
  await click('Look')
  expect(text()).toMatch(/Missing in the list.*word of Anna.*May not sign in any more.*word of Bob.*New.*word of Carol/)
  expect(text()).toContain('and 1 more that is not shown')
  expect(text()).toContain('row 7: has no name. Fill in the name.')
  expect(posts()).toEqual([])
})

test.each([
  ['Carry it out', 'confirm', { digest: 'abc' }, 'The list was carried out.'],
  ['Refuse it', 'refuse', null, 'Nothing of the list is done.'],
])('%s: one request, of the plan that was shown', async (name, path, body, said) => {
  await show()
  await click('Look')
  await click(name)
  expect(posts()).toEqual([{ method: 'POST', path: `/organisations/o1/directory-runs/r1/${path}`, body }])
  expect(toasts.list().at(-1)?.text).toBe(said)
})

test('who may only look, and a list that is decided: nothing to answer', async () => {
  answers['/session'] = { abilities: ['people:see'], csrf: 'c' }
  await show()
  await click('Look')
  expect([button('Carry it out'), button('Refuse it')]).toEqual([undefined, undefined])
  act(() => root?.unmount())
  answers['/session'] = { abilities: ['people:see', 'people:act'], csrf: 'c' }
  answers['/organisations/o1/directory-runs/r1'] = { ...run, state: 'applied', items: [], problems: [] }
  await show()
  await click('Look')
  expect([button('Carry it out'), button('Refuse it')]).toEqual([undefined, undefined])
})

test('a source that is silent says so, in each language', async () => {
  answers['/organisations/o1/directory-sources'] = [
    { ...source, waitingRunId: null, failures: 3, failedWhy: 'dc1: it closed the connection' },
  ]
  await show()
  expect(text()).toContain('3 tries since then brought no list: dc1: it closed the connection')
  act(() => root?.unmount())
  await setLocale('de', false)
  await show()
  expect(text()).toContain('3 Versuche seither brachten keine Liste')
})
