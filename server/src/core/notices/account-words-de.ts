/** German. */
import { quoted, type PersonWords, type Said } from './account-said.ts'

const decider = ({ fact, isOperator }: Said): string =>
  isOperator ? `${fact('decider')} (Betrieb dieser Installation)` : fact('decider')
const delayed = ({ fact }: Said): string[] =>
  fact('basis') === '' ? [] : ['', `Sie erfahren es erst jetzt, aus diesem Grund: ${fact('basis')}`]

export const de: PersonWords = {
  dear: (person) => `Guten Tag ${person},`,
  doubt: ({ contact }) =>
    `Wissen Sie davon nichts, oder sollte es nicht sein, fragen Sie sofort nach: ${contact ?? 'Ihre Administration'}.`,
  automatic: 'Diese Nachricht wurde automatisch gesendet. Sie enthält keinen Link und fragt nie nach einem Passwort.',
  atTheServer: 'jemand am Server selbst',
  bodies: {
    'access-asked': (said) => ({
      subject: `Jemand bittet um das Postfach von ${said.fact('mailbox')}`,
      lines: [
        said.isHandOver
          ? `${said.fact('asker')} möchte das Postfach von ${said.fact('mailbox')} zu einem gemeinsamen Postfach machen. Der genannte Grund:`
          : `${said.fact('asker')} möchte das Postfach von ${said.fact('mailbox')} lesen. Der genannte Grund:`,
        '',
        ...quoted(said.fact('reason')),
        '',
        `Sie können dem in der Verwaltung unter Postfachzugriff bis ${said.time('until')} zustimmen oder es ablehnen. Vergewissern Sie sich selbst, dass es recht ist: Sie stehen dafür ebenso ein wie die Person, die fragt.`,
      ],
    }),
    'access-approved': (said) => ({
      subject: said.isHandOver ? 'Ihr Postfach darf ein gemeinsames werden' : 'Ihr Postfach darf gelesen werden',
      lines: [
        said.isHandOver
          ? `${said.fact('asker')} darf Ihr Postfach ${said.address} bis ${said.time('until')} zu einem gemeinsamen Postfach machen. Dessen Mitglieder lesen dann, was darin liegt.`
          : `${said.fact('asker')} darf Ihr Postfach ${said.address} bis ${said.time('until')} lesen. Ändern oder senden lässt sich darin nichts.`,
        '',
        'Der genannte Grund:',
        ...quoted(said.fact('reason')),
        '',
        `Zugestimmt hat ${decider(said)}.`,
        ...delayed(said),
      ],
    }),
    'access-opened': (said) => ({
      subject: 'Ihr Postfach wurde geöffnet',
      lines: [
        `${said.fact('asker')} hat Ihr Postfach ${said.address} am ${said.time('at')} geöffnet und darf bis ${said.time('until')} darin lesen. Was gelesen wird, wird festgehalten.`,
        '',
        'Der genannte Grund:',
        ...quoted(said.fact('reason')),
        '',
        `Zugestimmt hat ${decider(said)}.`,
        ...delayed(said),
      ],
    }),
    'access-over': (said) => ({
      subject: 'Ihr Postfach ist wieder geschlossen',
      lines: [
        `Seit ${said.time('at')} kann ${said.fact('asker')} Ihr Postfach ${said.address} nicht mehr lesen${said.fact('by') === '' ? ': Die Zeit war um' : `: beendet von ${said.fact('by')}`}.`,
        said.fact('isOpened') === '1' ? 'Es wurde in dieser Zeit geöffnet.' : 'Es wurde in dieser Zeit nicht geöffnet.',
        ...delayed(said),
      ],
    }),
    'handed-over': (said) => ({
      subject: 'Ihr Postfach ist jetzt ein gemeinsames',
      lines: [
        `Ihr Postfach ${said.address} wurde zu einem gemeinsamen Postfach gemacht oder hat neue Mitglieder. Sie lesen, was darin liegt.`,
        '',
        `Darum gebeten hat ${said.fact('asker')}, zugestimmt hat ${said.fact('decider')}. Der genannte Grund:`,
        ...quoted(said.fact('reason')),
      ],
    }),
    'password-reset': (said) => ({
      subject: 'Ihr Passwort wurde ersetzt',
      lines: [
        `Am ${said.time('at')} hat ${said.fact('by')} ein neues Passwort für ${said.address} gesetzt. Ein früheres gilt nicht mehr, Ihre Sitzungen wurden beendet.`,
      ],
    }),
    'codes-made': (said) => ({
      subject: 'Ein Brief mit Notfallcodes wurde gedruckt',
      lines: [
        `Am ${said.time('at')} hat ${said.fact('by')} einen Brief mit Notfallcodes für ${said.address} gedruckt. Wer ihn hat, kann sich als Sie anmelden; ein früherer Brief gilt nicht mehr.`,
        'Erreicht er Sie nicht in wenigen Tagen, lassen Sie die Codes ersetzen.',
      ],
    }),
    'second-factor-removed': (said) => ({
      subject: 'Die Anmeldung in zwei Schritten wurde abgeschaltet',
      lines: [
        `Am ${said.time('at')} hat ${said.fact('by')} die Anmeldung in zwei Schritten für ${said.address} abgeschaltet.`,
      ],
    }),
  },
}
