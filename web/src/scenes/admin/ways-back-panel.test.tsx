// @vitest-environment jsdom
/** Ways back in, as a component: what it says, asking with what was chosen, stopping, and who may. */
import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { startI18n } from '../../lib/i18n.ts'
import { WaysBackPanel } from './ways-back-panel.tsx'

const CAMPAIGN = '/organisations/o1/ways-back/campaign'
const counts = { people: 40, none: 3, password: 20, withCodes: 10, withContact: 7 }
const open = {
  ...{ startedAt: '2026-01-02T03:04:05.000Z', startedBy: 'Ann Admin', everyDays: 7, times: 4, stoppedAt: null },
  ...{ asked: 12, exhausted: 2, unreachable: 1, left: 21 },
}
let abilities: string[]
let campaign: object | null
let refusal: object | null
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
          <WaysBackPanel org="o1" />
        </QueryClientProvider>
      </MantineProvider>,
    ),
  )
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
  campaign = null
  refusal = null
  abilities = ['people:see', 'people:act']
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const path = url.replace('/api/v1', '')
    const method = init.method ?? 'GET'
    if (method !== 'GET') {
      sent.push({ method, path, body: typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : null })
      if (refusal)
        return Promise.resolve(
          new Response(JSON.stringify({ error: refusal }), {
            status: 409,
            headers: { 'content-type': 'application/json' },
          }),
        )
      campaign = method === 'POST' ? open : null
    }
    const answer = path === '/session' ? { abilities, csrf: 'c' } : { ...counts, campaign }
    return Promise.resolve(new Response(JSON.stringify(answer), { headers: { 'content-type': 'application/json' } }))
  })
})
afterEach(() => {
  act(() => root.unmount())
  vi.unstubAllGlobals()
})

test('how many have which ways, and how to give them more', async () => {
  await show()
  expect(text()).toContain('3 of 40 people have no way in while the directory or the identity provider is away')
  expect(text()).toContain('20 people have nothing but a password')
  expect(text()).toContain('holdfast admin letters')
  expect(text()).toContain('7 people have a confirmed private address.')
})

test('it is said how many are asked before they are; then how it stands, and it can be stopped', async () => {
  await show()
  await click('Ask for private addresses')
  expect(sent).toEqual([])
  expect(text()).toContain('33 people without a confirmed private address get a mail')
  await click('Ask now')
  expect(sent).toEqual([{ method: 'POST', path: CAMPAIGN, body: { everyDays: 7, times: 4 } }])
  expect(text()).toContain('Begun by Ann Admin')
  expect(text()).toContain('12 were asked and have confirmed none yet. 21 are still to be asked.')
  expect(text()).toContain('1 could not be reached')
  await click('Ask nobody any more')
  expect(sent.at(-1)).toEqual({ method: 'DELETE', path: CAMPAIGN, body: null })
  expect(button('Ask for private addresses')).toBeDefined()
})

test('why nobody could be asked is said where it was tried', async () => {
  refusal = { code: 'no-way-out', text: '' }
  await show()
  await click('Ask for private addresses')
  await click('Ask now')
  expect(document.querySelector('[role=alert]')!.textContent).toContain('no outboundRoute')
})

test('who may only look is offered nothing to do', async () => {
  abilities = ['people:see']
  campaign = open
  await show()
  expect(text()).toContain('Begun by Ann Admin')
  expect(document.querySelectorAll('button')).toHaveLength(0)
})
