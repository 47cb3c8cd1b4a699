/**
 * What people are told at their private addresses, in their language: what happened, what it means for them, what to do.
 * Plain text, no codes, one link: it must not look like what tries to get at a password.
 */
export const noticeLocales = ['en', 'fr', 'de'] as const
export type NoticeLocale = (typeof noticeLocales)[number]

export interface NoticeFacts {
  person: string
  organisation: string
  /** the person's address there */
  address: string
  /** milliseconds */
  since: number
  url: string
  /** whom to ask; null: their administrator */
  contact: string | null
  /** an admin's own words */
  ownText: string | null
}

export interface NoticeText {
  subject: string
  lines: string[]
}

export const localeOf = (locale: string): NoticeLocale => noticeLocales.find((one) => one === locale) ?? 'en'

const time = (at: number, locale: string): string =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' }).format(at)

const own = ({ ownText }: NoticeFacts): string[] => (ownText === null ? [] : ['', ...ownText.split(/\r\n|\r|\n/)])

type Wording = (facts: NoticeFacts) => NoticeText

const begun: Record<NoticeLocale, Wording> = {
  en: (f) => ({
    subject: `${f.organisation}: your mail system is down, your e-mail is here`,
    lines: [
      `Dear ${f.person},`,
      '',
      `The mail system of ${f.organisation} has not been working since ${time(f.since, 'en-GB')} (UTC).`,
      ...own(f),
      '',
      'Nothing is lost. New mail for you arrives in the emergency mailbox, and you can read, answer and send there from your usual address:',
      '',
      `  ${f.url}`,
      '',
      `Sign in with ${f.address} and your password for the emergency mailbox. Type the address yourself if you are in doubt; nobody will ask you for your password by e-mail.`,
      '',
      'When your mail system works again, everything that arrived meanwhile will be there as well.',
      '',
      `Questions? Ask ${f.contact ?? 'your administrator'}. This message was sent automatically; an answer to it reaches nobody.`,
    ],
  }),
  fr: (f) => ({
    subject: `${f.organisation} : votre messagerie est en panne, vos messages sont ici`,
    lines: [
      `Bonjour ${f.person},`,
      '',
      `La messagerie de ${f.organisation} ne fonctionne plus depuis le ${time(f.since, 'fr-FR')} (UTC).`,
      ...own(f),
      '',
      'Rien n’est perdu. Vos nouveaux messages arrivent dans la messagerie de secours, où vous pouvez lire, répondre et écrire avec votre adresse habituelle :',
      '',
      `  ${f.url}`,
      '',
      `Connectez-vous avec ${f.address} et votre mot de passe de la messagerie de secours. En cas de doute, saisissez cette adresse vous-même ; personne ne vous demandera votre mot de passe par courriel.`,
      '',
      'Quand votre messagerie fonctionnera de nouveau, tout ce qui est arrivé entre-temps s’y trouvera aussi.',
      '',
      `Des questions ? Adressez-vous à ${f.contact ?? 'votre administrateur'}. Ce message a été envoyé automatiquement ; une réponse n’atteindrait personne.`,
    ],
  }),
  de: (f) => ({
    subject: `${f.organisation}: Ihr Mailsystem ist ausgefallen, Ihre E-Mails sind hier`,
    lines: [
      `Guten Tag ${f.person},`,
      '',
      `das Mailsystem von ${f.organisation} funktioniert seit ${time(f.since, 'de-DE')} (UTC) nicht.`,
      ...own(f),
      '',
      'Nichts ist verloren. Neue Nachrichten für Sie kommen im Notpostfach an; dort können Sie mit Ihrer gewohnten Adresse lesen, antworten und schreiben:',
      '',
      `  ${f.url}`,
      '',
      `Melden Sie sich mit ${f.address} und Ihrem Passwort für das Notpostfach an. Geben Sie die Adresse im Zweifel selbst ein; niemand fragt Sie per E-Mail nach Ihrem Passwort.`,
      '',
      'Sobald Ihr Mailsystem wieder funktioniert, finden Sie dort auch alles, was inzwischen angekommen ist.',
      '',
      `Fragen? Wenden Sie sich an ${f.contact ?? 'Ihre Administration'}. Diese Nachricht wurde automatisch verschickt; eine Antwort darauf erreicht niemanden.`,
    ],
  }),
}

const over: Record<NoticeLocale, Wording> = {
  en: (f) => ({
    subject: `${f.organisation}: your mail system works again`,
    lines: [
      `Dear ${f.person},`,
      '',
      `The mail system of ${f.organisation} works again. Please use your usual program for ${f.address}.`,
      '',
      'Nothing is lost: what arrived and what you sent meanwhile is brought there by itself. If something seems to be missing, wait a little, then ask.',
      '',
      `Questions? Ask ${f.contact ?? 'your administrator'}. This message was sent automatically; an answer to it reaches nobody.`,
    ],
  }),
  fr: (f) => ({
    subject: `${f.organisation} : votre messagerie fonctionne de nouveau`,
    lines: [
      `Bonjour ${f.person},`,
      '',
      `La messagerie de ${f.organisation} fonctionne de nouveau. Veuillez utiliser votre programme habituel pour ${f.address}.`,
      '',
      'Rien n’est perdu : ce qui est arrivé et ce que vous avez envoyé entre-temps y est transféré automatiquement. S’il semble manquer quelque chose, attendez un peu, puis demandez.',
      '',
      `Des questions ? Adressez-vous à ${f.contact ?? 'votre administrateur'}. Ce message a été envoyé automatiquement ; une réponse n’atteindrait personne.`,
    ],
  }),
  de: (f) => ({
    subject: `${f.organisation}: Ihr Mailsystem funktioniert wieder`,
    lines: [
      `Guten Tag ${f.person},`,
      '',
      `das Mailsystem von ${f.organisation} funktioniert wieder. Bitte nutzen Sie für ${f.address} wieder Ihr gewohntes Programm.`,
      '',
      'Nichts ist verloren: Was inzwischen angekommen ist und was Sie verschickt haben, wird von selbst dorthin gebracht. Wenn etwas zu fehlen scheint, warten Sie ein wenig und fragen Sie dann nach.',
      '',
      `Fragen? Wenden Sie sich an ${f.contact ?? 'Ihre Administration'}. Diese Nachricht wurde automatisch verschickt; eine Antwort darauf erreicht niemanden.`,
    ],
  }),
}

export type NoticeKind = 'begun' | 'over'
const wordings = { begun, over } as const satisfies Record<NoticeKind, Record<NoticeLocale, Wording>>

export const noticeText = (kind: NoticeKind, locale: string, facts: NoticeFacts): NoticeText =>
  wordings[kind][localeOf(locale)](facts)
