/** Submission behind a proxy: the header before the greeting, or before the handshake of a listener with TLS from the start. */
import { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { PLAIN_ALICE, submissionFixture, type SubmissionFixture } from '../../../../testkit/submission-fixture.ts'
import type { LineClient } from '../../../../testkit/line-client.ts'

let it: SubmissionFixture
afterEach(async () => {
  await it.close()
  expect(it.violations).toEqual([])
})

const v1 = 'PROXY TCP4 198.51.100.7 127.0.0.1 4000 465\r\n'
const v2 = Buffer.concat([
  Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'),
  Buffer.from([198, 51, 100, 9, 127, 0, 0, 1, 0xc0, 0, 1, 0xd1]),
])
const open = async (name: 'submission' | 'submissions', proxies = ['127.0.0.1']): Promise<LineClient> => {
  it = await submissionFixture({ name, smtp: { proxies } })
  return it.client()
}

describe.each(['submission', 'submissions'] as const)('%s', (name) => {
  test.each([
    ['version 1', v1, '198.51.100.7'],
    ['version 2', v2, '198.51.100.9'],
  ])('%s: whoever signs in is whom it names', async (_, header, address) => {
    const client = await open(name)
    client.send(header)
    if (name === 'submissions') await client.startTls()
    expect((await client.reply()).code).toBe(220)
    await client.command('EHLO x')
    if (name === 'submission') {
      await client.command('STARTTLS')
      await client.startTls()
      await client.command('EHLO x')
    }
    expect((await client.command(`AUTH PLAIN ${PLAIN_ALICE}`)).code).toBe(235)
    expect(it.tried.map(({ clientIp }) => clientIp)).toEqual([address])
  })

  test('from a host that is not listed it is no header, and nobody is believed', async () => {
    const client = await open(name, ['192.0.2.1'])
    client.send(v1)
    if (name === 'submissions') await expect(client.startTls()).rejects.toThrow()
    else {
      await client.reply()
      expect((await client.reply()).code).toBeGreaterThanOrEqual(500)
    }
    expect(it.tried).toEqual([])
  })
})

test('the handshake in one piece with the header: nothing of it is lost', async () => {
  const { socket } = await open('submissions')
  let held: Buffer | null = Buffer.from(v1)
  const joined = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _, done) {
      socket.write(held ? Buffer.concat([held, chunk]) : chunk, () => done())
      held = null
    },
  })
  socket.on('data', (chunk: Buffer) => void joined.push(chunk))
  const secured = connect({ socket: joined, rejectUnauthorized: false })
  const greeting = await new Promise<Buffer>((resolve, reject) => {
    secured.once('data', resolve)
    secured.once('error', reject)
  })
  expect(greeting.toString()).toMatch(/^220 /)
  secured.destroy()
})
