// @vitest-environment jsdom
/** The passkey button: there where it works and nowhere else; what goes to the browser and to the server; what is said when it fails. */
import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { signInByPasskey } from '../../actions/passkey.ts'
import { startI18n } from '../../lib/i18n.ts'
import { PasskeyWay } from './passkey-way.tsx'

const options = {
  ...{ challenge: 'AQID-_8', rpId: 'localhost', timeout: 300_000, userVerification: 'required' },
  allowCredentials: [{ type: 'public-key', id: '_wA', transports: ['internal'] }],
}
let answers: Record<string, [number, unknown]>
let sent: { path: string; body: unknown }[]
let get: ReturnType<typeof vi.fn>
let root: Root
const button = () => document.querySelector('button')
const settle = () => act(() => new Promise((resolve) => setTimeout(resolve, 30)))
const bytes = (...all: number[]) => Uint8Array.from(all).buffer

async function show(): Promise<void> {
  document.body.innerHTML = '<div id="root"></div>'
  root = createRoot(document.getElementById('root')!)
  act(() =>
    root.render(
      <QueryClientProvider client={new QueryClient()}>
        <MantineProvider env="test">
          <PasskeyWay label="Sign in with a passkey" go={signInByPasskey} />
        </MantineProvider>
      </QueryClientProvider>,
    ),
  )
  await settle()
}
async function press(): Promise<void> {
  act(() => button()!.click())
  await settle()
}

beforeAll(async () => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
  window.matchMedia = (media) =>
    ({ media, matches: false, addEventListener() {}, removeEventListener() {} }) as unknown as MediaQueryList
  await startI18n()
})
beforeEach(() => {
  sent = []
  answers = {
    '/session/passkey': [200, { origin: location.origin }],
    '/session/passkey/begin': [200, options],
    '/session/passkey/finish': [200, { kind: 'person', locale: 'en', csrf: 'c', abilities: [] }],
  }
  vi.stubGlobal('PublicKeyCredential', function () {})
  vi.stubGlobal('isSecureContext', true)
  get = vi.fn(() =>
    Promise.resolve({
      id: 'key',
      response: {
        ...{ clientDataJSON: bytes(1), authenticatorData: bytes(251, 255), signature: bytes(2, 3) },
        userHandle: bytes(),
      },
    }),
  )
  Object.defineProperty(navigator, 'credentials', { configurable: true, value: { get } })
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const path = url.replace('/api/v1', '')
    sent.push({ path, body: typeof init.body === 'string' ? (JSON.parse(init.body) as unknown) : null })
    const [status, json] = answers[path]!
    return Promise.resolve(new Response(JSON.stringify(json), { status }))
  })
})
afterEach(() => {
  act(() => root.unmount())
  vi.unstubAllGlobals()
})

test('bytes go to the browser, base64url to the server', async () => {
  await show()
  await press()
  const [[asked]] = get.mock.calls as [
    [{ publicKey: { challenge: Uint8Array; allowCredentials: { id: Uint8Array }[] } }],
  ]
  expect([...asked.publicKey.challenge]).toEqual([1, 2, 3, 251, 255])
  expect([...asked.publicKey.allowCredentials[0]!.id]).toEqual([255, 0])
  expect(sent.at(-1)).toEqual({
    path: '/session/passkey/finish',
    body: { id: 'key', clientDataJSON: 'AQ', authenticatorData: '-_8', signature: 'AgM', userHandle: null },
  })
})

test.each<[string, () => void]>([
  ['the pages have another address', () => (answers['/session/passkey'] = [200, { origin: 'https://mail.corp.test' }])],
  ['there are none here', () => (answers['/session/passkey'] = [200, { origin: null }])],
  ['the browser knows none', () => vi.stubGlobal('PublicKeyCredential', undefined)],
])('no button where %s', async (_, arrange) => {
  arrange()
  await show()
  expect(button()).toBeNull()
})

test('chosen none, and one that was removed here: said, and it can be tried again', async () => {
  get.mockRejectedValueOnce(new DOMException('no', 'NotAllowedError'))
  await show()
  await press()
  expect(document.body.textContent).toContain('Nothing was used.')
  answers['/session/passkey/finish'] = [401, { error: { code: 'passkey-refused', text: '' } }]
  await press()
  expect(document.body.textContent).toContain('This passkey did not sign you in.')
  expect(button()!.disabled).toBe(false)
})
