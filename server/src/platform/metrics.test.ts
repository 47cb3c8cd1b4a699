/** Counters add up when they are read, whatever the order of labels and however they were counted. */
import { expect, test } from 'vitest'
import { createMetrics } from './metrics.ts'

test('counted with labels, without, by amounts, in any order of labels', async () => {
  const metrics = createMetrics()
  const { registry } = metrics
  const attempts = metrics.counter('attempts_total', 'Attempts', ['outcome', 'reason'])
  attempts.inc({ outcome: 'delivered', reason: 'ok' })
  attempts.inc({ reason: 'ok', outcome: 'delivered' }, 2)
  attempts.inc({ outcome: 'refused', reason: 'ok' })
  attempts.labels({ outcome: 'delivered', reason: 'ok' }).inc(4)
  const plain = metrics.counter('plain_total', 'Plain')
  plain.inc()
  plain.inc(5)
  expect(metrics.counter('plain_total', 'Plain')).toBe(plain)
  const text = await registry.metrics()
  expect(text).toContain('attempts_total{outcome="delivered",reason="ok"} 7')
  expect(text).toContain('attempts_total{outcome="refused",reason="ok"} 1')
  expect(text).toContain('plain_total 6')
  plain.inc()
  expect(await registry.getSingleMetricAsString('plain_total')).toContain('plain_total 7')
})

test('what the caller does with its labels afterwards changes nothing', async () => {
  const metrics = createMetrics()
  const { registry } = metrics
  const one = metrics.counter('one_total', 'One', ['route'])
  const labels = { route: 'a' }
  one.inc(labels)
  labels.route = 'b'
  expect(await registry.metrics()).toContain('one_total{route="a"} 1')
})
