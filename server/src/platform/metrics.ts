/** Prometheus metrics (prom-client). Labels are words of closed lists, route names and role names: never a person. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export interface Metrics {
  registry: Registry
  counter(name: string, help: string, labels?: readonly string[]): Counter
  gauge(name: string, help: string, labels?: readonly string[]): Gauge
  histogram(name: string, help: string, buckets: number[], labels?: readonly string[]): Histogram
}

/**
 * A counter whose additions wait until somebody reads it: the library's own takes apart and hashes the labels at each, and
 * a message is counted half a dozen times.
 */
function lazyCounter(name: string, help: string, labelNames: readonly string[], registry: Registry): Counter {
  const waiting = new Map<string, { labels: Record<string, string | number>; n: number }>()
  const counter = new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      // One that cannot be added is lost alone, not counted again and again.
      for (const [key, { labels, n }] of waiting) {
        waiting.delete(key)
        add(labels, n)
      }
    },
  })
  const add = counter.inc.bind(counter) as (labels: Record<string, string | number>, n: number) => void
  const later = (first?: number | Partial<Record<string, string | number>>, second?: number): void => {
    const labels = typeof first === 'object' ? first : {}
    const n = (typeof first === 'number' ? first : second) ?? 1
    let key = ''
    for (const label of labelNames) key += `${labels[label] ?? ''}\n`
    const one = waiting.get(key)
    if (one) one.n += n
    else waiting.set(key, { labels: { ...labels } as Record<string, string | number>, n })
  }
  counter.inc = later as Counter['inc']
  return counter
}

/** One registry per process (tests make their own); a name asked for twice gives the same metric. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const once = <T>(name: string, make: () => T): T => (registry.getSingleMetric(name) as T | undefined) ?? make()
  return {
    registry,
    counter: (name, help, labels = []) => once(name, () => lazyCounter(name, help, labels, registry)),
    gauge: (name, help, labels = []) =>
      once(name, () => new Gauge({ name, help, labelNames: [...labels], registers: [registry] })),
    histogram: (name, help, buckets, labels = []) =>
      once(name, () => new Histogram({ name, help, buckets, labelNames: [...labels], registers: [registry] })),
  }
}
