// @vitest-environment jsdom
/** Names offered while an address is typed: by keys alone, said to a screen reader, and never in the way of typing. */
import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, useState } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { setLocale, startI18n } from '../../lib/i18n.ts'
import { AddressField } from './address-field.tsx'

const entry = (id: string, name: string, more: object = {}) => ({
  ...{ id, kind: 'person', name, address: `${name.toLowerCase()}@x.test`, title: null, department: null, photo: null },
  ...more,
})
const offers = [entry('1', 'Ann'), entry('2', 'Anders'), entry('3', 'Annexe', { kind: 'group', address: null })]
let asked: string[]
let fails: boolean
let root: Root | null = null
let client: QueryClient

function Field({ first }: { first: string }) {
  const [value, change] = useState(first)
  return (
    <AddressField
      {...{ id: 'to', value, change, error: false, readOnly: false, autoFocus: true, placeholder: '' }}
      onBlur={() => undefined}
    />
  )
}
const input = () => document.getElementById('to') as HTMLInputElement
const options = () => [...document.querySelectorAll('[role=option]')]
/** What a timer changes is rendered when its act ends, and asks in the next. */
async function settle(): Promise<void> {
  await act(() => new Promise((resolve) => setTimeout(resolve, 200)))
  await act(async () => {
    await new Promise((resolve) => setTimeout(resolve, 10))
    while (client.isFetching() > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    await new Promise((resolve) => setTimeout(resolve, 10))
  })
}
async function show(first = ''): Promise<void> {
  document.body.innerHTML = '<div id="root"></div>'
  const made = (root = createRoot(document.getElementById('root')!))
  client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  act(() =>
    made.render(
      <MantineProvider env="test">
        <QueryClientProvider client={client}>
          <Field first={first} />
        </QueryClientProvider>
      </MantineProvider>,
    ),
  )
  await settle()
}
async function type(text: string): Promise<void> {
  act(() => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')!.set!.call(input(), text)
    input().dispatchEvent(new Event('input', { bubbles: true }))
  })
  await settle()
}
async function press(key: string): Promise<boolean> {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })
  act(() => void input().dispatchEvent(event))
  await settle()
  return event.defaultPrevented
}

beforeAll(async () => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
  window.matchMedia = (media) =>
    ({ media, matches: false, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList
  await startI18n()
  await setLocale('en')
})
beforeEach(() => {
  asked = []
  fails = false
  vi.stubGlobal('fetch', (url: string) => {
    asked.push(url)
    if (fails) return Promise.resolve(new Response('{}', { status: 503 }))
    const body = url.includes('/me/address-book/3')
      ? { ...offers[2], members: { entries: [offers[0], offers[1]], others: [], more: false } }
      : { items: offers, next: null }
    return Promise.resolve(new Response(JSON.stringify(body)))
  })
})
afterEach(() => {
  act(() => root?.unmount())
  root = null
  vi.unstubAllGlobals()
})

test('one letter asks nothing; two are offered names, and how many is said', async () => {
  await show()
  await type('a')
  expect(asked).toEqual([])
  expect(input().getAttribute('aria-expanded')).toBe('false')
  await type('an')
  expect(asked[0]).toContain('q=an')
  expect(options().map((one) => one.getAttribute('aria-selected'))).toEqual(['false', 'false', 'false'])
  expect(input().getAttribute('role')).toBe('combobox')
  expect(input().getAttribute('aria-expanded')).toBe('true')
  expect(document.querySelector('[role=status]')!.textContent).toContain('3 suggestions')
  expect(document.getElementById(input().getAttribute('aria-controls')!)!.getAttribute('role')).toBe('listbox')
})

test('chosen by keys behind what is there already; the field is ready for the next', async () => {
  await show('boss@x.test, ')
  await type('boss@x.test, an')
  expect(await press('ArrowDown')).toBe(true)
  await press('ArrowDown')
  const pointed = input().getAttribute('aria-activedescendant')!
  expect(document.getElementById(pointed)!.textContent).toContain('Anders')
  expect(await press('Enter')).toBe(true)
  expect(input().value).toBe('boss@x.test, Anders <anders@x.test>, ')
  expect(input().getAttribute('aria-expanded')).toBe('false')
})

test('around the end back to the field; Escape closes and keeps what was typed; Enter without a choice is nobody’s', async () => {
  await show()
  await type('an')
  for (let i = 0; i < 4; i++) await press('ArrowDown')
  expect(input().hasAttribute('aria-activedescendant')).toBe(false)
  expect(await press('Enter')).toBe(false)
  await press('ArrowUp')
  expect(document.getElementById(input().getAttribute('aria-activedescendant')!)!.textContent).toContain('Annexe')
  expect(await press('Escape')).toBe(true)
  expect([input().value, options().length]).toEqual(['an', 0])
})

test('a group is its people', async () => {
  await show()
  await type('an')
  await act(async () => {
    options()[2]!.dispatchEvent(new MouseEvent('click', { bubbles: true }))
    await Promise.resolve()
  })
  await settle()
  expect(input().value).toBe('Ann <ann@x.test>, Anders <anders@x.test>, ')
})

test('a whole address is left alone, and without an answer it is a plain field', async () => {
  await show()
  await type('someone@else.test')
  expect(asked).toEqual([])
  fails = true
  await type('an')
  expect(options()).toEqual([])
  expect(input().value).toBe('an')
})
