/** What strangers wrote into a message, as every scene shows it: once, where it comes in. */
import { withoutTurns, withTurnsSeen } from '../../lib/direction.ts'
import type { Address, Email, EmailRow } from './types.ts'

const addresses = (list: Address[] | null): Address[] | null =>
  list &&
  list.map(({ name, email }) => ({ name: name === null ? null : withoutTurns(name), email: withTurnsSeen(email) }))

export const shownRow = <T extends EmailRow>(row: T): T => ({
  ...row,
  from: addresses(row.from),
  to: addresses(row.to),
  subject: row.subject === null ? null : withoutTurns(row.subject),
  preview: withoutTurns(row.preview),
})

export const shownEmail = (email: Email): Email => ({
  ...shownRow(email),
  cc: addresses(email.cc),
  bcc: addresses(email.bcc),
  replyTo: addresses(email.replyTo),
  sender: addresses(email.sender),
  headers: email.headers.map(({ name, value }) => ({ name, value: withTurnsSeen(value) })),
  attachments: email.attachments.map((part) => ({
    ...part,
    name: part.name === null ? null : withoutTurns(part.name),
  })),
})
