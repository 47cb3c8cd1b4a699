import { expect, test } from 'vitest'
import { presentMessage } from './present.ts'

test('an envelope or an id that turns the direction of text around is seen as it is', () => {
  const shown = presentMessage({
    messageId: '0199-x',
    messageIdHeader: '<a\u2066b@x>',
    from: 'boss\u202e@corp.test',
    subject: null,
    acceptedAt: new Date(0),
    size: 1,
    direction: 1,
    recipients: [],
  })
  expect(shown).toMatchObject({ from: 'boss\ufffd@corp.test', messageIdHeader: '<a\ufffdb@x>' })
})
