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
  /** of a directory source */
  source: string
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
      'list-late': ({ source }) => `The list of people “${source}” does not come`,
      'list-asks': ({ source }) => `The list of people “${source}” waits for a yes`,
      'list-refused': ({ source }) => `The list of people “${source}” still says what was refused`,
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
      'list-late': () => [
        'Nobody is changed or taken away because of that; who is new, has left or has another address there is not known here.',
        'Look whether the directory answers, and whether the account that reads it may still sign in.',
      ],
      'list-asks': () => [
        'It would change more than it may without a question, or it is the first one. Nothing is changed until somebody has looked at it and says yes or no.',
      ],
      'list-refused': () => [
        'Nothing of it is done. Put it right in the directory, or raise the limits of the source if it is right; until then nobody is changed by it.',
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
      'list-late': ({ source }) => `La liste de personnes « ${source} » n’arrive pas`,
      'list-asks': ({ source }) => `La liste de personnes « ${source} » attend un oui`,
      'list-refused': ({ source }) => `La liste de personnes « ${source} » dit toujours ce qui a été refusé`,
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
      'list-late': () => [
        'Personne n’est changé ni retiré pour autant ; mais qui est nouveau, est parti ou a une autre adresse là-bas n’est pas connu ici.',
        'Voyez si l’annuaire répond, et si le compte qui le lit peut encore se connecter.',
      ],
      'list-asks': () => [
        'Elle changerait plus qu’elle ne peut sans question, ou c’est la première. Rien ne change tant que personne ne l’a regardée et n’a dit oui ou non.',
      ],
      'list-refused': () => [
        'Rien n’en est fait. Corrigez l’annuaire, ou relevez les limites de la source si la liste est juste ; d’ici là elle ne change personne.',
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
      'list-late': ({ source }) => `Die Personenliste „${source}“ kommt nicht`,
      'list-asks': ({ source }) => `Die Personenliste „${source}“ wartet auf ein Ja`,
      'list-refused': ({ source }) => `Die Personenliste „${source}“ sagt noch immer, was abgelehnt wurde`,
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
      'list-late': () => [
        'Deshalb wird niemand geändert oder entfernt; wer dort neu ist, gegangen ist oder eine andere Adresse hat, ist hier aber nicht bekannt.',
        'Sehen Sie nach, ob das Verzeichnis antwortet und ob das Konto, das es liest, sich noch anmelden darf.',
      ],
      'list-asks': () => [
        'Sie würde mehr ändern, als sie ohne Frage darf, oder sie ist die erste. Es ändert sich nichts, bis jemand sie angesehen und Ja oder Nein gesagt hat.',
      ],
      'list-refused': () => [
        'Nichts davon wird getan. Berichtigen Sie es im Verzeichnis, oder heben Sie die Grenzen der Quelle an, wenn die Liste stimmt; bis dahin ändert sie niemanden.',
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
