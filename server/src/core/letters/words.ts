/** What stands on a letter with emergency codes, in the person's language. Plain words for somebody whose mail is gone. */
export const letterLocales = ['en', 'fr', 'de'] as const
export type LetterLocale = (typeof letterLocales)[number]

export const letterLocaleOf = (locale: string): LetterLocale => letterLocales.find((one) => one === locale) ?? 'en'

export interface LetterFacts {
  name: string
  organisation: string
  /** with which they sign in */
  address: string
  /** of the sign-in page */
  url: string
}

export interface LetterWords {
  title: string
  greeting: string
  why: string
  steps: string[]
  codesTitle: string
  qr: string
  keep: string[]
  /** `at`: of the day it was made, in the letter's language */
  made: (at: string) => string
}

const words: Record<LetterLocale, (facts: LetterFacts) => LetterWords> = {
  en: (f) => ({
    title: 'Your way into the emergency mailbox',
    greeting: `Dear ${f.name},`,
    why: `when the mail system of ${f.organisation} is down, or nobody can sign in to it, your e-mail is in the emergency mailbox: you read, answer and send there from your usual address. This letter gets you in, also when you do not know a password.`,
    steps: [
      `Open ${f.url}`,
      `Type your address: ${f.address}`,
      'In place of the password, type one of the codes below.',
      'Choose a new password. From then on you sign in with it, also in your mail program.',
    ],
    codesTitle: 'Each code works once. Cross out the one you used.',
    qr: 'Or point the camera of your phone here; it opens the page with your address.',
    keep: [
      'Keep this letter where you keep your passport: at home, not at your desk and not in your mailbox.',
      'Nobody will ever ask you for a code, by telephone, by e-mail or in person.',
      'If the letter is lost, tell your administrator: a new letter makes these codes worthless.',
    ],
    made: (at) => `Made on ${at}. Earlier letters are no longer good.`,
  }),
  fr: (f) => ({
    title: 'Votre accès à la messagerie de secours',
    greeting: `Bonjour ${f.name},`,
    why: `lorsque la messagerie de ${f.organisation} est en panne, ou que personne ne peut s’y connecter, vos messages se trouvent dans la messagerie de secours : vous y lisez, répondez et envoyez depuis votre adresse habituelle. Cette lettre vous y donne accès, même si vous ne connaissez aucun mot de passe.`,
    steps: [
      `Ouvrez ${f.url}`,
      `Saisissez votre adresse : ${f.address}`,
      'À la place du mot de passe, saisissez l’un des codes ci-dessous.',
      'Choisissez un nouveau mot de passe. Il servira ensuite à vous connecter, aussi dans votre logiciel de messagerie.',
    ],
    codesTitle: 'Chaque code fonctionne une seule fois. Barrez celui que vous avez utilisé.',
    qr: 'Ou visez ce carré avec l’appareil photo de votre téléphone ; la page s’ouvre avec votre adresse.',
    keep: [
      'Gardez cette lettre avec votre passeport : chez vous, ni à votre bureau ni dans votre messagerie.',
      'Personne ne vous demandera jamais un code, ni par téléphone, ni par courriel, ni en personne.',
      'En cas de perte, prévenez votre administrateur : une nouvelle lettre annule ces codes.',
    ],
    made: (at) => `Établie le ${at}. Les lettres précédentes ne sont plus valables.`,
  }),
  de: (f) => ({
    title: 'Ihr Weg in das Notfallpostfach',
    greeting: `Guten Tag ${f.name},`,
    why: `wenn das E-Mail-System von ${f.organisation} ausgefallen ist oder sich dort niemand anmelden kann, liegt Ihre E-Mail im Notfallpostfach: Dort lesen, antworten und senden Sie mit Ihrer gewohnten Adresse. Mit diesem Brief kommen Sie hinein, auch wenn Sie kein Passwort wissen.`,
    steps: [
      `Öffnen Sie ${f.url}`,
      `Geben Sie Ihre Adresse ein: ${f.address}`,
      'Geben Sie statt des Passworts einen der Codes von unten ein.',
      'Wählen Sie ein neues Passwort. Damit melden Sie sich von da an an, auch in Ihrem E-Mail-Programm.',
    ],
    codesTitle: 'Jeder Code gilt einmal. Streichen Sie den durch, den Sie benutzt haben.',
    qr: 'Oder richten Sie die Kamera Ihres Telefons hierher; die Seite öffnet sich mit Ihrer Adresse.',
    keep: [
      'Bewahren Sie diesen Brief bei Ihrem Reisepass auf: zu Hause, nicht am Schreibtisch und nicht im Postfach.',
      'Niemand wird Sie je nach einem Code fragen, weder am Telefon noch per E-Mail oder persönlich.',
      'Ist der Brief verloren, sagen Sie es Ihrer Administration: Ein neuer Brief macht diese Codes wertlos.',
    ],
    made: (at) => `Erstellt am ${at}. Frühere Briefe gelten nicht mehr.`,
  }),
}

export const letterWords = (locale: LetterLocale, facts: LetterFacts): LetterWords => words[locale](facts)
