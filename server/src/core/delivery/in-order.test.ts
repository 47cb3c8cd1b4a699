/** One after the other for each person, side by side for different people, and no further after the route's failure. */
import { expect, test } from 'vitest'
import { AttemptOutcome, EvidenceKind } from '../../platform/codes.ts'
import type { AttemptResult } from './delivery.ts'
import { runInOrder } from './in-order.ts'
import type { Job } from './job.ts'

const job = (name: string, ...people: string[]): Job =>
  ({
    messageId: name,
    recipients: people.map((personId) => ({ deliveryId: `${name}-${personId}`, personId, address: `${personId}@x` })),
  }) as unknown as Job

const resultsOf = ({ recipients }: Job, evidence: EvidenceKind): AttemptResult[] =>
  recipients.map(({ deliveryId }) => ({ deliveryId, outcome: AttemptOutcome.delivered, evidence }))

async function play(jobs: Job[], bad: string[] = []) {
  const log: string[] = []
  const ended: string[] = []
  let now = 0
  let most = 0
  await runInOrder(jobs, {
    async go(one) {
      log.push(`begins ${one.messageId}`)
      most = Math.max(most, ++now)
      await new Promise((resolve) => setTimeout(resolve, 5))
      now--
      log.push(`ends ${one.messageId}`)
      return resultsOf(one, bad.includes(one.messageId) ? EvidenceKind.connectRefused : EvidenceKind.good)
    },
    leave(one) {
      log.push(`leaves ${one.messageId}`)
      return resultsOf(one, EvidenceKind.neutral)
    },
    ended: (results) => void ended.push(...results.map(({ deliveryId }) => deliveryId)),
  })
  return { log, ended, most }
}

test('one person: one after the other', async () => {
  const { log, most } = await play([job('m1', 'alice'), job('m2', 'alice'), job('m3', 'alice')])
  expect(log).toEqual(['begins m1', 'ends m1', 'begins m2', 'ends m2', 'begins m3', 'ends m3'])
  expect(most).toBe(1)
})

test('different people side by side; a message to both waits for both', async () => {
  const { log, ended, most } = await play([
    job('m1', 'alice'),
    job('m2', 'bob'),
    job('m3', 'alice', 'bob'),
    job('m4', 'bob'),
  ])
  expect(most).toBe(2)
  expect(log.slice(0, 2)).toEqual(['begins m1', 'begins m2'])
  expect(log.slice(4)).toEqual(['begins m3', 'ends m3', 'begins m4', 'ends m4'])
  expect(ended).toHaveLength(5)
})

test("after the route's failure the rest of that person is left, others go on; everybody is told", async () => {
  const jobs = [job('m1', 'alice'), job('m2', 'bob'), job('m3', 'alice'), job('m4', 'bob'), job('m5', 'alice')]
  const { log, ended } = await play(jobs, ['m1'])
  expect(log.filter((line) => line.startsWith('leaves'))).toEqual(['leaves m3', 'leaves m5'])
  expect(log).toContain('ends m4')
  expect(ended.sort()).toEqual(['m1-alice', 'm2-bob', 'm3-alice', 'm4-bob', 'm5-alice'])
})

test('what was not tried, or failed by our own fault, is still to come: nothing later goes before it', async () => {
  const log: string[] = []
  const answers: Record<string, Partial<AttemptResult>> = {
    m1: { evidence: EvidenceKind.neutral, tried: false },
    m2: { evidence: EvidenceKind.ours },
    m3: { evidence: EvidenceKind.neutral },
  }
  await runInOrder([job('m1', 'a'), job('m2', 'b'), job('m3', 'c'), job('n1', 'a'), job('n2', 'b'), job('n3', 'c')], {
    async go(one) {
      log.push(one.messageId)
      return resultsOf(one, EvidenceKind.good).map((result) => ({ ...result, ...answers[one.messageId] }))
    },
    leave: (one) => resultsOf(one, EvidenceKind.neutral).map((result) => ({ ...result, tried: false })),
    ended: () => undefined,
  })
  expect(log.sort()).toEqual(['m1', 'm2', 'm3', 'n3'])
})
