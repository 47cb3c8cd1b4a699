// @vitest-environment jsdom
/** Asking for a link and using one, as components: the answer is the same whoever it is, and nothing is used by looking at it. */
import { MantineProvider } from '@mantine/core'
import { act, type ReactNode } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { startI18n } from '../../lib/i18n.ts'
import { Forgotten } from './forgotten.tsx'
import { LinkScene } from './link-scene.tsx'

vi.mock('@tanstack/react-router', () => ({ useNavigate: () => went }))
const went = vi.fn(() => Promise.resolve())
let sent: { path: string; body: unknown }[]
let answer: [number, unknown]
let root: Root

const text = () => document.body.textContent
const button = (name: string) => [...document.querySelectorAll('button')].find((one) => one.textContent === name)
const settle = () => act(() => new Promise((resolve) => setTimeout(resolve, 30)))
const click = async (name: string) => {
  act(() => button(name)!.click())
  await settle()
}
function show(scene: ReactNode): void {
  document.body.innerHTML = '<div id="root"></div>'
  root = createRoot(document.getElementById('root')!)
  act(() => root.render(<MantineProvider env="test">{scene}</MantineProvider>))
}

beforeAll(async () => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
  window.matchMedia = (media) =>
    ({ media, matches: false, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList
  await startI18n()
})
beforeEach(() => {
  sent = []
  answer = [200, null]
  went.mockClear()
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const body = typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : null
    sent.push({ path: url.replace('/api/v1', ''), body })
    const [status, json] = answer
    return Promise.resolve(
      new Response(JSON.stringify(json), { status, headers: { 'content-type': 'application/json' } }),
    )
  })
})
afterEach(() => {
  act(() => root.unmount())
  vi.unstubAllGlobals()
})

test('the name that was typed goes along; what is said names the other ways in', async () => {
  show(<Forgotten name="alice@corp.test" />)
  await click('I do not know my password')
  expect(text()).toContain('Never to your work mailbox')
  await click('Send the link')
  expect(sent).toEqual([{ path: '/session/link', body: { name: 'alice@corp.test' } }])
  expect(text()).toContain('If we know a private address of yours')
  expect(text()).toContain('emergency letter')
})

test('without a name nothing is asked', async () => {
  show(<Forgotten name="" />)
  await click('I do not know my password')
  await click('Send the link')
  expect(sent).toEqual([])
  expect(text()).toContain('Enter your e-mail address.')
})

test('a link is used by a click, once; one that has ended says what to do', async () => {
  show(<LinkScene token="t" />)
  expect(sent).toEqual([])
  answer = [404, { error: { code: 'not-found', text: '' } }]
  await click('Sign in')
  expect(sent).toEqual([{ path: '/session/link/use', body: { token: 't' } }])
  expect(text()).toContain('This link was used or has ended.')
  await click('To the sign-in page')
  expect(went).toHaveBeenCalledWith({ to: '/' })
})

test('no link, nothing to use', () => {
  show(<LinkScene token="" />)
  expect(button('Sign in')).toBeUndefined()
})
