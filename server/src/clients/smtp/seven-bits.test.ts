/** A server without 8BITMIME gets seven bits, as many as SIZE says, the same at each try; others get the bytes as they are. */
import { generateKeyPairSync } from 'node:crypto'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { afterEach, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../../../testkit/stand-in/stand-in.ts'
import { systemClock } from '../../platform/clock.ts'
import { dkimSignature, signedParts } from '../../protocols/dkim/signature.ts'
import { openSmtpConnection, type OutgoingMail } from './connection.ts'

let peer: StandIn
afterEach(() => peer.close())

const head = 'MIME-Version: 1.0\r\nFrom: a@corp.test\r\nSubject: x\r\nContent-Type: text/plain; charset=utf-8\r\n'
const bytes = Buffer.from(
  `${head}Content-Transfer-Encoding: 8bit\r\n\r\n${'A line of caf\u00e9, which repeats.\r\n.dots\r\n'.repeat(4000)}`,
)
const mail = (change: Partial<OutgoingMail> = {}): OutgoingMail => ({
  from: 'a@corp.test',
  size: bytes.length,
  smtputf8: false,
  eightbit: true,
  ret: null,
  envid: null,
  recipients: [{ address: 'x@world.test', notify: null, orcpt: null }],
  body: () => [bytes],
  ...change,
})
const open = () =>
  openSmtpConnection({
    target: { host: '127.0.0.1', port: peer.port, protocol: 'smtp', tls: 'none' },
    helo: 'mx.test',
    clock: systemClock,
  })
const BASE = ['PIPELINING', 'SIZE 52428800']

test('converted, with the right size, the same twice, and the trace says so', async () => {
  peer = await startStandIn({ extensions: BASE })
  const connection = await open()
  for (let i = 0; i < 2; i++) {
    const [result] = await connection.send(mail())
    expect(result).toMatchObject({
      outcome: 'delivered',
      text: expect.stringMatching(/\(sent in seven bits\)$/) as string,
    })
  }
  const [first, second] = peer.store.all()
  expect(first!.bytes).toEqual(second!.bytes)
  expect(first!.bytes.toString('latin1')).toMatch(/^[\0-\x7f]*$/)
  expect(first!.bytes.toString()).toContain('A line of caf=C3=A9, which repeats.\r\n.dots\r\n')
  const said = peer.commands.filter((line) => line.startsWith('MAIL'))
  expect(said).toEqual(Array(2).fill(`MAIL FROM:<a@corp.test> SIZE=${first!.bytes.length}`))
  connection.quit()
})

test('nothing of it follows another message, and a server that takes eight bits gets them', async () => {
  peer = await startStandIn({ extensions: BASE })
  const narrow = await open()
  expect(narrow.mayFollow(mail())).toBe(false)
  expect(narrow.mayFollow(mail({ eightbit: false }))).toBe(true)
  narrow.quit()
  await peer.close()
  peer = await startStandIn({ extensions: [...BASE, '8BITMIME'] })
  const wide = await open()
  expect(wide.mayFollow(mail())).toBe(true)
  expect((await wide.send(mail()))[0]!.text).not.toContain('seven bits')
  expect(peer.store.all()[0]!.bytes).toEqual(bytes)
  expect(peer.store.all()[0]!.mailParameters).toContain('BODY=8BITMIME')
  wide.quit()
})

test('what has seven bits, or cannot be converted, goes as it came', async () => {
  peer = await startStandIn({ extensions: BASE })
  const connection = await open()
  const plain = Buffer.from('Subject: x\r\n\r\nplain\r\n')
  const signed = Buffer.from('Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\u00e9\r\n--b--\r\n')
  for (const body of [plain, signed]) await connection.send(mail({ size: body.length, body: () => [body] }))
  expect(peer.store.all().map((one) => one.bytes)).toEqual([plain, signed])
  connection.quit()
})

test('larger than the server takes, once it is converted: refused before a word is said', async () => {
  peer = await startStandIn({ extensions: ['PIPELINING', `SIZE ${bytes.length}`] })
  const connection = await open()
  expect((await connection.send(mail()))[0]).toMatchObject({ outcome: 'refused', code: 552 })
  expect(peer.commands.join()).not.toContain('MAIL')
  connection.quit()
})

test('bytes that cannot be read put it off', async () => {
  peer = await startStandIn({ extensions: BASE })
  const connection = await open()
  const [result] = await connection.send(
    mail({
      async *body() {
        yield bytes.subarray(0, 100)
        throw new Error('1 of 2 stored bytes were found')
      },
    }),
  )
  expect(result).toMatchObject({ outcome: 'deferred', failure: 'local' })
  expect(peer.store.all()).toEqual([])
})

test('our own signature is made again over what leaves', async () => {
  peer = await startStandIn({ extensions: BASE })
  const { privateKey: key, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signing = { domain: 'corp.test', selector: 'hf1', key, at: 1e12 }
  const field = Buffer.from(dkimSignature(await signedParts(bytes), signing))
  const whole = Buffer.concat([field, bytes])
  const connection = await open()
  await connection.send(
    mail({
      size: whole.length,
      body: () => [field, bytes],
      signature: { field, sign: async (parts) => Buffer.from(dkimSignature(parts, signing)) },
    }),
  )
  const sent = peer.store.all()[0]!.bytes
  expect(peer.commands.join()).toContain(`SIZE=${sent.length}`)
  expect(sent.toString().match(/DKIM-Signature/g)).toHaveLength(1)
  const p = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  const { results } = await dkimVerify(sent, { resolver: async () => [[`v=DKIM1; k=rsa; p=${p}`]] })
  expect(results.map((one: { status: { result: string } }) => one.status.result)).toEqual(['pass'])
  connection.quit()
})
