// @vitest-environment jsdom
/** The page of ways back in as a component: what one has, the warning, giving, the code, removing. */
import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { setLocale, startI18n } from '../../lib/i18n.ts'
import { PrivateContactPage } from './private-contact.tsx'

const PATH = '/me/private-contact'
const place = { given: null, verifiedAt: null, waiting: null, waitingUntil: null }
const standing = (more: object = {}, ofAddress: object = {}, ofPhone: object | null = null) => ({
  ...{ address: { ...place, ...ofAddress }, phone: { ...place, ...ofPhone }, mayPhone: ofPhone !== null },
  ...{ declared: null, hasPassword: true, codesLeft: 0 },
  ...more,
})
let answers: Record<string, [number, unknown]>
let sent: { method: string; path: string; body: unknown }[]
let root: Root | null = null
let client: QueryClient

const text = () => document.body.textContent
const button = (name: string) => [...document.querySelectorAll('button')].find((one) => one.textContent === name)
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
          <PrivateContactPage />
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
    [`GET ${PATH}`]: [200, standing()],
  }
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const [method, path] = [init.method ?? 'GET', url.replace('/api/v1', '')]
    sent.push({ method, path, body: typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : null })
    const [status, body] = answers[`${method} ${path}`] ?? [404, { error: { code: 'not-found', text: '' } }]
    return Promise.resolve(
      new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } }),
    )
  })
})
afterEach(async () => {
  act(() => root?.unmount())
  root = null
  await setLocale('en', false)
  vi.unstubAllGlobals()
})

test('who has nothing but the password is warned; a code on paper or a confirmed address is enough', async () => {
  await show()
  expect(text()).toContain('You have no way back in without your password.')
  expect(text()).toContain('None of these depends on your work mailbox.')
  act(() => root?.unmount())
  answers[`GET ${PATH}`] = [200, standing({ codesLeft: 3 })]
  await show()
  expect(text()).toContain('3 unused codes of your emergency letter')
  expect(text()).not.toContain('You have no way back in')
  act(() => root?.unmount())
  answers[`GET ${PATH}`] = [200, standing({}, { given: 'a…@h….example', verifiedAt: '2026-03-01T09:00:00.000Z' })]
  await show()
  expect(text()).toContain('Private address a…@h….example, confirmed')
  expect(text()).not.toContain('You have no way back in')
})

test('one that an administrator noted is no way back in', async () => {
  answers[`GET ${PATH}`] = [200, standing({ declared: 'd…@h….example' })]
  await show()
  expect(text()).toContain('Your administrator noted d…@h….example.')
  expect(text()).toContain('You have no way back in without your password.')
})

test('given with the password, confirmed with the code; what is wrong is said', async () => {
  await show()
  await click(button('Send the code'))
  expect(text()).toContain('Give an address, such as name@example.org.')
  expect(document.activeElement).toBe(field('Private address'))
  expect(acts()).toEqual([])
  type(field('Private address'), ' me@corp.test ')
  type(field('Your password'), 'three grey owls')
  answers[`POST ${PATH}`] = [409, { error: { code: 'private-address-inside', text: '' } }]
  await click(button('Send the code'))
  expect(document.querySelector('[role=alert]')!.textContent).toContain('your organisation’s own')
  answers[`POST ${PATH}`] = [200, standing({}, { waiting: 'm…@h….example', waitingUntil: '2026-03-01T09:00:00.000Z' })]
  type(field('Private address'), 'me@home.example')
  await click(button('Send the code'))
  expect(acts().at(-1)!.body).toEqual({ current: 'three grey owls', kind: 'address', value: 'me@home.example' })
  expect(text()).toContain('We sent six digits to m…@h….example.')
  expect(field('Private address').value).toBe('')
  expect(field('Your password').value).toBe('')

  await click(button('Confirm'))
  expect(text()).toContain('Type the six digits.')
  type(field('Code'), '123456')
  answers[`POST ${PATH}/code`] = [409, { error: { code: 'code-wrong', text: '' } }]
  await click(button('Confirm'))
  expect(document.querySelector('[role=alert]')!.textContent).toContain('This code is not right')
  answers[`POST ${PATH}/code`] = [200, standing({}, { given: 'm…@h….example', verifiedAt: '2026-03-01T09:00:00.000Z' })]
  await click(button('Confirm'))
  expect(acts().at(-1)).toEqual({ method: 'POST', path: `${PATH}/code`, body: { kind: 'address', code: '123456' } })
  expect(text()).toContain('Private address m…@h….example, confirmed')
  expect(document.activeElement!.textContent).toBe('Your ways back in')
})

test('removing asks for the password too', async () => {
  answers[`GET ${PATH}`] = [200, standing({}, { given: 'a…@h….example', verifiedAt: '2026-03-01T09:00:00.000Z' })]
  await show()
  answers[`POST ${PATH}/removal`] = [401, { error: { code: 'sign-in-failed', text: '' } }]
  await click(button('Remove the private address'))
  expect(document.querySelector('[role=alert]')!.textContent).toBe('Your password is not right.')
  type(field('Your password'), 'three grey owls')
  answers[`POST ${PATH}/removal`] = [200, standing()]
  await click(button('Remove the private address'))
  expect(acts().at(-1)!.body).toEqual({ kind: 'address', current: 'three grey owls' })
  expect(text()).toContain('No confirmed private address')
})

test('a telephone, where text messages can be sent: offered, confirmed by its own code, and a way back in', async () => {
  await show()
  expect(text()).not.toContain('Telephone number')
  act(() => root?.unmount())
  answers[`GET ${PATH}`] = [200, standing({}, {}, {})]
  await show()
  expect(text()).toContain('No confirmed telephone')
  const ofPhone = () => document.querySelector('[aria-labelledby=contact-give-phone]')!
  const send = () => [...ofPhone().querySelectorAll('button')].find((one) => one.textContent === 'Send the code')
  type(field('Telephone number'), '079 123 45 67')
  await click(send())
  expect(text()).toContain('Give a number with its country code')
  expect(acts()).toEqual([])
  type(field('Telephone number'), '+41 79 123 45 67')
  type(ofPhone().querySelector<HTMLInputElement>('input[type=password]')!, 'three grey owls')
  answers[`POST ${PATH}`] = [200, standing({}, {}, { waiting: '+4…67', waitingUntil: '2026-03-01T09:00:00.000Z' })]
  await click(send())
  expect(acts().at(-1)!.body).toEqual({ current: 'three grey owls', kind: 'phone', value: '+41 79 123 45 67' })
  expect(text()).toContain('We sent six digits to +4…67.')
  type(field('Code'), '123456')
  const verified = { given: '+4…67', verifiedAt: '2026-03-01T09:00:00.000Z' }
  answers[`POST ${PATH}/code`] = [200, standing({}, {}, verified)]
  await click(button('Confirm'))
  expect(acts().at(-1)!.body).toEqual({ kind: 'phone', code: '123456' })
  expect(text()).toContain('Telephone +4…67, confirmed')
  expect(text()).not.toContain('You have no way back in')
})
