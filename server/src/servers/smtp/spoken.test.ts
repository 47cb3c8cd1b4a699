import { afterEach, expect, test } from 'vitest'
import { mxFixture, type MxFixture } from '../../../testkit/mx-fixture.ts'
import { silentLog } from '../../platform/log.ts'
import { mxCommands } from './command-table.ts'
import { spoken } from './spoken.ts'

let mx: MxFixture | null = null
afterEach(async () => {
  await mx?.close()
  mx = null
})

test('no password of a client that was set up wrong comes into the log, whatever way it was sent', async () => {
  const lines: string[] = []
  const keep = (fields: object, text: string): void => void lines.push(JSON.stringify({ ...fields, text }))
  mx = await mxFixture({ log: { ...silentLog, debug: keep, info: keep, warn: keep, error: keep } })
  const client = await mx.greeted()
  const secret = Buffer.from('\0alice\0correct horse').toString('base64')
  for (const line of [
    `AUTH PLAIN ${secret}`,
    'AUTH LOGIN',
    secret,
    secret.slice(0, 12),
    `VRFY ${secret}`,
    `RSET ${secret}`,
  ])
    await client.command(line)
  await client.command('MAIL FROM:<a@b.test> NONSENSE=1')
  await client.command(`DATA ${secret}`)
  expect(lines.length).toBeGreaterThan(5)
  expect(lines.join('\n')).not.toContain(secret.slice(0, 8))
  expect(lines.join('\n')).not.toContain('PLAIN')
  // What helps to find out why mail was refused stays.
  expect(lines.some((line) => line.includes('MAIL FROM:<a@b.test> NONSENSE=1'))).toBe(true)
})

test.each([
  ['RCPT TO:<c@d.test>', 'RCPT TO:<c@d.test>'],
  ['ehlo client.test\n', 'ehlo client.test'],
  ['help me', 'HELP'],
  ['HELP', 'HELP'],
  ['MAILBOX secret', 'a line that is no command'],
  ['MAIL=', 'a line that is no command'],
  ['\u0000MAIL x', 'a line that is no command'],
  ['', 'a line that is no command'],
])('%j', (line, shown) => expect(spoken(Buffer.from(line), mxCommands)).toBe(shown))
