/**
 * What is written to private addresses, in the person's language: a code, that one is no longer used, and that the person signs in
 * in another way from now on.
 */
import { localeOf, type NoticeLocale, type NoticeText } from './words.ts'

export interface ContactFacts {
  person: string
  organisation: string
  /** the person's address there */
  address: string
  /** of the kind code */
  code?: string
  minutes: number
  /** whom to ask; null: their administrator */
  contact: string | null
}

/** factorMade, factorEnded: a passkey or an authenticator app of theirs */
export type ContactMail = 'code' | 'changed' | 'removed' | 'factorMade' | 'factorEnded'
type Words = Record<ContactMail, (facts: ContactFacts) => NoticeText>

const words: Record<NoticeLocale, Words> = {
  en: {
    code: (f) => ({
      subject: `${f.organisation}: your code`,
      lines: [
        `Dear ${f.person},`,
        '',
        `this address was given as the private address of ${f.address}. To confirm that it is yours, type this code on the page where you gave it:`,
        '',
        `  ${f.code ?? ''}`,
        '',
        `It works once, within ${f.minutes} minutes. Nobody will ever ask you for it by telephone.`,
        '',
        'If this is nothing to do with you, delete this message: nothing further is sent here.',
      ],
    }),
    changed: (f) => ({
      subject: `${f.organisation}: another private address was given`,
      lines: [
        `Dear ${f.person},`,
        '',
        `for ${f.address} another private address was given and confirmed. Links to sign in go there from now on and no longer to this one.`,
        '',
        `If that was not you, tell ${f.contact ?? 'your administrator'} at once.`,
      ],
    }),
    removed: (f) => ({
      subject: `${f.organisation}: your private address was removed`,
      lines: [
        `Dear ${f.person},`,
        '',
        `this address is no longer the private address of ${f.address}. No links to sign in are sent here any more.`,
        '',
        `If that was not you, tell ${f.contact ?? 'your administrator'} at once.`,
      ],
    }),
    factorMade: (f) => ({
      subject: `${f.organisation}: a way to sign in was added`,
      lines: [
        `Dear ${f.person},`,
        '',
        `for ${f.address} a passkey or an authenticator app was added. Whoever holds it can sign in there as you, or needs it to.`,
        '',
        `If that was not you, tell ${f.contact ?? 'your administrator'} at once.`,
      ],
    }),
    factorEnded: (f) => ({
      subject: `${f.organisation}: a way to sign in was removed`,
      lines: [
        `Dear ${f.person},`,
        '',
        `for ${f.address} a passkey or an authenticator app was removed. If it was the last one, the password alone is enough there now.`,
        '',
        `If that was not you and nobody did it for you, tell ${f.contact ?? 'your administrator'} at once.`,
      ],
    }),
  },
  fr: {
    code: (f) => ({
      subject: `${f.organisation} : votre code`,
      lines: [
        `Bonjour ${f.person},`,
        '',
        `cette adresse a été indiquée comme adresse privée de ${f.address}. Pour confirmer qu’elle est à vous, saisissez ce code sur la page où vous l’avez indiquée :`,
        '',
        `  ${f.code ?? ''}`,
        '',
        `Il fonctionne une seule fois, dans les ${f.minutes} minutes. Personne ne vous le demandera jamais par téléphone.`,
        '',
        'Si cela ne vous concerne pas, supprimez ce message : rien d’autre n’est envoyé ici.',
      ],
    }),
    changed: (f) => ({
      subject: `${f.organisation} : une autre adresse privée a été indiquée`,
      lines: [
        `Bonjour ${f.person},`,
        '',
        `pour ${f.address}, une autre adresse privée a été indiquée et confirmée. Les liens de connexion y sont désormais envoyés, et non plus ici.`,
        '',
        `Si ce n’était pas vous, prévenez tout de suite ${f.contact ?? 'votre administrateur'}.`,
      ],
    }),
    removed: (f) => ({
      subject: `${f.organisation} : votre adresse privée a été retirée`,
      lines: [
        `Bonjour ${f.person},`,
        '',
        `cette adresse n’est plus l’adresse privée de ${f.address}. Aucun lien de connexion n’y est plus envoyé.`,
        '',
        `Si ce n’était pas vous, prévenez tout de suite ${f.contact ?? 'votre administrateur'}.`,
      ],
    }),
    factorMade: (f) => ({
      subject: `${f.organisation} : un moyen de connexion a été ajouté`,
      lines: [
        `Bonjour ${f.person},`,
        '',
        `pour ${f.address}, une clé d’accès ou une application d’authentification a été ajoutée. Qui la possède peut s’y connecter à votre nom, ou en a besoin pour le faire.`,
        '',
        `Si ce n’était pas vous, prévenez tout de suite ${f.contact ?? 'votre administrateur'}.`,
      ],
    }),
    factorEnded: (f) => ({
      subject: `${f.organisation} : un moyen de connexion a été retiré`,
      lines: [
        `Bonjour ${f.person},`,
        '',
        `pour ${f.address}, une clé d’accès ou une application d’authentification a été retirée. Si c’était la dernière, le mot de passe seul y suffit désormais.`,
        '',
        `Si ce n’était pas vous et que personne ne l’a fait pour vous, prévenez tout de suite ${f.contact ?? 'votre administrateur'}.`,
      ],
    }),
  },
  de: {
    code: (f) => ({
      subject: `${f.organisation}: Ihr Code`,
      lines: [
        `Guten Tag ${f.person},`,
        '',
        `diese Adresse wurde als private Adresse von ${f.address} angegeben. Damit sicher ist, dass sie Ihnen gehört, geben Sie diesen Code auf der Seite ein, auf der Sie sie angegeben haben:`,
        '',
        `  ${f.code ?? ''}`,
        '',
        `Er gilt einmal, innerhalb von ${f.minutes} Minuten. Niemand fragt Sie je am Telefon danach.`,
        '',
        'Hat das nichts mit Ihnen zu tun, löschen Sie diese Nachricht: Weiter wird nichts hierher gesendet.',
      ],
    }),
    changed: (f) => ({
      subject: `${f.organisation}: Eine andere private Adresse wurde angegeben`,
      lines: [
        `Guten Tag ${f.person},`,
        '',
        `für ${f.address} wurde eine andere private Adresse angegeben und bestätigt. Links zum Anmelden gehen von jetzt an dorthin und nicht mehr hierher.`,
        '',
        `Waren Sie das nicht, sagen Sie es sofort: ${f.contact ?? 'Ihrer Administration'}.`,
      ],
    }),
    removed: (f) => ({
      subject: `${f.organisation}: Ihre private Adresse wurde entfernt`,
      lines: [
        `Guten Tag ${f.person},`,
        '',
        `diese Adresse ist nicht mehr die private Adresse von ${f.address}. Links zum Anmelden werden nicht mehr hierher gesendet.`,
        '',
        `Waren Sie das nicht, sagen Sie es sofort: ${f.contact ?? 'Ihrer Administration'}.`,
      ],
    }),
    factorMade: (f) => ({
      subject: `${f.organisation}: Ein Weg zum Anmelden kam hinzu`,
      lines: [
        `Guten Tag ${f.person},`,
        '',
        `für ${f.address} wurde ein Passkey oder eine Authentifizierungs-App hinzugefügt. Wer das Gerät hat, kann sich dort als Sie anmelden oder braucht es dazu.`,
        '',
        `Waren Sie das nicht, sagen Sie es sofort: ${f.contact ?? 'Ihrer Administration'}.`,
      ],
    }),
    factorEnded: (f) => ({
      subject: `${f.organisation}: Ein Weg zum Anmelden wurde entfernt`,
      lines: [
        `Guten Tag ${f.person},`,
        '',
        `für ${f.address} wurde ein Passkey oder eine Authentifizierungs-App entfernt. War es der letzte, genügt dort jetzt das Passwort allein.`,
        '',
        `Waren Sie das nicht und hat es niemand für Sie getan, sagen Sie es sofort: ${f.contact ?? 'Ihrer Administration'}.`,
      ],
    }),
  },
}

export const contactText = (kind: ContactMail, locale: string, facts: ContactFacts): NoticeText =>
  words[localeOf(locale)][kind](facts)
