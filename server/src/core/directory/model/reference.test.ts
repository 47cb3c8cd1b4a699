import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { checkDeclaration } from './problems.ts'
import { applyExample, applyReference } from './reference.ts'

test('the example of the reference page is a good file', () => {
  expect(checkDeclaration(parse(applyExample))).toHaveProperty('declaration')
})

test('every key of a person is described', () => {
  for (const key of [
    'name',
    'addresses',
    'upn',
    'locale',
    'role',
    'group',
    'route',
    'password',
    'passwordFile',
    'invite',
  ])
    expect(applyReference()).toMatch(
      new RegExp(`\\| \`organisations\\[\\]\\.people\\[\\]\\.${key}\` \\|[^|]*\\|[^|]*\\| \\S`),
    )
})
