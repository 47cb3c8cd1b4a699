/** Every refusal has a meaning, and only what says nothing about a person leaves the question open. */
import { expect, test } from 'vitest'
import { verdictOf, wordsOf } from './answer.ts'

const refusal = (code: number, message = 'no'): Error => Object.assign(new Error(message), { code })
const ofActiveDirectory = (data: string): Error =>
  refusal(49, `80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error, data ${data}, v4563 Code: 0x31`)

test.each([
  ['52e', 'wrong'],
  ['525', 'not-found'],
  ['530', 'locked'],
  ['531', 'locked'],
  ['532', 'must-change'],
  ['533', 'disabled'],
  ['701', 'disabled'],
  ['773', 'must-change'],
  ['775', 'locked'],
  ['57', 'wrong'],
])('Active Directory, data %s: %s', (data, verdict) => {
  expect(verdictOf(ofActiveDirectory(data))).toBe(verdict)
})

test.each([
  [49, 'wrong'],
  [48, 'wrong'],
  [32, 'not-found'],
  [19, 'locked'],
  [50, 'locked'],
  [53, 'locked'],
  // referral, strongerAuthRequired, confidentialityRequired, busy, unavailable, other
  [10, null],
  [8, null],
  [13, null],
  [51, null],
  [52, null],
  [80, null],
])('result %i: %s', (code, verdict) => {
  expect(verdictOf(refusal(code))).toBe(verdict)
})

test('trouble with the connection is nothing about a person', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  for (const error of [new Error('it closed the connection'), refused, 'text', null])
    expect(verdictOf(error)).toBeNull()
  expect(wordsOf(refusal(10))).toContain('not asked')
  expect(wordsOf(new Error(`a\n b${'x'.repeat(1000)}`))).toHaveLength(300)
})
