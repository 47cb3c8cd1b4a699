// @vitest-environment jsdom
/** The second step as a component: what is asked, what is said of a wrong code and of one that came too late, and the way back. */
import { MantineProvider } from '@mantine/core'
import { act } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { startI18n } from '../../lib/i18n.ts'
import { SecondStep } from './second-step.tsx'

let answer: [number, unknown]
let sent: unknown[]
let went: string[]
let root: Root | null = null
const text = () => document.body.textContent
const button = (name: string) => [...document.querySelectorAll('button')].find((one) => one.textContent === name)!
const field = () => document.querySelector<HTMLInputElement>('input[name=code]')!
const submit = (): Promise<void> =>
  act(async () => {
    button('Sign in').click()
    await new Promise((resolve) => setTimeout(resolve, 20))
  })
function type(value: string): void {
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')!
  act(() => {
    set.set!.call(field(), value)
    field().dispatchEvent(new Event('input', { bubbles: true }))
  })
}

beforeAll(async () => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
  window.matchMedia = (media) =>
    ({ media, matches: false, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList
  await startI18n()
})
beforeEach(() => {
  ;[sent, went] = [[], []]
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    sent.push([init.method, url, JSON.parse(init.body as string)])
    return Promise.resolve(new Response(JSON.stringify(answer[1]), { status: answer[0] }))
  })
  document.body.innerHTML = '<div id="root"></div>'
  const made = (root = createRoot(document.getElementById('root')!))
  act(() =>
    made.render(
      <MantineProvider env="test">
        <SecondStep back={() => went.push('back')} done={() => went.push('done')} />
      </MantineProvider>,
    ),
  )
})
afterEach(() => {
  act(() => root?.unmount())
  vi.unstubAllGlobals()
})

test('nothing is sent without a code; a right one signs in', async () => {
  await submit()
  expect(text()).toContain('Type the six digits.')
  expect(sent).toEqual([])
  answer = [200, { kind: 'person', locale: 'en', csrf: 'c', abilities: [] }]
  type('123 456')
  await submit()
  expect(sent).toEqual([['POST', '/api/v1/session/second', { code: '123 456' }]])
  expect(went).toEqual(['done'])
})

test('a wrong code, one that came too late, and the way back', async () => {
  type('000000')
  answer = [401, { error: { code: 'sign-in-failed', text: '' } }]
  await submit()
  expect(text()).toContain('This code is not right')
  expect(document.activeElement).toBe(field())
  answer = [401, { error: { code: 'signed-out', text: '' } }]
  await submit()
  expect(text()).toContain('That took too long.')
  act(() => button('Back to the password').click())
  expect(went).toEqual(['back'])
})
