/** The form of a quiet time: what was stored comes back unchanged, also what has no field. */
import { expect, test } from 'vitest'
import type { QuietPlan, QuietWindow } from '../../data/contract.ts'
import { draftOf, wishOf } from './quiet-draft.ts'

const window = (plan: QuietPlan, change: Partial<QuietWindow> = {}): QuietWindow => ({
  ...{ id: 'w', name: 'Night', provider: false, target: 'all', targetId: null, targetName: null, plan },
  ...{ open: null, next: null, week: [], releasedUntil: null, extendedUntil: null, held: 0, setBy: '', setAt: '' },
  ...change,
})
const exempt = {
  senders: ['a@b.test', '@c.test'],
  recipients: ['d@e.test'],
  subjects: ['ALARM: pump', 'fire'],
  priorities: ['high' as const, 'low' as const],
  codeWords: ['Kennzahl'],
}
const rest = { zone: 'Asia/Kathmandu', except: ['2026-12-24'], also: ['2026-12-26', '2026-12-27'], exempt }
const hours = { from: '21:00', to: '05:30' }

test.each<[string, QuietPlan, Partial<QuietWindow>]>([
  ['weekly', { ...rest, weekly: { days: ['sat'], ...hours }, modes: 'judged' }, {}],
  ['monthly', { ...rest, monthly: { nth: 'last', day: 'sun', ...hours }, modes: 'stay' }, {}],
  ['a date', { ...rest, monthly: { date: 'last', ...hours }, modes: 'emergency' }, { provider: true }],
  [
    'for a group',
    { ...rest, weekly: { days: ['sat'], ...hours }, modes: 'judged' },
    { target: 'group', targetId: 'g1' },
  ],
])('%s', (_, plan, change) => {
  const one = window(plan, change)
  expect(wishOf(draftOf(one, 'UTC'), one)).toEqual({
    name: 'Night',
    target: one.target,
    targetId: one.targetId,
    provider: one.provider,
    plan,
  })
})

test('once has no other days; a new one begins with the zone of the viewer', () => {
  const { except: _, also: __, ...plan } = { ...rest, once: { from: '2026-12-24T18:00', to: '2026-12-25T06:00' } }
  const one = window({ ...plan, except: [], also: [], modes: 'judged' })
  expect(wishOf(draftOf(one, 'UTC'), one)).toMatchObject({ plan: { once: plan.once } })
  expect(wishOf(draftOf(one, 'UTC'), one)).not.toHaveProperty('plan.except')
  expect(wishOf({ ...draftOf(null, 'Europe/Paris'), name: ' New ' }, null)).toMatchObject({
    name: 'New',
    target: 'all',
    targetId: null,
    plan: { zone: 'Europe/Paris', weekly: { from: '22:00' } },
  })
})
