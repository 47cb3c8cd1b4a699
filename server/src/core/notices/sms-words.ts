/**
 * Text messages to private telephones, in the person's language: short, and in the
 * telephones' own alphabet (no typographic apostrophes, no fixed spaces), outside which 70 characters instead of 160 make one message.
 */
import type { ContactFacts, ContactMail } from './contact-words.ts'
import { localeOf, type NoticeLocale } from './words.ts'

type Facts = Pick<ContactFacts, 'organisation' | 'address' | 'code' | 'minutes' | 'contact'>
type Words = Record<ContactMail, (facts: Facts) => string>

const words: Record<NoticeLocale, Words> = {
  en: {
    code: (f) =>
      `${f.organisation}: ${f.code ?? ''} is your code, for ${f.minutes} minutes. Nobody ever asks you for it.`,
    changed: (f) =>
      `${f.organisation}: another telephone was given for ${f.address}. If that was not you, tell ${f.contact ?? 'your administrator'} at once.`,
    removed: (f) =>
      `${f.organisation}: this telephone is no longer used for ${f.address}. If that was not you, tell ${f.contact ?? 'your administrator'} at once.`,
    factorMade: (f) =>
      `${f.organisation}: a way to sign in was added for ${f.address}. If that was not you, tell ${f.contact ?? 'your administrator'} at once.`,
    factorEnded: (f) =>
      `${f.organisation}: a way to sign in was removed for ${f.address}. If that was not you, tell ${f.contact ?? 'your administrator'} at once.`,
  },
  fr: {
    code: (f) =>
      `${f.organisation} : ${f.code ?? ''} est votre code, valable ${f.minutes} minutes. Personne ne vous le demandera.`,
    changed: (f) =>
      `${f.organisation} : un autre téléphone a été indiqué pour ${f.address}. Si ce n'était pas vous, prévenez tout de suite ${f.contact ?? 'votre administrateur'}.`,
    removed: (f) =>
      `${f.organisation} : ce téléphone ne sert plus pour ${f.address}. Si ce n'était pas vous, prévenez tout de suite ${f.contact ?? 'votre administrateur'}.`,
    factorMade: (f) =>
      `${f.organisation} : un moyen de connexion a été ajouté pour ${f.address}. Si ce n'était pas vous, prévenez tout de suite ${f.contact ?? 'votre administrateur'}.`,
    factorEnded: (f) =>
      `${f.organisation} : un moyen de connexion a été retiré pour ${f.address}. Si ce n'était pas vous, prévenez tout de suite ${f.contact ?? 'votre administrateur'}.`,
  },
  de: {
    code: (f) =>
      `${f.organisation}: ${f.code ?? ''} ist Ihr Code, ${f.minutes} Minuten lang. Niemand fragt Sie je danach.`,
    changed: (f) =>
      `${f.organisation}: Für ${f.address} wurde ein anderes Telefon angegeben. Waren Sie das nicht, sagen Sie es sofort: ${f.contact ?? 'Ihrer Administration'}.`,
    removed: (f) =>
      `${f.organisation}: Dieses Telefon dient nicht mehr für ${f.address}. Waren Sie das nicht, sagen Sie es sofort: ${f.contact ?? 'Ihrer Administration'}.`,
    factorMade: (f) =>
      `${f.organisation}: Für ${f.address} wurde ein Anmeldeweg hinzugefügt. Waren Sie das nicht, sagen Sie es sofort: ${f.contact ?? 'Ihrer Administration'}.`,
    factorEnded: (f) =>
      `${f.organisation}: Für ${f.address} wurde ein Anmeldeweg entfernt. Waren Sie das nicht, sagen Sie es sofort: ${f.contact ?? 'Ihrer Administration'}.`,
  },
}
const link: Record<NoticeLocale, (f: { organisation: string; url: string; minutes: number }) => string> = {
  en: (f) => `${f.organisation}: your link to the emergency mailbox, once, for ${f.minutes} minutes: ${f.url}`,
  fr: (f) =>
    `${f.organisation} : votre lien vers la boîte de secours, une seule fois, pendant ${f.minutes} minutes : ${f.url}`,
  de: (f) => `${f.organisation}: Ihr Link zum Notfallpostfach, einmal, ${f.minutes} Minuten lang: ${f.url}`,
}

export const smsText = (kind: ContactMail, locale: string, facts: Facts): string => words[localeOf(locale)][kind](facts)
export const smsLink = (locale: string, facts: { organisation: string; url: string; minutes: number }): string =>
  link[localeOf(locale)](facts)
