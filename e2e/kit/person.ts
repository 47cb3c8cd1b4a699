/** What a signed-in person does through JMAP, as the webmail does it. */
import { expect } from 'vitest'
import type { Web } from './web.ts'

/** role -> id */
export async function mailboxIds(web: Web): Promise<Record<string, string>> {
  const [boxes] = await web.jmap([['Mailbox/get', { ids: null }]])
  return Object.fromEntries((boxes.list as any[]).filter((box) => box.role).map((box) => [box.role, box.id]))
}

/** Writes a draft with these properties and sends it: it leaves Drafts for Sent. */
export async function writeAndSend(web: Web, email: object): Promise<void> {
  const boxes = await mailboxIds(web)
  const [identities] = await web.jmap([['Identity/get', { ids: null }]])
  const draft = { mailboxIds: { [boxes.drafts!]: true }, keywords: { $draft: true }, ...email }
  const [created, submitted] = await web.jmap([
    ['Email/set', { create: { draft } }],
    [
      'EmailSubmission/set',
      {
        create: { send: { emailId: '#draft', identityId: identities.list[0].id } },
        onSuccessUpdateEmail: {
          '#send': {
            [`mailboxIds/${boxes.drafts}`]: null,
            [`mailboxIds/${boxes.sent}`]: true,
            'keywords/$draft': null,
          },
        },
      },
    ],
  ])
  expect(created.notCreated ?? null, JSON.stringify(created)).toBeNull()
  expect(submitted.notCreated ?? null, JSON.stringify(submitted)).toBeNull()
}
