/** What stands in a mail with a link to sign in, in the person's language: plain, one link, and what to do if it was not asked for. */
import { localeOf, type NoticeLocale, type NoticeText } from './words.ts'

export interface LinkFacts {
  person: string
  organisation: string
  /** the person's address there */
  address: string
  url: string
  minutes: number
  /** whom to ask; null: their administrator */
  contact: string | null
}

const words: Record<NoticeLocale, (facts: LinkFacts) => NoticeText> = {
  en: (f) => ({
    subject: `${f.organisation}: your link to the emergency mailbox`,
    lines: [
      `Dear ${f.person},`,
      '',
      `with this link you sign in to the emergency mailbox of ${f.address} and choose a new password:`,
      '',
      `  ${f.url}`,
      '',
      `It works once, within ${f.minutes} minutes. Pass it on to nobody.`,
      '',
      `If you did not ask for it, nothing has happened: delete this message. If such messages go on coming, tell ${f.contact ?? 'your administrator'}.`,
    ],
  }),
  fr: (f) => ({
    subject: `${f.organisation} : votre lien vers la messagerie de secours`,
    lines: [
      `Bonjour ${f.person},`,
      '',
      `ce lien vous connecte à la messagerie de secours de ${f.address} et vous y choisissez un nouveau mot de passe :`,
      '',
      `  ${f.url}`,
      '',
      `Il fonctionne une seule fois, dans les ${f.minutes} minutes. Ne le transmettez à personne.`,
      '',
      `Si vous ne l’avez pas demandé, rien n’est arrivé : supprimez ce message. Si de tels messages continuent d’arriver, prévenez ${f.contact ?? 'votre administrateur'}.`,
    ],
  }),
  de: (f) => ({
    subject: `${f.organisation}: Ihr Link zum Notfallpostfach`,
    lines: [
      `Guten Tag ${f.person},`,
      '',
      `mit diesem Link melden Sie sich am Notfallpostfach von ${f.address} an und wählen ein neues Passwort:`,
      '',
      `  ${f.url}`,
      '',
      `Er gilt einmal, innerhalb von ${f.minutes} Minuten. Geben Sie ihn niemandem weiter.`,
      '',
      `Haben Sie ihn nicht angefordert, ist nichts geschehen: Löschen Sie diese Nachricht. Kommen solche Nachrichten weiter, sagen Sie es: ${f.contact ?? 'Ihrer Administration'}.`,
    ],
  }),
}

export const linkText = (locale: string, facts: LinkFacts): NoticeText => words[localeOf(locale)](facts)
