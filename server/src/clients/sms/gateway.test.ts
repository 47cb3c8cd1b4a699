/** What a gateway is sent, how its answers are taken, and what telephone numbers are. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createSmsGateway, foldPhone, smsBody } from './gateway.ts'

let server: Server
let url: string
let status = 200
let got: { request: IncomingMessage; body: string }[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    void readText(request).then((body) => {
      got.push({ request, body })
      response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end('secret 123456')
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/send`
})
beforeEach(() => {
  got = []
  status = 200
})
afterAll(() => server.close())

const settings = {
  format: 'json',
  body: '{"recipients":[{to}],"message":{text}}',
  headers: { authorization: 'Key s' },
} as const

test('as JSON, with its header', async () => {
  await createSmsGateway({ ...settings, url }).send('+41790000000', 'your "code" is {to}\n123')
  expect(JSON.parse(got[0]!.body)).toEqual({ recipients: ['+41790000000'], message: 'your "code" is {to}\n123' })
  expect(got[0]!.request.headers).toMatchObject({ 'authorization': 'Key s', 'content-type': 'application/json' })
})

test('as a form', async () => {
  const form = { ...settings, format: 'form', body: 'To={to}&Body={text}' } as const
  await createSmsGateway({ ...form, url }).send('+41790000000', 'a&b=c {text} é')
  expect(Object.fromEntries(new URLSearchParams(got[0]!.body))).toEqual({ To: '+41790000000', Body: 'a&b=c {text} é' })
})

test('what is not 2xx, a redirect, and nobody there are errors, which tell nothing of the message', async () => {
  for (const bad of [302, 401, 500]) {
    status = bad
    const error = await createSmsGateway({ ...settings, url })
      .send('+41790000000', 'secret 123456')
      .catch((reason: unknown) => reason)
    expect(String(error)).toMatch(bad === 302 ? /did not answer/ : new RegExp(`answered ${bad}`))
    expect(String(error)).not.toContain('123456')
  }
  const gone = createServer()
  await new Promise<void>((done) => gone.listen(0, '127.0.0.1', done))
  const { port } = gone.address() as AddressInfo
  await new Promise((done) => gone.close(done))
  await expect(
    createSmsGateway({ ...settings, url: `http://127.0.0.1:${port}/` }).send('+41790000000', 'x'),
  ).rejects.toThrow(/did not answer: .*ECONNREFUSED/)
})

test('whatever the text is, a JSON body stays one value each', () => {
  for (let seed = 0; seed < 300; seed++) {
    const text = Array.from({ length: seed % 17 }, (_, at) =>
      String.fromCharCode((seed * 31 + at * 7919) % 0xd7ff),
    ).join('')
    const back = JSON.parse(smsBody(settings, '+41790000000', text)) as { message: string }
    expect(back.message).toBe(text)
  }
})

test('numbers as people type them', () => {
  for (const [typed, folded] of [
    ['+41 79 123 45 67', '+41791234567'],
    ['0041 (79) 123-45-67', '+41791234567'],
    ['+49.170/1234567', '+491701234567'],
    ['079 123 45 67', null],
    ['+41', null],
    ['+0123456789', null],
    ['+1234567890123456', null],
    ['+41 79 123 45 6a', null],
    ['', null],
  ] as const)
    expect([typed, foldPhone(typed)]).toEqual([typed, folded])
})
