/** RCPT on a fake clock: whatever the directory does, the sender has an answer in time. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { notListed } from '../../../testkit/not-listed.ts'
import { configSchema } from '../../platform/config/config.ts'
import { WireError } from '../../platform/errors.ts'
import type { Directory, Recipient } from '../directory/index.ts'
import { createMxDoor, type IntakeDeps } from './intake.ts'
import type { MxEnvelope } from './door.ts'

const envelope = { from: 's@outside.test' } as MxEnvelope

function fixture(resolve: Directory['resolve']) {
  const clock = fakeClock()
  const deps = {
    clock,
    config: configSchema.parse({}),
    directory: { resolve, known: () => null },
    routes: { get: () => undefined },
    outbound: notListed,
    checkDisk: () => undefined,
  }
  return { clock, door: createMxDoor(deps as unknown as IntakeDeps) }
}

test('promise 13: a directory that does not answer is 451 within two seconds', async () => {
  const { clock, door } = fixture(() => new Promise(() => undefined))
  const answer = Promise.resolve(door.checkRecipient('alice@corp.test', envelope)).then(
    () => 'an answer',
    (error: unknown) => (error as WireError).spec.smtp,
  )
  await clock.advance(1_999)
  expect(await Promise.race([answer, Promise.resolve('none yet')])).toBe('none yet')
  await clock.advance(1)
  expect(await answer).toBe(451)
})

test('an answer in time is given as it is, and no timer stays', async () => {
  const { clock, door } = fixture((address) =>
    address === 'alice@corp.test'
      ? Promise.resolve({ address } as Recipient)
      : Promise.reject(new WireError('unknown-recipient')),
  )
  expect(await door.checkRecipient('alice@corp.test', envelope)).toEqual({ address: 'alice@corp.test' })
  await expect(Promise.resolve(door.checkRecipient('bob@corp.test', envelope))).rejects.toMatchObject({
    code: 'unknown-recipient',
  })
  expect(clock.pending()).toBe(0)
})
