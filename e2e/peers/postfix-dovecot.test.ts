/** The peer itself: it starts, takes mail unchanged, survives a kill, and goes down and comes back on command. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendMail } from '../../server/testkit/smtp-send.ts'
import { missing } from './needs.ts'
import { startPrimary } from './postfix-dovecot.ts'
import type { Primary } from './postfix-dovecot.ts'
import { until } from './processes.ts'

const skip = missing('postfix', 'dovecot', 'root')
let primary: Primary
beforeAll(async () => {
  if (!skip) primary = await startPrimary(['alice@corp.test', 'bob@corp.test'])
})
afterAll(async () => {
  if (!skip) await primary.remove()
})
const mail = Buffer.from(`Subject: gr\u00fc\u00dfe\r\nX-Nonce: peer-1\r\n\r\n${'long '.repeat(300)}\r\n.dot\r\nend\r\n`)

test.skipIf(skip)('keeps what it was sent, survives a kill, answers 451 on command', async () => {
  const to = {
    from: 'x@outside.test',
    to: ['alice@corp.test', 'bob@corp.test', 'nobody@corp.test'],
    mailParameters: 'BODY=8BITMIME',
  }
  const sent = await sendMail(primary.smtpPort, to, mail)
  expect(sent.recipients.map((one) => one.reply.code)).toEqual([250, 250, 550])
  await until('the mail in Dovecot', async () => (await primary.count('alice@corp.test')) === 1)
  const [held] = await primary.read('alice@corp.test')
  expect(held!.bytes.subarray(-mail.length).equals(mail)).toBe(true)
  expect(held!.queueId).toMatch(/^\w+$/)

  await primary.kill()
  await expect(sendMail(primary.smtpPort, to, mail)).rejects.toThrow(/ECONNREFUSED|ECONNRESET|closed|ended/)
  await primary.start()
  expect((await sendMail(primary.smtpPort, to, mail)).final?.code).toBe(250)
  await until('the second mail', async () => (await primary.count('bob@corp.test')) === 2)

  primary.tempfail(true)
  await until('451', async () => (await sendMail(primary.smtpPort, to, mail)).recipients[0]!.reply.code === 451)
  primary.tempfail(false)
  await until('250', async () => (await sendMail(primary.smtpPort, to, mail)).final?.code === 250)
  await primary.stopSmtp()
  await expect(sendMail(primary.smtpPort, to, mail)).rejects.toThrow(/ECONNREFUSED|ECONNRESET|closed|ended/)
  expect(await primary.count('alice@corp.test')).toBeGreaterThan(1)
  await primary.startSmtp()
  expect((await sendMail(primary.smtpPort, to, mail)).final?.code).toBe(250)
})
