/** The id by which the next hop's admin finds a message, out of what their server said. */
import { expect, test } from 'vitest'
import { remoteIdOf } from './wording.ts'

test.each([
  ['2.0.0 Ok: queued as 4Xk2Yp1Zq3z9', '4Xk2Yp1Zq3z9'],
  ['2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 0A1B2C3D4E', '0A1B2C3D4E'],
  ['OK id=1rABcd-0001Xy-2Z', '1rABcd-0001Xy-2Z'],
  ['2.0.0 <alice@corp.test> YKxLAhVnZ2VbBAAAhkqR8w Saved', 'YKxLAhVnZ2VbBAAAhkqR8w'],
  [
    '2.6.0 <once@corp.test> [InternalId=12345678901234, Hostname=AM0PR01.eurprd01.prod.exchangelabs.com] 9000 bytes in 0.1 KB/sec Queued mail for delivery',
    '12345678901234',
  ],
  ['2.0.0 8f2a1c3d Message accepted for delivery', '8f2a1c3d'],
  ['2.0.0 4AR9x1bc012345 Message accepted for delivery', '4AR9x1bc012345'],
  ['2.0.0 OK  1764260000 a640c23a62f3a-b73 - gsmtp', 'a640c23a62f3a-b73'],
  ['Message Queued (4F3C2B1A-0000-4000-8000-1234567890AB.1)', '4F3C2B1A-0000-4000-8000-1234567890AB.1'],
  ['ok 1764260000 qp 12345', '12345'],
  ['2.0.0 Ok', null],
  ['', null],
])('%s', (text, id) => {
  expect(remoteIdOf(text)).toBe(id)
})

test('whatever a server says is looked through at once', () => {
  for (const text of [
    '<'.repeat(100_000),
    `${'a'.repeat(100_000)} `,
    `<${'x> '.repeat(50_000)}`,
    'a.'.repeat(50_000),
  ]) {
    const began = performance.now()
    remoteIdOf(text)
    expect(performance.now() - began).toBeLessThan(1_000)
  }
})
