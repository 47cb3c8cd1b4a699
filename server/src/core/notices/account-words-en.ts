/** English. */
import { quoted, type PersonWords, type Said } from './account-said.ts'

const decider = ({ fact, isOperator }: Said): string =>
  isOperator ? `${fact('decider')} (operator of this installation)` : fact('decider')
const delayed = ({ fact }: Said): string[] =>
  fact('basis') === '' ? [] : ['', `You hear of this later, because: ${fact('basis')}`]

export const en: PersonWords = {
  dear: (person) => `Dear ${person},`,
  doubt: ({ contact }) =>
    `If you know nothing of this, or it should not be, ask ${contact ?? 'your administrator'} at once.`,
  automatic: 'This message was sent automatically. It contains no link and never asks for a password.',
  atTheServer: 'somebody at the server itself',
  bodies: {
    'access-asked': (said) => ({
      subject: `somebody asks for the mailbox of ${said.fact('mailbox')}`,
      lines: [
        said.isHandOver
          ? `${said.fact('asker')} asks to turn the mailbox of ${said.fact('mailbox')} into a shared mailbox. The reason given:`
          : `${said.fact('asker')} asks to read the mailbox of ${said.fact('mailbox')}. The reason given:`,
        '',
        ...quoted(said.fact('reason')),
        '',
        `You may approve or decline it in the control panel, under Mailbox access, until ${said.time('until')}. Make sure yourself that it is right: you answer for it as much as who asks.`,
      ],
    }),
    'access-approved': (said) => ({
      subject: said.isHandOver ? 'your mailbox may become a shared one' : 'your mailbox may be read',
      lines: [
        said.isHandOver
          ? `${said.fact('asker')} may turn your mailbox ${said.address} into a shared mailbox until ${said.time('until')}. Whoever then is a member reads what is in it.`
          : `${said.fact('asker')} may read your mailbox ${said.address} until ${said.time('until')}. Nothing in it can be changed or sent.`,
        '',
        'The reason given:',
        ...quoted(said.fact('reason')),
        '',
        `It was approved by ${decider(said)}.`,
        ...delayed(said),
      ],
    }),
    'access-opened': (said) => ({
      subject: 'your mailbox was opened',
      lines: [
        `${said.fact('asker')} opened your mailbox ${said.address} on ${said.time('at')} and may read in it until ${said.time('until')}. What is read is written down.`,
        '',
        'The reason given:',
        ...quoted(said.fact('reason')),
        '',
        `It was approved by ${decider(said)}.`,
        ...delayed(said),
      ],
    }),
    'access-over': (said) => ({
      subject: 'your mailbox is closed again',
      lines: [
        `Since ${said.time('at')} ${said.fact('asker')} can no longer read your mailbox ${said.address}${said.fact('by') === '' ? ': the time was over' : `: ${said.fact('by')} ended it`}.`,
        said.fact('isOpened') === '1' ? 'It was opened in that time.' : 'It was not opened in that time.',
        ...delayed(said),
      ],
    }),
    'handed-over': (said) => ({
      subject: 'your mailbox is a shared one now',
      lines: [
        `Your mailbox ${said.address} was turned into a shared mailbox, or has new members. They read what is in it.`,
        '',
        `${said.fact('asker')} had asked for it, ${said.fact('decider')} approved. The reason given:`,
        ...quoted(said.fact('reason')),
      ],
    }),
    'password-reset': (said) => ({
      subject: 'your password was replaced',
      lines: [
        `On ${said.time('at')} ${said.fact('by')} set a new password for ${said.address}. Another one is no longer good, and your sessions ended.`,
      ],
    }),
    'codes-made': (said) => ({
      subject: 'a letter with emergency codes was printed',
      lines: [
        `On ${said.time('at')} ${said.fact('by')} printed a letter with emergency codes for ${said.address}. Whoever holds it can sign in as you; an earlier letter is no longer good.`,
        'If it does not reach you within days, have the codes replaced.',
      ],
    }),
    'second-factor-removed': (said) => ({
      subject: 'two-step sign-in was turned off',
      lines: [`On ${said.time('at')} ${said.fact('by')} turned off two-step sign-in for ${said.address}.`],
    }),
  },
}
