/**
 * The words of a letter about an alarm, in the language of whoever reads it. Pure: facts in, subject and lines out. It links to
 * a page, and the page asks: nothing happens because a letter was opened or its links were followed by a scanner.
 */
import type { AlarmKind } from '../../platform/codes.ts'

type LetterLocale = 'en' | 'fr' | 'de'

interface LetterAbout {
  kind: AlarmKind
  organisation: string
  route: string
  /** of a probe */
  probe: string
  /** evidence, as it was said; not translated */
  detail: string
  /** days, where it is about a certificate */
  days: number | null
  openedAt: Date
  endedAt: Date | null
  /** how often it was told before */
  told: number
  /** of the page with the button; '' where nobody said how the pages are reached */
  link: string
}

interface Words {
  titles: Record<AlarmKind, (about: LetterAbout) => string>
  explains: Record<AlarmKind, (about: LetterAbout) => string[]>
  over: string
  reminder: string
  since: string
  until: string
  evidence: string
  link: string
  noLink: string
}

const words: Record<LetterLocale, Words> = {
  en: {
    titles: {
      'ask-away': ({ route }) => `May Holdfast switch ${route} to emergency?`,
      'ask-home': ({ route }) => `May the mail of ${route} go home?`,
      'emergency': ({ route }) => `Emergency: ${route}`,
      'blind': () => 'Holdfast cannot see',
      'probe-refused': ({ route, probe }) => `The password of the probe “${probe}” of ${route} is refused`,
      'certificate': ({ route, days }) => `A certificate of ${route} ends in ${days ?? 0} days`,
      'part-down': ({ route }) => `Part of ${route} is down`,
      'list-waits': ({ route }) => `The list of people “${route}” waits for a yes`,
    },
    explains: {
      'ask-away': () => [
        'The mail system does not take mail as it should. By your policy Holdfast asks before it switches.',
        'Nothing is lost meanwhile: deliveries are tried again and wait, and protected people see their mail here.',
      ],
      'ask-home': () => [
        'The mail system answers again. By your policy Holdfast asks before what has waited goes home.',
        'Until you answer it waits here, and people read and send here.',
      ],
      'emergency': () => ['People read and send here until the mail system is well again. Nothing has to be done.'],
      'blind': () => [
        'Holdfast itself seems to be cut off: look at its network, resolver and firewall. No mode changes until it sees.',
      ],
      'probe-refused': () => ['Correct it in the file of the organisation (reachPasswords) and apply it.'],
      'certificate': () => ['Have it renewed: when it has ended, people cannot reach their mail.'],
      'part-down': () => [
        'Several mailboxes fail there while others take mail. The mail of these people waits here, where they read and send; their colleagues are not affected.',
      ],
      'list-waits': () => [
        'What the identity provider wrote is more than this list may change by itself. Until you say yes or no, nothing of it happens: nobody new comes in, and nobody who was shut out there is shut out here.',
        'holdfast directory runs',
      ],
    },
    over: 'Over',
    reminder: 'Reminder',
    since: 'Since',
    until: 'Until',
    evidence: 'Evidence',
    link: 'Look and decide here (the link only shows; the button acts):',
    noLink: 'Look and decide in the control panel, under Alarms.',
  },
  fr: {
    titles: {
      'ask-away': ({ route }) => `Holdfast peut-il passer ${route} en urgence ?`,
      'ask-home': ({ route }) => `Le courrier de ${route} peut-il repartir chez lui ?`,
      'emergency': ({ route }) => `Urgence : ${route}`,
      'blind': () => 'Holdfast ne voit plus',
      'probe-refused': ({ route, probe }) => `Le mot de passe de la sonde « ${probe} » de ${route} est refusé`,
      'certificate': ({ route, days }) => `Un certificat de ${route} expire dans ${days ?? 0} jours`,
      'part-down': ({ route }) => `Une partie de ${route} est en panne`,
      'list-waits': ({ route }) => `La liste de personnes « ${route} » attend un oui`,
    },
    explains: {
      'ask-away': () => [
        'Le système de messagerie ne prend pas le courrier comme il le devrait. Selon vos règles, Holdfast demande avant de basculer.',
        'Rien n’est perdu d’ici là : les remises sont retentées et attendent, et les personnes protégées voient leur courrier ici.',
      ],
      'ask-home': () => [
        'Le système de messagerie répond à nouveau. Selon vos règles, Holdfast demande avant de rendre ce qui a attendu.',
        'Jusqu’à votre réponse, tout attend ici, où chacun lit et envoie.',
      ],
      'emergency': () => [
        'Chacun lit et envoie ici jusqu’à ce que le système de messagerie aille de nouveau bien. Il n’y a rien à faire.',
      ],
      'blind': () => [
        'Holdfast lui-même semble coupé du réseau : regardez son réseau, son résolveur et son pare-feu. Aucun mode ne change d’ici là.',
      ],
      'probe-refused': () => ['Corrigez-le dans le fichier de l’organisation (reachPasswords) et appliquez-le.'],
      'certificate': () => ['Faites-le renouveler : une fois expiré, personne n’atteint plus son courrier.'],
      'part-down': () => [
        'Plusieurs boîtes y échouent alors que d’autres prennent le courrier. Celui de ces personnes attend ici, où elles lisent et envoient ; leurs collègues ne sont pas touchés.',
      ],
      'list-waits': () => [
        'Ce que le fournisseur d’identité a écrit dépasse ce que cette liste peut changer d’elle-même. Tant que vous n’avez pas dit oui ou non, rien n’en est fait : personne de nouveau n’entre, et qui est exclu là-bas ne l’est pas ici.',
        'holdfast directory runs',
      ],
    },
    over: 'Terminé',
    reminder: 'Rappel',
    since: 'Depuis',
    until: 'Jusqu’à',
    evidence: 'Constat',
    link: 'Regardez et décidez ici (le lien ne fait que montrer, le bouton agit) :',
    noLink: 'Regardez et décidez dans le panneau de contrôle, sous Alarmes.',
  },
  de: {
    titles: {
      'ask-away': ({ route }) => `Darf Holdfast ${route} auf Notbetrieb schalten?`,
      'ask-home': ({ route }) => `Darf die Post von ${route} nach Hause?`,
      'emergency': ({ route }) => `Notbetrieb: ${route}`,
      'blind': () => 'Holdfast sieht nichts',
      'probe-refused': ({ route, probe }) => `Das Passwort der Sonde „${probe}“ von ${route} wird abgelehnt`,
      'certificate': ({ route, days }) => `Ein Zertifikat von ${route} läuft in ${days ?? 0} Tagen ab`,
      'part-down': ({ route }) => `Ein Teil von ${route} ist ausgefallen`,
      'list-waits': ({ route }) => `Die Personenliste „${route}“ wartet auf ein Ja`,
    },
    explains: {
      'ask-away': () => [
        'Das Mailsystem nimmt Post nicht an, wie es sollte. Nach Ihrer Regel fragt Holdfast, bevor es umschaltet.',
        'Verloren geht inzwischen nichts: Zustellungen werden weiter versucht und warten, und geschützte Personen sehen ihre Post hier.',
      ],
      'ask-home': () => [
        'Das Mailsystem antwortet wieder. Nach Ihrer Regel fragt Holdfast, bevor nach Hause geht, was gewartet hat.',
        'Bis zu Ihrer Antwort wartet es hier, und alle lesen und senden hier.',
      ],
      'emergency': () => ['Alle lesen und senden hier, bis das Mailsystem wieder gesund ist. Zu tun ist nichts.'],
      'blind': () => [
        'Holdfast selbst scheint abgeschnitten: Sehen Sie nach Netz, Resolver und Firewall. Bis dahin ändert sich kein Modus.',
      ],
      'probe-refused': () => [
        'Berichtigen Sie es in der Datei der Organisation (reachPasswords) und wenden Sie sie an.',
      ],
      'certificate': () => ['Lassen Sie es erneuern: Ist es abgelaufen, erreicht niemand mehr seine Post.'],
      'part-down': () => [
        'Mehrere Postfächer versagen dort, während andere Post annehmen. Die Post dieser Personen wartet hier, wo sie lesen und senden; die anderen sind nicht betroffen.',
      ],
      'list-waits': () => [
        'Was der Identitätsanbieter geschrieben hat, ist mehr, als diese Liste von selbst ändern darf. Bis Sie ja oder nein sagen, geschieht nichts davon: Niemand Neues kommt herein, und wer dort ausgesperrt wurde, ist es hier nicht.',
        'holdfast directory runs',
      ],
    },
    over: 'Vorbei',
    reminder: 'Erinnerung',
    since: 'Seit',
    until: 'Bis',
    evidence: 'Befund',
    link: 'Hier ansehen und entscheiden (der Link zeigt nur, der Knopf handelt):',
    noLink: 'Ansehen und entscheiden im Kontrollfeld, unter Alarme.',
  },
}

export const letterLocale = (word: string): LetterLocale => (word === 'fr' || word === 'de' ? word : 'en')

export function letterOf(about: LetterAbout, locale: LetterLocale): { subject: string; lines: string[] } {
  const say = words[locale]
  const title = say.titles[about.kind](about)
  const mark = about.endedAt !== null ? `${say.over}: ` : about.told > 0 ? `${say.reminder}: ` : ''
  const lines = [title, '']
  if (about.endedAt === null) lines.push(...say.explains[about.kind](about), '')
  lines.push(`${say.since}: ${about.openedAt.toISOString()}`)
  if (about.endedAt !== null) lines.push(`${say.until}: ${about.endedAt.toISOString()}`)
  if (about.detail !== '') lines.push(`${say.evidence}: ${about.detail}`)
  lines.push('', ...(about.link === '' ? [say.noLink] : [say.link, about.link]))
  return { subject: `[Holdfast, ${about.organisation}] ${mark}${title}`, lines }
}
