/**
 * What people are asked, in their language. No link but that of the pages, and whom to ask whether it is true: it must not look like
 * what tries to get at a password.
 */
import { localeOf, type NoticeLocale } from '../notices/index.ts'

export interface AskFacts {
  person: string
  organisation: string
  /** theirs here */
  address: string
  /** of the pages */
  url: string
  /** whom to ask; null: their administrator */
  contact: string | null
  everyDays: number
  /** reminders that may follow */
  left: number
}

export interface AskText {
  locale: NoticeLocale
  subject: string
  lines: string[]
}

type Words = (facts: AskFacts) => Omit<AskText, 'locale'>

const words: Record<NoticeLocale, Words> = {
  en: (f) => ({
    subject: `${f.organisation}: a private address for the day our mail is down`,
    lines: [
      `Dear ${f.person},`,
      '',
      'when our mail system is down, you go on reading and writing in the emergency mailbox:',
      '',
      `  ${f.url}`,
      '',
      'If you do not know your password on that day, you can be sent a link to sign in, but not to the mailbox that is down. So please give a private address now. It takes two minutes:',
      '',
      `1. Open the page above and sign in as ${f.address}.`,
      '2. In the menu at the top right choose “Ways back in” and type your private address.',
      '3. Type the code that is sent there.',
      '',
      'It is stored encrypted and shown to nobody in full, your administrators included, and is used for nothing but this and to tell you of an outage.',
      '',
      `If you doubt that this message is real, do not follow it and ask ${f.contact ?? 'your administrator'}.`,
      '',
      f.left > 0
        ? `Reminders follow every ${f.everyDays} days until an address is confirmed (at most: ${f.left}).`
        : 'This is the last reminder.',
    ],
  }),
  fr: (f) => ({
    subject: `${f.organisation} : une adresse privée pour le jour où notre messagerie sera en panne`,
    lines: [
      `Bonjour ${f.person},`,
      '',
      'quand notre messagerie est en panne, vous continuez à lire et à écrire dans la boîte de secours :',
      '',
      `  ${f.url}`,
      '',
      'Si vous ne connaissez pas votre mot de passe ce jour-là, un lien de connexion peut vous être envoyé, mais pas dans la boîte qui est en panne. Indiquez donc dès maintenant une adresse privée. Cela prend deux minutes :',
      '',
      `1. Ouvrez la page ci-dessus et connectez-vous en tant que ${f.address}.`,
      '2. Dans le menu en haut à droite, choisissez « Moyens de revenir » et saisissez votre adresse privée.',
      '3. Saisissez le code qui y est envoyé.',
      '',
      'Elle est enregistrée chiffrée, personne ne la voit en entier, pas même vos administrateurs, et elle ne sert qu’à cela et à vous avertir d’une panne.',
      '',
      `Si vous doutez que ce message soit authentique, n’y donnez pas suite et demandez : ${f.contact ?? 'votre administrateur'}.`,
      '',
      f.left > 0
        ? `Des rappels suivent tous les ${f.everyDays} jours jusqu’à ce qu’une adresse soit confirmée (au plus : ${f.left}).`
        : 'Ceci est le dernier rappel.',
    ],
  }),
  de: (f) => ({
    subject: `${f.organisation}: Eine private Adresse für den Tag, an dem unsere E-Mail ausfällt`,
    lines: [
      `Guten Tag ${f.person},`,
      '',
      'wenn unser Mailsystem ausfällt, lesen und schreiben Sie im Notfallpostfach weiter:',
      '',
      `  ${f.url}`,
      '',
      'Wissen Sie an jenem Tag Ihr Passwort nicht, kann Ihnen ein Link zum Anmelden gesendet werden, aber nicht an das Postfach, das ausgefallen ist. Geben Sie deshalb jetzt eine private Adresse an. Es dauert zwei Minuten:',
      '',
      `1. Öffnen Sie die Seite oben und melden Sie sich als ${f.address} an.`,
      '2. Wählen Sie im Menü oben rechts „Wege zurück“ und geben Sie Ihre private Adresse ein.',
      '3. Geben Sie den Code ein, der dorthin gesendet wird.',
      '',
      'Sie wird verschlüsselt aufbewahrt und niemandem ganz gezeigt, auch Ihrer Administration nicht, und dient nur dazu und um Ihnen einen Ausfall mitzuteilen.',
      '',
      `Zweifeln Sie, ob diese Nachricht echt ist, folgen Sie ihr nicht und fragen Sie nach: ${f.contact ?? 'bei Ihrer Administration'}.`,
      '',
      f.left > 0
        ? `Erinnerungen folgen alle ${f.everyDays} Tage, bis eine Adresse bestätigt ist (höchstens: ${f.left}).`
        : 'Das ist die letzte Erinnerung.',
    ],
  }),
}

export function askText(locale: string, facts: AskFacts): AskText {
  const own = localeOf(locale)
  return { locale: own, ...words[own](facts) }
}
