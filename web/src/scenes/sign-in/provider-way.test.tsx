// @vitest-environment jsdom
/** The button of an identity provider and the way back from it, as components: one that is away sends nobody there. */
import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, type ReactNode } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { startI18n } from '../../lib/i18n.ts'
import { ProviderScene } from './provider-scene.tsx'
import { ProviderWay } from './provider-way.tsx'

const went = vi.fn(() => Promise.resolve())
vi.mock('@tanstack/react-router', () => ({ useNavigate: () => went }))
let sent: { path: string; body: unknown }[]
let answers: Record<string, [number, unknown]>
let root: Root

const text = () => document.body.textContent
const button = (name: string) => [...document.querySelectorAll('button')].find((one) => one.textContent === name)
const settle = (ms = 30) => act(() => new Promise((resolve) => setTimeout(resolve, ms)))
function show(scene: ReactNode): void {
  document.body.innerHTML = '<div id="root"></div>'
  root = createRoot(document.getElementById('root')!)
  act(() =>
    root.render(
      <QueryClientProvider client={new QueryClient()}>
        <MantineProvider env="test">{scene}</MantineProvider>
      </QueryClientProvider>,
    ),
  )
}

beforeAll(async () => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
  window.matchMedia = (media) =>
    ({ media, matches: false, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList
  await startI18n()
})
beforeEach(() => {
  sent = []
  answers = {}
  went.mockClear()
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const path = url.replace('/api/v1/session', '')
    sent.push({ path, body: typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : null })
    const [status, json] = answers[path] ?? [200, { provider: null }]
    return Promise.resolve(
      new Response(JSON.stringify(json), { status, headers: { 'content-type': 'application/json' } }),
    )
  })
})
afterEach(() => {
  act(() => root.unmount())
  vi.unstubAllGlobals()
})

test('a whole domain is asked about, without the person; the button leads there', async () => {
  answers['/provider'] = [200, { provider: { name: 'Corp ID', standing: 'answers' } }]
  answers['/provider/begin'] = [200, { url: 'https://id.corp.test/authorize' }]
  const gone = vi.fn()
  show(<ProviderWay name="alice@Corp.test" go={gone} />)
  await settle()
  expect(sent).toEqual([{ path: '/provider', body: { domain: 'corp.test' } }])
  act(() => button('Sign in with Corp ID')!.click())
  await settle()
  expect(sent[1]).toEqual({ path: '/provider/begin', body: { name: 'alice@Corp.test' } })
  expect(gone).toHaveBeenCalledWith('https://id.corp.test/authorize')
})

test('half a name asks nothing; a domain without one shows nothing', async () => {
  show(<ProviderWay name="alice@corp" />)
  await settle()
  expect(sent).toEqual([])
  act(() => root.unmount())
  show(<ProviderWay name="alice@corp.test" />)
  await settle()
  expect(button('Sign in with Corp ID')).toBeUndefined()
  expect(document.querySelector('.provider-way')).toBeNull()
})

test.each([
  ['known to be away', [200, { provider: { name: 'Corp ID', standing: 'away' } }], false],
  ['found out when asked', [200, { provider: { name: 'Corp ID', standing: 'answers' } }], true],
] as const)('%s: said, with the other ways in', async (_, offer, click) => {
  answers['/provider'] = [...offer]
  answers['/provider/begin'] = [503, { error: { code: 'provider-away', text: '' } }]
  show(<ProviderWay name="alice@corp.test" />)
  await settle()
  if (click) {
    act(() => button('Sign in with Corp ID')!.click())
    await settle()
  }
  expect(text()).toContain('Corp ID does not answer just now.')
  expect(text()).toContain('emergency letter')
  expect(button('Try Corp ID all the same')).toBeDefined()
})

test.each([
  ['provider-away', 'does not answer just now'],
  ['provider-refused', 'did not confirm who you are'],
  ['provider-stranger', 'nobody here who may sign in'],
  ['provider-ended', 'Begin again'],
])('back with nothing (%s): why, the other ways in, and the way to them', async (code, words) => {
  answers['/provider/finish'] = [401, { error: { code, text: '' } }]
  show(<ProviderScene query="code=x&state=y" />)
  await settle()
  expect(sent).toEqual([{ path: '/provider/finish', body: { query: 'code=x&state=y' } }])
  expect(text()).toContain(words)
  expect(text()).toContain('emergency letter')
  act(() => button('To the sign-in page')!.click())
  expect(went).toHaveBeenCalledWith({ to: '/' })
})
