import { expect, test } from 'vitest'
import { Mode } from '../../platform/codes.ts'
import { flowIn, modeTable, modeTableMarkdown } from './mode-table.ts'

test('the table says what the design says', () => {
  expect(flowIn(Mode.normal, 'inboundProtected')).toBe('relay')
  expect(flowIn(Mode.suspect, 'inboundProtected')).toBe('attempt')
  expect(flowIn(Mode.emergency, 'inboundProtected')).toBe('wait')
  expect(flowIn(Mode.emergencyReach, 'inboundProtected')).toBe('relay')
  expect(flowIn(Mode.recovering, 'inboundOthers')).toBe('paced')
  expect(flowIn(Mode.hold, 'fromPeople')).toBe('keep')
  // People can send in every mode but a hold.
  for (const mode of Object.values(Mode)) expect(flowIn(mode, 'fromPeople')).toBe(mode === Mode.hold ? 'keep' : 'relay')
})

test('the reference page has a row for each mode and a column for each kind of traffic', () => {
  const lines = modeTableMarkdown().trimEnd().split('\n')
  expect(lines).toHaveLength(Object.keys(modeTable).length + 2)
  for (const line of lines) expect(line.split('|')).toHaveLength(11)
})
