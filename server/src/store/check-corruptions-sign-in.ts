/** What can go wrong with that by which people sign in, and read others' mailboxes: check-corruptions.ts. */
import { mailboxAccessCorruptions } from './check-corruptions-access.ts'
import type { Corruption } from './check-corruptions.ts'

export const signInCorruptions: readonly Corruption[] = [
  ...mailboxAccessCorruptions,
  {
    expected: 'credential-subject',
    text: "nobody's password",
    sql: 'DROP INDEX credential_password; UPDATE credential SET subject_id = organisation_id',
  },
  {
    expected: 'second-factor-subject',
    text: "nobody's second factor",
    sql: 'UPDATE second_factor SET subject_id = organisation_id',
  },
  {
    expected: 'half-sign-in-subject',
    text: "nobody's half sign-in",
    sql: 'UPDATE half_sign_in SET subject_id = organisation_id',
  },
  {
    expected: 'passkey-subject',
    text: "nobody's passkey",
    sql: 'UPDATE passkey SET subject_id = organisation_id',
  },
  {
    expected: 'passkey-whole',
    text: 'a passkey without its key',
    sql: "UPDATE passkey SET public_key = ''",
  },
  {
    expected: 'passkey-challenge-purpose',
    text: 'a challenge that does not end',
    sql: "UPDATE passkey_challenge SET expires_at = 'infinity'",
  },
  {
    expected: 'app-password-person',
    text: "nobody's app password",
    sql: 'UPDATE app_password SET person_id = organisation_id',
  },
  {
    expected: 'provider-tie',
    text: 'an account at a provider that is not declared',
    sql: "UPDATE provider_tie SET provider = 'https://else.test holdfast'",
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
  {
    expected: 'contact-ask-campaign',
    text: 'somebody who was asked for a private address by nobody',
    sql: 'DELETE FROM contact_campaign',
  },
  { expected: 'session-subject', text: "nobody's session", sql: 'UPDATE session SET subject_id = organisation_id' },
]
