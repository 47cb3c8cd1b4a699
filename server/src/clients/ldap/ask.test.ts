/** What slapd never does: a server that refers, closes, babbles, or says what Active Directory says. */
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { selfSigned } from '../../platform/certificate.ts'
import { systemClock } from '../../platform/clock.ts'
import { OddEntryError } from './answer.ts'
import { askServer, tryServer } from './ask.ts'

const { cert, key } = selfSigned(['127.0.0.1'], Date.now())
/** what was asked, by its tag: 0x60 bind, 0x63 search; null: the connection is closed */
type Answer = (tag: number, asked: number, socket: TLSSocket) => [number, Buffer][] | null
let server: Server
let answer: Answer
let connections = 0

const element = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}
const octets = (text: string): Buffer => element(4, Buffer.from(text))
const result = (code: number, text = ''): Buffer =>
  Buffer.concat([element(10, Buffer.from([code])), octets(''), octets(text)])
const entry = (dn: string): [number, Buffer] => [0x64, Buffer.concat([octets(dn), element(0x30)])]
const done: [number, Buffer] = [0x65, result(0)]

beforeEach(async () => {
  connections = 0
  server = createServer({ cert, key }, (socket) => {
    connections++
    let asked = 0
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      const at = bytes[1]! < 128 ? 2 : 2 + (bytes[1]! & 127)
      const said = answer(bytes[at + 3]!, asked++, socket)
      if (said === null) return void socket.end()
      for (const [tag, body] of said) socket.write(element(0x30, bytes.subarray(at, at + 3), element(tag, body)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => new Promise((resolve) => server.close(resolve)))

const directory = {
  servers: [],
  ca: cert,
  bindDn: 'cn=search',
  bindPassword: 'pw',
  baseDn: 'dc=x',
  filter: '(mail={name})',
}
const port = (): number => (server.address() as AddressInfo).port
const ask = (limit = 3_000) =>
  askServer(
    systemClock,
    { host: '127.0.0.1', port: port(), tls: 'ldaps' },
    directory,
    { name: 'alice@corp.test', password: 'secret of alice' },
    AbortSignal.timeout(limit),
  )
/** The search account is let in and finds these; then the person's bind gets that. */
const says =
  (found: [number, Buffer][], bind: () => [number, Buffer][] | null): Answer =>
  (_tag, asked) =>
    asked === 0 ? [[0x61, result(0)]] : asked === 1 ? found : bind()

test('what Active Directory says of an account that is disabled arrives', async () => {
  answer = says([entry('cn=alice,dc=x'), done], () => [
    [0x61, result(49, '80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data 533, v4563')],
  ])
  expect(await ask()).toBe('disabled')
})

test('references of a search are left where they are, a referral is no answer', async () => {
  answer = says([[0x73, octets('ldaps://elsewhere.test/dc=y')], entry('cn=alice,dc=x'), done], () => [
    [0x61, result(0)],
  ])
  expect(await ask()).toBe('good')
  answer = says([entry('cn=alice,dc=x'), done], () => [[0x61, result(10)]])
  await expect(ask()).rejects.toThrow('another server, which is not asked')
  answer = says([[0x65, result(10)]], () => null)
  await expect(ask()).rejects.toThrow('another server, which is not asked')
  expect(connections).toBe(3)
})

test('an entry without a name is nobody: its bind would be good for everybody', async () => {
  answer = says([entry(''), done], () => [[0x61, result(0)]])
  expect(await ask()).toBe('not-found')
})

test('the success of a bind that is none: a stranger is nobody whatever the server says', async () => {
  answer = says([done], () => [[0x61, result(0)]])
  expect(await ask()).toBe('not-found')
})

test('a connection that ends is not made again behind our back', async () => {
  answer = says([entry('cn=alice,dc=x'), done], () => null)
  await expect(ask()).rejects.toThrow(/closed/i)
  answer = (_tag, asked) => (asked === 0 ? [[0x61, result(0)]] : null)
  await expect(ask()).rejects.toThrow(/closed/i)
  expect(connections).toBe(2)
})

test('silence, and babble without an end', async () => {
  answer = says([entry('cn=alice,dc=x'), done], () => [])
  const began = performance.now()
  await expect(ask(300)).rejects.toThrow(/aborted|timeout/i)
  expect(performance.now() - began).toBeLessThan(2_000)
  const babble = Buffer.concat([Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]), Buffer.alloc(100_000)])
  answer = (_tag, _asked, socket) => {
    const more = (): boolean => !socket.destroyed && socket.write(babble, () => void more())
    more()
    return []
  }
  await expect(ask()).rejects.toThrow(/closed/i)
})

test('an error for an administrator holds no password', async () => {
  answer = () => [[0x61, result(49, 'not you')]]
  const trial = tryServer(
    systemClock,
    { host: '127.0.0.1', port: port(), tls: 'ldaps' },
    directory,
    AbortSignal.timeout(3_000),
  )
  await expect(trial).rejects.toThrow('the search account cannot sign in: not you Code: 0x31')
})

test('one odd entry is told from a server in trouble', async () => {
  answer = says([entry('cn=alice,dc=x'), done], () => [[0x61, result(80, 'this entry is broken')]])
  await expect(ask()).rejects.toBeInstanceOf(OddEntryError)
  answer = says([entry('cn=alice,dc=x'), done], () => [[0x61, result(51, 'busy')]])
  await expect(ask()).rejects.not.toBeInstanceOf(OddEntryError)
})
