/** Each class has its run in real time (e2e), which says so: by a proxy in the matrix, or in the test that the table names. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { besideTheTable, faultClassNames, faultTable, type FaultClass } from './fault-table.ts'

const root = join(import.meta.dirname, '../../..')

test('each class is injected by a proxy or brought about elsewhere, and never neither nor both', () => {
  const wrong = faultClassNames.filter((name) => {
    const { inject, elsewhere }: FaultClass = faultTable[name]
    return (inject === undefined) === (elsewhere === undefined)
  })
  expect(wrong).toEqual([])
})

test('the tests that are named are there and name what they bring about', () => {
  const named = faultClassNames.flatMap((name) => {
    const { elsewhere }: FaultClass = faultTable[name]
    return elsewhere === undefined ? [] : [[name, elsewhere] as const]
  })
  for (const [name, file] of [...named, ...Object.entries(besideTheTable)])
    expect(readFileSync(join(root, file), 'utf8'), `${file} for ${name}`).toContain(`\`${name}\``)
})
