/** Looking for canaries at IMAP servers that search headers and that do not; only what bears the mark is deleted. */
import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { selfSigned } from '../../platform/certificate.ts'
import { systemClock } from '../../platform/clock.ts'
import { lookIntoBox } from './canary-box.ts'
import type { ImapTarget } from './imap-session.ts'

const { cert, key } = selfSigned(['127.0.0.1'], Date.now())
interface Held {
  uid: number
  field: string | null
  deleted?: boolean
}
interface Box {
  held: Held[]
  searches: boolean
  uidplus: boolean
  heard: string[]
  wrong?: Record<string, string>
}

let server: Server | null = null
afterEach(async () => {
  await new Promise((resolve) => server?.close(resolve) ?? resolve(null))
})

/** As much IMAP as is asked for; a field comes as a literal, with the UID before or behind it. */
async function serve(box: Box): Promise<ImapTarget> {
  server = createServer((plain) => {
    plain.on('error', () => undefined)
    const socket = new TLSSocket(plain, { isServer: true, cert, key })
    socket.on('error', () => undefined)
    socket.once('secure', () => socket.write('* OK ready\r\n'))
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 2)
        box.heard.push(line)
        socket.write(reply(box, line))
      }
    })
  })
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { host: '127.0.0.1', port, tls: 'implicit', ca: cert, timeoutMs: 2000, username: 'c', password: 'p' }
}

function reply(box: Box, line: string): string {
  const [tag = '', ...words] = line.split(' ')
  const said = words.join(' ')
  const wrong = Object.entries(box.wrong ?? {}).find(([start]) => said.startsWith(start))
  if (wrong) return wrong[1].replace('TAG', tag)
  if (said === 'CAPABILITY') return `* CAPABILITY IMAP4rev1${box.uidplus ? ' UIDPLUS' : ''}\r\n${tag} OK\r\n`
  if (said === 'SELECT INBOX') {
    const next = Math.max(0, ...box.held.map(({ uid }) => uid)) + 1
    return `* ${box.held.length} EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT ${next}] next\r\n${tag} OK done\r\n`
  }
  const search = /^UID SEARCH UNDELETED HEADER Holdfast-Canary (\S+)$/.exec(said)
  if (search) {
    const found = box.searches ? box.held.filter(({ field, deleted }) => !deleted && field?.includes(search[1]!)) : []
    return `* SEARCH ${found.map(({ uid }) => uid).join(' ')}\r\n${tag} OK done\r\n`
  }
  const fetch = /^UID FETCH (\S+) /.exec(said)
  if (fetch)
    return `${among(box, fetch[1]!)
      .map(({ uid, field, deleted }, i) => {
        const literal = field === null ? '\r\n' : `Holdfast-Canary: ${field}\r\n\r\n`
        const flags = `FLAGS (${deleted ? '\\Deleted' : ''})`
        const what = `BODY[HEADER.FIELDS (HOLDFAST-CANARY)] {${literal.length}}\r\n${literal}`
        return i % 2 === 0
          ? `* ${i} FETCH (UID ${uid} ${flags} ${what})\r\n`
          : `* ${i} FETCH (${flags} ${what} UID ${uid})\r\n`
      })
      .join('')}${tag} OK done\r\n`
  const store = /^UID STORE (\S+) \+FLAGS.SILENT \(\\Deleted\)$/.exec(said)
  if (store) for (const one of among(box, store[1]!)) one.deleted = true
  const expunge = /^UID EXPUNGE (\S+)$/.exec(said)
  if (expunge) {
    const gone = among(box, expunge[1]!)
    box.held = box.held.filter((one) => !(gone.includes(one) && one.deleted))
  }
  return `${tag} OK done\r\n`
}

function among({ held }: Box, uids: string): Held[] {
  const [from, to] = uids.split(':').map(Number) as [number, number | undefined]
  const listed = uids.split(',').map(Number)
  return held.filter(({ uid }) => (to === undefined ? listed.includes(uid) : uid >= from && uid <= to))
}

const others: Held[] = [
  { uid: 1, field: null },
  { uid: 2, field: 'other-route t0' },
  { uid: 3, field: null, deleted: true },
]
const boxWith = (more: Held[], how: Partial<Box> = {}): Box => ({
  held: [...others.map((one) => ({ ...one })), ...more],
  searches: true,
  uidplus: true,
  heard: [],
  ...how,
})
const look = async (box: Box, since: { uid: number; validity: string } | null = null) =>
  lookIntoBox(await serve(box), { mark: 'm1', since }, systemClock)

test('finds its own, several of them, and deletes them alone', async () => {
  const box = boxWith([
    { uid: 4, field: 'm1 t1' },
    { uid: 5, field: 'm1 t2' },
  ])
  expect(await look(box)).toEqual({ tokens: ['t1', 't2'], next: { uid: 6, validity: '7' } })
  expect(box.held).toEqual(others)
})
test('a mark that another one begins with is another one', async () => {
  const box = boxWith([{ uid: 4, field: 'm12 t1' }])
  expect(await look(box)).toMatchObject({ tokens: [] })
  expect(box.held).toHaveLength(4)
})
test('where the server does not search headers: among what has come since the last look', async () => {
  const box = boxWith([{ uid: 9, field: 'm1 t1' }], { searches: false })
  expect(await look(box, { uid: 4, validity: '7' })).toMatchObject({ tokens: ['t1'] })
  expect(box.held).toEqual(others)
  expect(box.heard.some((line) => line.includes('UID FETCH 4:9 '))).toBe(true)
})
test('not among what has come since, where the mailbox is another one now', async () => {
  const box = boxWith([{ uid: 9, field: 'm1 t1' }], { searches: false })
  expect(await look(box, { uid: 4, validity: '6' })).toMatchObject({ tokens: [] })
})
test('without UIDPLUS it is marked and left, and not found again', async () => {
  const box = boxWith([{ uid: 4, field: 'm1 t1' }], { uidplus: false })
  expect(await look(box)).toMatchObject({ tokens: ['t1'] })
  expect(box.heard.some((line) => line.includes('EXPUNGE'))).toBe(false)
  expect(box.held).toHaveLength(4)
  await new Promise((resolve) => server!.close(resolve))
  expect(await look(box)).toMatchObject({ tokens: [] })
})
test.each([
  ['LOGIN', 'TAG NO [AUTHENTICATIONFAILED] wrong\r\n', 'refused'],
  ['LOGIN', 'TAG NO [UNAVAILABLE] later\r\n', 'bad'],
  ['SELECT', 'TAG NO no such mailbox\r\n', 'bad'],
  ['UID FETCH', '* 1 FETCH (UID 4\r\n'.repeat(900), 'bad'],
])('%s answered by %j: %s', async (verb, answer, outcome) => {
  const box = boxWith([{ uid: 4, field: 'm1 t1' }], { wrong: { [verb]: answer } })
  expect(await look(box)).toMatchObject({ outcome })
})
