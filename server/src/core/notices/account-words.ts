/**
 * What somebody is told about their own account and mailbox, in their language: what happened, who did it and why, what to do
 * if it should not have been. Plain text without links: it must not look like what tries to get at a password.
 */
import type { AccountNoticeKind } from '../../platform/codes.ts'
import type { NoticeFactsRow } from '../../store/account-notices.ts'
import type { PersonWords, Said } from './account-said.ts'
import { de } from './account-words-de.ts'
import { en } from './account-words-en.ts'
import { fr } from './account-words-fr.ts'
import { localeOf, type NoticeLocale, type NoticeText } from './words.ts'

export interface PersonFacts {
  person: string
  organisation: string
  /** the person's address there */
  address: string
  /** whom to ask; null: their administrator */
  contact: string | null
  /** ISO times are said as `time` says them */
  facts: NoticeFactsRow
}

const languages: Record<NoticeLocale, PersonWords> = { en, fr, de }
const tags: Record<NoticeLocale, string> = { en: 'en-GB', fr: 'fr-FR', de: 'de-DE' }

export function accountNoticeText(kind: AccountNoticeKind, wanted: string, about: PersonFacts): NoticeText {
  const locale = localeOf(wanted)
  const words = languages[locale]
  const fact = (name: string): string => {
    const text = String(about.facts[name] ?? '')
    // Nobody knows who typed at the machine itself.
    return text.startsWith('cli:') ? words.atTheServer : text
  }
  const time = (name: string): string => {
    const at = Date.parse(fact(name))
    if (Number.isNaN(at)) return ''
    const text = new Intl.DateTimeFormat(tags[locale], { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })
    return `${text.format(at)} (UTC)`
  }
  const said: Said = {
    ...{ organisation: about.organisation, address: about.address, contact: about.contact, fact, time },
    isHandOver: about.facts['purpose'] === 'handOver',
    isOperator: about.facts['isOperator'] === 1,
  }
  const { subject, lines } = words.bodies[kind](said)
  return {
    subject: `${about.organisation}: ${subject}`.replace(/[\r\n]+/g, ' '),
    lines: [words.dear(about.person), '', ...lines, '', words.doubt(said), '', words.automatic],
  }
}
