import { expect, test } from 'vitest'
import { newId } from '../platform/ids.ts'
import { moreText } from './trace.ts'

test('a search that stopped says how far back it came and how to go on; a full page does not say that it stopped', () => {
  const organisation = newId(Date.now())
  const next = newId(Date.now())
  const way = `--organisation ${organisation} --after ${next}`
  expect(moreText({ organisation, next, searchedTo: '2026-11-02T08:00:00.000Z' })).toBe(
    `Searched back to 2026-11-02T08:00:00.000Z, not further; to go on: ${way}`,
  )
  expect(moreText({ organisation, next, searchedTo: null })).toBe(`There may be more; to go on: ${way}`)
})
