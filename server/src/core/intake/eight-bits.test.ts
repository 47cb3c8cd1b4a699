/** Whether a message has eight bits is known by its octets: many senders have them and do not say so. */
import { expect, test } from 'vitest'
import { systemClock } from '../../platform/clock.ts'
import { noListBounces, noReturnPaths, notListed } from '../../../testkit/not-listed.ts'
import { configSchema } from '../../platform/config/config.ts'
import { newId } from '../../platform/ids.ts'
import type { Incoming } from '../queue/index.ts'
import { createMxDoor } from './intake.ts'

const organisationId = newId(1)

async function factsOf(bodyType: '7BIT' | '8BITMIME', pieces: string[]): Promise<Incoming['facts']> {
  const accepted: Incoming[] = []
  const door = createMxDoor({
    clock: systemClock,
    config: configSchema.parse({ hostname: 'mx.test' }),
    directory: {} as never,
    routes: { get: () => undefined },
    routing: { inbound: () => ({ deliveries: [], copies: [] }) } as never,
    ownId: { header: () => '', seen: () => false },
    accept: {
      accept: async (...unit: Incoming[]) => {
        accepted.push(...unit)
        return unit.map((one) => one.messageId)
      },
    } as never,
    bodies: {
      open: () => ({
        write: () => undefined,
        finish: async () => ({ kind: 'row', bytes: Buffer.alloc(0) }),
        abort: () => undefined,
        release: () => undefined,
      }),
      stop: async () => undefined,
    },
    watch: () => null,
    outbound: notListed,
    sign: async () => null,
    returnPaths: noReturnPaths,
    listBounces: noListBounces,
    addressesOf: () => Promise.resolve([]),
    checkDisk: () => undefined,
  })
  const sink = door.begin(
    {
      from: 'a@outside.test',
      clientIp: '192.0.2.1',
      helo: 'outside.test',
      esmtp: true,
      tls: null,
      bodyType,
      smtputf8: false,
      declaredSize: null,
      ret: null,
      envid: null,
    },
    [{ recipient: { organisationId, address: 'b@corp.test', folded: 'b@corp.test' } as never, notify: 0, orcpt: null }],
  )
  for (const piece of pieces) await sink.write(Buffer.from(piece))
  await sink.finish()
  return accepted[0]!.facts
}

test.each([
  ['7BIT', ['Subject: x\r\n\r\n', 'hello\r\n'], undefined],
  ['7BIT', ['Subject: x\r\n\r\n', 'grüezi\r\n', 'bye\r\n'], true],
  ['8BITMIME', ['Subject: x\r\n\r\n', 'hello\r\n'], true],
] as const)('said %s, sent %j: %s', async (bodyType, pieces, expected) => {
  expect((await factsOf(bodyType, [...pieces])).eightbit).toBe(expected)
})
