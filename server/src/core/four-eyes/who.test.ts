/** Who is a second person, in every combination. */
import { describe, expect, test } from 'vitest'
import { mayEnd, objectionTo, objectionToDecline } from './who.ts'

const about = { askerId: 'a', mailboxId: 'm', askerTouchedBy: [] as string[] }
const person = (id: string, more = {}) => ({
  ...{ actor: `person:${id}`, isOperator: false, isNew: false, touchedBy: [] as string[] },
  ...more,
})
const operator = { actor: 'operator:o', isOperator: true, isNew: false, touchedBy: [] as string[] }

describe('approving', () => {
  test.each([
    ['a settled administrator', person('b'), about, null],
    ['an operator', operator, about, null],
    ['who asked', person('a'), about, 'decides-own-request'],
    ['whose mailbox it is', person('m'), about, 'decides-own-mailbox'],
    ['a new account', person('b', { isNew: true }), about, 'not-independent'],
    ['one that the asker let back in', person('b', { touchedBy: ['person:a'] }), about, 'not-independent'],
    ['one that anybody else let back in', person('b', { touchedBy: ['cli:root'] }), about, 'not-independent'],
    ['who let the asker back in', person('b'), { ...about, askerTouchedBy: ['person:b'] }, 'not-independent'],
    [
      'an operator who let the asker back in',
      operator,
      { ...about, askerTouchedBy: ['operator:o'] },
      'not-independent',
    ],
    ['a third who did', person('b'), { ...about, askerTouchedBy: ['person:c'] }, null],
  ])('%s', (_name, decider, request, expected) => {
    expect(objectionTo(decider, request)).toBe(expected)
  })
})

test('declining keeps mail closed: nobody but the two whom it is about is kept from it', () => {
  expect(objectionToDecline(person('a'), about)).toBe('decides-own-request')
  expect(objectionToDecline(person('m'), about)).toBe('decides-own-mailbox')
  expect(objectionToDecline(person('b', { isNew: true, touchedBy: ['person:a'] }), about)).toBeNull()
})

test('ending: who asked, who approved, an operator', () => {
  const row = { askerId: 'a', decidedBy: 'person:b' }
  for (const [actor, isOperator, may] of [
    ['person:a', false, true],
    ['person:b', false, true],
    ['operator:x', true, true],
    ['person:c', false, false],
    ['person:m', false, false],
  ] as const)
    expect(mayEnd({ actor, isOperator }, row), actor).toBe(may)
})
