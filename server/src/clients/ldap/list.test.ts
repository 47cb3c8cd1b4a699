/** A whole list or none: what servers do to a list that is not at its end, which a real one does only on a bad day. */
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { selfSigned } from '../../platform/certificate.ts'
import { systemClock } from '../../platform/clock.ts'
import { LIST_LIMITS, listEntries } from './list.ts'
import { rangeOf } from './range.ts'

const { cert, key } = selfSigned(['127.0.0.1'], Date.now())
const element = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}
const octets = (text: string | Buffer): Buffer => element(4, Buffer.from(text as string))
const done = (code = 0): Buffer => element(0x65, element(10, Buffer.from([code])), octets(''), octets(''))
const entry = (dn: string, attributes: Record<string, string[]> = {}): Buffer =>
  element(
    0x64,
    octets(dn),
    element(
      0x30,
      ...Object.entries(attributes).map(([type, all]) =>
        element(0x30, octets(type), element(0x31, ...all.map(octets))),
      ),
    ),
  )
const reference = element(0x73, octets('ldaps://elsewhere.test/dc=y'))
/** The control of the answer: no more than its cookie says. */
const cookie = (text: string): Buffer =>
  element(
    0xa0,
    element(0x30, octets('1.2.840.113556.1.4.319'), octets(element(0x30, element(2, Buffer.from([0])), octets(text)))),
  )

/** One answer to each search: its messages, the last one with a control; null: the connection is cut. */
type Answer = { messages: Buffer[]; control?: Buffer; isCut?: boolean }
let server: Server
let answers: Answer[]
let searches: Buffer[]

function answer(bytes: Buffer, socket: TLSSocket): void {
  const at = bytes[1]! < 128 ? 2 : 2 + (bytes[1]! & 127)
  const id = bytes.subarray(at, at + 3)
  const tag = bytes[at + 3]!
  if (tag === 0x60) {
    socket.write(element(0x30, id, element(0x61, element(10, Buffer.from([0])), octets(''), octets(''))))
    return
  }
  if (tag !== 0x63) return
  searches.push(bytes)
  const { messages, control, isCut } = answers.shift()!
  for (const [index, message] of messages.entries())
    socket.write(element(0x30, id, message, ...(control && index === messages.length - 1 ? [control] : [])))
  if (isCut) socket.end()
}

beforeEach(async () => {
  searches = []
  server = createServer({ cert, key }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => answer(bytes, socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => new Promise((resolve) => server.close(resolve)))

const list = (given: Answer[], limits = {}) => {
  answers = given
  return listEntries(
    systemClock,
    { host: '127.0.0.1', port: (server.address() as AddressInfo).port, tls: 'ldaps' },
    { servers: [], ca: cert, bindDn: 'cn=search', bindPassword: 'pw', baseDn: 'dc=x' },
    { filter: '(mail=*)', attributes: ['mail'], isActiveDirectory: true, limits: { ...LIST_LIMITS, ...limits } },
    AbortSignal.timeout(3_000),
  )
}
const names = async (given: Answer[]) => (await list(given)).map(({ dn }) => dn)
const first: Answer = { messages: [entry('cn=a'), done()], control: cookie('more') }

test('page by page, also over an empty one whose cookie says that more comes', async () => {
  const empty: Answer = { messages: [done()], control: cookie('still') }
  expect(await names([first, empty, { messages: [entry('cn=b'), done()], control: cookie('') }])).toEqual([
    'cn=a',
    'cn=b',
  ])
  expect(searches).toHaveLength(3)
  expect(searches[1]!.includes('more')).toBe(true)
  expect(searches[2]!.includes('still')).toBe(true)
})

test.each([3, 4, 10, 11, 51, 80])('result %i on the second page: none of the list', async (code) => {
  await expect(list([first, { messages: [entry('cn=b'), done(code)] }])).rejects.toThrow(/not be read to its end/)
})

test('a connection cut within a page, and a part that is elsewhere: none of the list', async () => {
  await expect(list([first, { messages: [entry('cn=b')], isCut: true }])).rejects.toThrow(/not be read to its end/)
  await expect(list([{ messages: [entry('cn=a'), reference, done()] }])).rejects.toThrow(/on another server/)
})

test('more entries, values or bytes than the limits: none of the list', async () => {
  const two = { messages: [entry('cn=a', { mail: ['1', '2'] }), entry('cn=b'), done()] }
  await expect(list([two], { entries: 1 })).rejects.toThrow('more than 1 entries')
  await expect(list([two], { values: 1 })).rejects.toThrow('more than 1 values of mail')
  await expect(list([two], { bytes: 20 })).rejects.toThrow()
})

test('an attribute in pieces is fetched to its last one, or the list is none', async () => {
  const piece = (type: string, values: string[]): Answer => ({ messages: [entry('cn=g', { [type]: values }), done()] })
  const [group] = await list([
    { messages: [entry('cn=g', { 'member': [], 'member;range=0-1': ['a', 'b'] }), done()] },
    piece('member;range=2-3', ['c', 'd']),
    piece('member;range=4-*', ['e']),
  ])
  expect(group!.values.get('member')!.map(String)).toEqual(['a', 'b', 'c', 'd', 'e'])
  const begins = piece('member;range=0-1', ['a', 'b'])
  await expect(list([begins, piece('member;range=4-*', ['e'])])).rejects.toThrow('the values of member end early')
  await expect(list([begins, { messages: [done()] }])).rejects.toThrow('the values of member end early')
  expect(rangeOf('member')).toBeNull()
  expect(rangeOf('member;range=0')).toBeNull()
})
