/** What an app password can be used for, and how that is called here. */
import type { AppPassword } from '../../data/contract.ts'

export const protocolWords = {
  submission: 'appPasswords.submission',
  imap: 'appPasswords.imap',
  pop3: 'appPasswords.pop3',
} as const satisfies Record<AppPassword['protocols'][number], string>
export const protocols = Object.keys(protocolWords) as (keyof typeof protocolWords)[]
