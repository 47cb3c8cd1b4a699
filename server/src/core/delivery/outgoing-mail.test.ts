/** A signature of ours in the trace headers is known again, and made anew as of the time the message was accepted. */
import { expect, test } from 'vitest'
import type { Job } from './job.ts'
import { outgoingMail } from './outgoing-mail.ts'

const FIELD = 'DKIM-Signature: v=1; a=rsa-sha256;\r\n\td=corp.test; s=hf1;\r\n\tb=abc\r\n'
const job = (prefix: string, eightbit = true): Job =>
  ({
    organisationId: 'o',
    prefix: Buffer.from(prefix),
    size: 3,
    acceptedAt: 1_700_000_000_000,
    facts: eightbit ? { eightbit: true } : {},
    body: { kind: 'memory', bytes: [Buffer.from('x\r\n')] },
    recipients: [{ address: 'x@world.test', notify: 0, orcpt: null, held: false, wasUnsure: true }],
  }) as unknown as Job
const asked: unknown[] = []
const deps = {
  returnHeaders: () => '',
  sign: async (...args: [string, string, () => unknown, number]) => {
    asked.push([args[0], args[1], args[3]])
    return Buffer.from('anew')
  },
} as never

test('ours is found behind the other trace headers, and made again as of then, however often it is tried', async () => {
  for (let i = 0; i < 2; i++) {
    const { signature } = outgoingMail(deps, job(`Received: x\r\n${FIELD}`))
    expect(signature!.field.toString()).toBe(FIELD)
    expect((await signature!.sign({ header: Buffer.alloc(0), bodyHash: '' }))!.toString()).toBe('anew')
  }
  expect(asked).toEqual(Array(2).fill(['o', 'corp.test', 1_700_000_000_000]))
})

test('there is none where we did not sign, and it is not looked for where nothing will be changed', () => {
  expect(outgoingMail(deps, job('Received: from DKIM-Signature: (x)\r\n')).signature).toBeNull()
  expect(outgoingMail(deps, job(`Received: x\r\n${FIELD}`, false)).signature).toBeUndefined()
})
