/**
 * What we install runs on the oldest Node we promise: `npm ci` must not warn EBADENGINE at the first thing somebody does.
 * A dependency that left that Node behind is held back in package.json's overrides.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

interface Installed {
  version?: string
  engines?: { node?: string }
}

const read = <T>(path: string): T => JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')) as T
const numbers = (text: string): number[] => [0, 1, 2].map((at) => Number(text.split('.')[at] ?? 0))
const order = (a: number[], b: number[]): number => a.map((part, at) => part - b[at]!).find((part) => part !== 0) ?? 0

/** Enough of npm's ranges for what packages write about Node: alternatives of `>=1.2`, `^1.2`, `1`. */
function takes(range: string, node: string): boolean {
  return range.split('||').some((part) => {
    const [, sign, from] = /^\s*(>=|>|\^)?\s*v?([\d.]+)/.exec(part) ?? []
    if (from === undefined) return true
    const isFrom = order(numbers(node), numbers(from)) >= 0
    return sign === '>=' || sign === '>' ? isFrom : isFrom && numbers(node)[0] === numbers(from)[0]
  })
}

test('the ranges are read', () => {
  expect(takes('>=22', '20.19.0')).toBe(false)
  expect(takes('^20.19.0 || >=22.12.0', '20.19.0')).toBe(true)
  expect(takes('^18.18.0 || >=21.1.0', '20.19.0')).toBe(false)
  expect(takes('20 || >=22', '20.19.0')).toBe(true)
})

test('every installed package runs on the oldest Node we support', () => {
  const floor = read<{ engines: { node: string } }>('package.json').engines.node.replace('>=', '')
  const { packages } = read<{ packages: Record<string, Installed> }>('package-lock.json')
  const tooNew = Object.entries(packages)
    .filter(([, { engines }]) => engines?.node !== undefined && !takes(engines.node, floor))
    .map(([path, { version, engines }]) => `${path} ${version} wants Node ${engines?.node}`)
  expect(tooNew).toEqual([])
})
