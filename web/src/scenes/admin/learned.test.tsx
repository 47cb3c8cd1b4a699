// @vitest-environment jsdom
/** The page of learned addresses and the disk's notice as components: what is shown, what a click sends, in which language. */
import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, type ReactNode } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { setLocale, startI18n } from '../../lib/i18n.ts'
import { toasts } from '../../lib/undo.ts'
import { DiskNotice } from './disk-notice.tsx'
import { LearnedList } from './learned.tsx'

const twoHoursAgo = new Date(Date.now() - 7_200_000).toISOString()
const row = (address: string, known: boolean, source = 'callout') => ({
  ...{ address, known, source, route: 'mail.corp.test' },
  ...{ firstSeenAt: '2026-03-01T09:00:00.000Z', seenAt: twoHoursAgo },
})
let answers: Record<string, unknown>
let sent: { method: string; path: string; body: unknown }[]
let root: Root | null = null
let client: QueryClient

const text = () => document.body.textContent
const button = (name: string) => [...document.querySelectorAll('button')].filter((one) => one.textContent === name)
const tick = () => new Promise((resolve) => setTimeout(resolve, 10))
/** Until nothing is asked any more, and what was answered is shown. */
const settle = () =>
  act(async () => {
    await tick()
    while (client.isFetching() > 0) await tick()
    await tick()
  })
function close(): void {
  act(() => root?.unmount())
  root = null
}
async function show(scene: ReactNode): Promise<void> {
  close()
  document.body.innerHTML = '<div id="root"></div>'
  const made = (root = createRoot(document.getElementById('root')!))
  client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  act(() =>
    made.render(
      <MantineProvider env="test">
        <QueryClientProvider client={client}>{scene}</QueryClientProvider>
      </MantineProvider>,
    ),
  )
  await settle()
}
const click = async (one: HTMLElement | undefined) => {
  act(() => one!.click())
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
  answers = {
    '/session': { abilities: ['people:see', 'people:act'], csrf: 'c' },
    '/disk': { full: false, fullInSeconds: null },
    '/organisations/o1/known-recipients': {
      items: [row('anna@corp.test', true, 'delivered'), row('ghost@corp.test', false), row('new@corp.test', true)],
      next: null,
    },
    '/organisations/o1/known-recipients/domains': [{ domain: 'corp.test', known: 1203, refused: 1 }],
    '/organisations/o1/known-recipients/forget': { forgotten: 1 },
  }
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const [path = '', query] = url.replace('/api/v1', '').split('?')
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : (query ?? null)
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
  close()
  await setLocale('en', false)
  vi.unstubAllGlobals()
})
const acts = () => sent.filter(({ method }) => method !== 'GET')

test('each row says who is there, who said so and how long ago; the time carries its zone', async () => {
  await show(<LearnedList org="o1" />)
  const rows = [...document.querySelectorAll('tbody tr')].map((one) => one.textContent)
  expect(rows[0]).toMatch(/anna@corp\.test.*there.*Mail was delivered\..*2 hrs? ago/)
  expect(rows[1]).toMatch(/ghost@corp\.test.*not there.*Its mail system refused it\./)
  expect(rows[2]).toMatch(/new@corp\.test.*there.*Its mail system said so\./)
  const time = document.querySelector('tbody time')!
  expect(time.getAttribute('datetime')).toBe(twoHoursAgo)
  expect(time.getAttribute('title')).toMatch(/Time|UTC/)
})

test('one address is forgotten after a question that names it, and not before', async () => {
  await show(<LearnedList org="o1" />)
  await click(button('Forget')[1])
  expect(text()).toContain('Forget ghost@corp.test?')
  expect(acts()).toEqual([])
  await click(button('Back').at(-1))
  expect(acts()).toEqual([])
  await click(button('Forget')[1])
  const asked = sent.length
  await click(button('Forget').at(-1))
  expect(acts()).toMatchObject([
    { path: '/organisations/o1/known-recipients/forget', body: { address: 'ghost@corp.test' } },
  ])
  // the list is asked for anew
  expect(sent.slice(asked).map(({ path }) => path)).toContain('/organisations/o1/known-recipients')
  expect(toasts.list().at(-1)?.text).toBe('What was learned of ghost@corp.test is forgotten.')
})

test('a domain is chosen, then forgotten by name and number', async () => {
  await show(<LearnedList org="o1" />)
  expect(text()).not.toContain('Forget this domain')
  const select = document.querySelector('select')!
  expect(select.textContent).toContain('corp.test (1,204)')
  act(() => {
    select.value = 'corp.test'
    select.dispatchEvent(new Event('change', { bubbles: true }))
  })
  await settle()
  expect(sent.at(-1)).toMatchObject({ body: 'domain=corp.test' })
  await click(button('Forget this domain’s addresses')[0])
  expect(text()).toContain('addresses of corp.test?')
  await click(button('Forget').at(-1))
  expect(acts()).toMatchObject([{ body: { domain: 'corp.test' } }])
})

test('who may only look is offered nothing to forget', async () => {
  answers['/session'] = { abilities: ['people:see'], csrf: 'c' }
  await show(<LearnedList org="o1" />)
  expect(document.querySelectorAll('tbody tr')).toHaveLength(3)
  expect(button('Forget')).toEqual([])
})

test('an empty list explains what callouts are', async () => {
  answers['/organisations/o1/known-recipients'] = { items: [], next: null }
  await show(<LearnedList org="o1" />)
  expect(text()).toContain('asks the domain’s mail system whether a stranger’s address is there')
})

test('the disk: silent, a sentence, a stronger one, full; in each language', async () => {
  const notice = async (full: boolean, fullInSeconds: number | null, locale = 'en') => {
    close()
    await setLocale(locale, false)
    answers['/disk'] = { full, fullInSeconds }
    await show(<DiskNotice />)
    const one = document.querySelector('.notice')
    return one && `${one.getAttribute('role')}: ${one.textContent}`
  }
  expect(await notice(false, null)).toBeNull()
  expect(await notice(false, 8 * 86_400)).toBeNull()
  expect(await notice(false, 3 * 86_400)).toBe(
    'status: At this rate the disk is full in about 3 days. New mail will then be refused for a while (452), and nothing stored is lost. Free space or add disk.',
  )
  expect(await notice(false, 6 * 3600)).toMatch(/^alert: .*full in about 6 hours.*Free space or add disk now\.$/)
  expect(await notice(true, 0)).toMatch(/^alert: The disk is full: new mail is refused for now \(452\)\./)
  expect(await notice(false, 3 * 86_400, 'de')).toContain('in etwa 3 Tagen voll')
  expect(await notice(false, 3 * 86_400, 'fr')).toContain('plein dans environ 3 jours')
})
