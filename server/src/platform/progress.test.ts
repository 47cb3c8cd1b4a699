import { expect, test } from 'vitest'
import type { Log } from './log.ts'
import { silentLog } from './log.ts'
import { tellProgress } from './progress.ts'

test.each([
  [true, ['terminal: Making the database ...\n']],
  [false, ['log: Making the database']],
])('at a terminal (%s) a sentence, else a line of the log, never both', (isTTY, expected) => {
  const said: string[] = []
  const log: Log = { ...silentLog, info: (_fields, text) => void said.push(`log: ${text}`) }
  tellProgress(log, { isTTY, write: (text) => said.push(`terminal: ${text}`) })('Making the database')
  expect(said).toEqual(expected)
})
