/** What can go wrong with that by which people sign in: check-corruptions.ts. */
import type { Corruption } from './check-corruptions.ts'

export const signInCorruptions: readonly Corruption[] = [
  {
    expected: 'credential-subject',
    text: "nobody's password",
    sql: 'DROP INDEX credential_password; UPDATE credential SET subject_id = organisation_id',
  },
  {
    expected: 'app-password-person',
    text: "nobody's app password",
    sql: 'UPDATE app_password SET person_id = organisation_id',
  },
  {
    expected: 'private-contact-person',
    text: "nobody's private address",
    sql: 'UPDATE private_contact SET person_id = gen_random_uuid()',
  },
  {
    expected: 'private-contact-verified',
    text: 'a private address that counts as verified and never was',
    sql: 'UPDATE private_contact SET verified_at = NULL',
  },
  { expected: 'session-subject', text: "nobody's session", sql: 'UPDATE session SET subject_id = organisation_id' },
]
