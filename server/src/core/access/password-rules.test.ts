import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkPasswordRules } from './password-rules.ts'

test.each([
  'short',
  'password123',
  'P@ssw0rd2026!',
  'Passwort2026',
  'motdepasse1',
  'qwertzuiop1',
  '1234567890',
  '0987654321',
  '12345678901234',
  'aaaaaaaaaaaaaa',
  'abababababab',
  'Welcome2026!',
  'Sommer2026!!',
  'abcdefghij',
  'alice2026!!!',
  'Manchester2026!',
  'usuckballz1',
  '  basketball_99  ',
  'x'.repeat(300),
])('%s is refused', (password) =>
  expect(() => checkPasswordRules(password, ['Alice Example', 'alice@a.test'])).toThrow(/password:/),
)

test.each([
  'correct horse battery staple',
  'Vier-Eulen-im-Regen',
  'zq8#kfm2LpX!',
  'trois petits chats gris',
  'пароль-из-слов-пять',
  '8241907365',
])('%s is taken', (password) =>
  expect(() => checkPasswordRules(password, ['Alice Example', 'alice@a.test'])).not.toThrow(),
)

test('any text gets an answer, quickly', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      try {
        checkPasswordRules(text)
      } catch (error) {
        expect((error as { code: string }).code).toBe('bad-request')
      }
    }),
  )
})
