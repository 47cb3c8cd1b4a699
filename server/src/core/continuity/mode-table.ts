/**
 * The table mode x traffic as data: what happens to mail, mirror, probes and return in each mode of a route. It drives
 * ModeBoard.flow, by which mail is accepted and handed over, and the prober; mode-effects.test.ts holds both to it. What
 * nothing does yet is named in `notYet`, and said in the page that is printed from here, docs/reference/modes.md.
 *
 * Mode decides delivery, never visibility: protected people's mail is in their mailbox here in every row.
 */
import { Mode, wordOf } from '../../platform/codes.ts'
import type { Flow, Traffic } from './ports.ts'

export type ModeName = keyof typeof Mode

/** on: faster after a bad answer. awaited: the primary's health is, so faster after a good answer. */
export type Probing = 'on' | 'faster' | 'awaited'

/** Each kind of traffic has only the flows that whoever asks for it can carry out. */
export interface ModeRow extends Record<Traffic, Flow> {
  inboundProtected: Exclude<Flow, 'keep'>
  inboundOthers: Exclude<Flow, 'keep'>
  fromPrimary: 'relay' | 'keep'
  fromPeople: 'relay' | 'keep'
  /** the copy of what happens at the primary (IMAP mirror) */
  mirror: 'on' | 'paused' | 'off' | 'frozen'
  probes: Probing
  /** whether it is asked about strangers: one that ails may call everybody unknown */
  callouts: 'on' | 'off'
  /** in words: core/return runs while a route recovers, paced, and in no other mode */
  return: 'as owed' | 'paused' | 'off' | 'paced' | 'at the end' | 'after the hold'
}

export const modeTable = {
  normal: {
    inboundProtected: 'relay',
    inboundOthers: 'relay',
    fromPrimary: 'relay',
    fromPeople: 'relay',
    mirror: 'on',
    probes: 'on',
    callouts: 'on',
    return: 'as owed',
  },
  suspect: {
    inboundProtected: 'attempt',
    inboundOthers: 'attempt',
    fromPrimary: 'relay',
    fromPeople: 'relay',
    mirror: 'paused',
    probes: 'faster',
    callouts: 'off',
    return: 'paused',
  },
  emergency: {
    inboundProtected: 'wait',
    inboundOthers: 'wait',
    fromPrimary: 'relay',
    fromPeople: 'relay',
    mirror: 'off',
    probes: 'awaited',
    callouts: 'off',
    return: 'off',
  },
  emergencyReach: {
    inboundProtected: 'relay',
    inboundOthers: 'relay',
    fromPrimary: 'relay',
    fromPeople: 'relay',
    mirror: 'off',
    probes: 'awaited',
    callouts: 'on',
    return: 'off',
  },
  recovering: {
    inboundProtected: 'paced',
    inboundOthers: 'paced',
    fromPrimary: 'relay',
    fromPeople: 'relay',
    mirror: 'off',
    probes: 'awaited',
    callouts: 'off',
    return: 'paced',
  },
  quiet: {
    inboundProtected: 'wait',
    inboundOthers: 'wait',
    fromPrimary: 'relay',
    fromPeople: 'relay',
    mirror: 'on',
    probes: 'on',
    callouts: 'off',
    return: 'at the end',
  },
  hold: {
    inboundProtected: 'wait',
    inboundOthers: 'wait',
    fromPrimary: 'keep',
    fromPeople: 'keep',
    mirror: 'frozen',
    probes: 'awaited',
    callouts: 'off',
    return: 'after the hold',
  },
} as const satisfies Record<ModeName, ModeRow>

/** The flow of one kind of traffic in a mode. */
export function flowIn(mode: Mode, traffic: Traffic): Flow {
  return modeTable[wordOf(Mode, mode)][traffic]
}

/** Whether mail that comes in for somebody in this mode waits for a return. */
export function waitsIn(mode: Mode, isProtected: boolean): boolean {
  const flow = flowIn(mode, isProtected ? 'inboundProtected' : 'inboundOthers')
  return flow !== 'relay' && flow !== 'attempt'
}

/** Whether a route in this mode is asked about strangers. */
export const isAskedIn = (mode: Mode): boolean => modeTable[wordOf(Mode, mode)].callouts === 'on'

/** How a route in this mode is probed. */
export function probingIn(mode: Mode): Probing {
  return modeTable[wordOf(Mode, mode)].probes
}

const flowText: Record<Flow, string> = {
  relay: 'handed over at once',
  attempt: 'attempts go on, failures wait',
  wait: 'waits',
  paced: 'behind what is owed, paced',
  keep: 'accepted, kept in the parking lot until an admin releases it',
}

const probingText: Record<Probing, string> = {
  on: 'on, faster after a bad answer',
  faster: 'faster',
  awaited: 'on, faster after a good answer',
}

const modeText: Record<ModeName, string> = {
  normal: 'normal',
  suspect: 'suspect',
  emergency: 'emergency: cannot take mail',
  emergencyReach: 'emergency: cannot be reached',
  recovering: 'recovering',
  quiet: 'quiet',
  hold: 'pinned hold (compromised)',
}

const columns = {
  inboundProtected: 'inbound, protected people',
  inboundOthers: 'inbound, others',
  fromPrimary: 'outbound from the primary',
  fromPeople: 'outbound from people here',
  mirror: 'mirror',
  probes: 'probes',
  callouts: 'asked about strangers',
  return: 'return',
} as const satisfies Record<keyof ModeRow, string>
type Column = keyof typeof columns

/** What the table says and nothing does yet: whole rows, whole columns, or one cell. Goes when it is done. */
const notYet: readonly { mode?: ModeName; column?: Column; why: string }[] = [
  { column: 'fromPrimary', why: "There is no listener for the primary's own outgoing mail yet." },
  { column: 'mirror', why: "The primary's mailboxes are not read yet." },
  {
    column: 'return',
    why: 'What was received goes home. What people sent here stays here: there is no way home by IMAP yet.',
  },
  {
    mode: 'quiet',
    why: 'No route gets into this mode: Quiet Time holds deliveries one by one, and leaves the mode to the engine.',
  },
  {
    mode: 'hold',
    column: 'return',
    why: 'When the pin is gone mail goes home as after any emergency: nothing is scanned a second time yet.',
  },
]

function cellText(mode: ModeName, column: Column): string {
  const row: ModeRow = modeTable[mode]
  if (column === 'mirror' || column === 'return' || column === 'callouts') return row[column]
  if (column === 'probes') return probingText[row.probes]
  // Where probes are off a real delivery is the only witness that the primary is back.
  const trial = mode === 'emergency' && row[column] === 'wait'
  return (
    flowText[row[column]] +
    (trial ? '; where probes are off one at a time may try, unless pinned, or brought home, by hand' : '')
  )
}

/** The reference page's table; `(n)` points to the notes below it. */
export function modeTableMarkdown(): string {
  const marked = (text: string, mode?: ModeName, column?: Column): string =>
    text + notYet.flatMap((note, i) => (note.mode === mode && note.column === column ? [` (${i + 1})`] : [])).join('')
  const columnNames = Object.keys(columns) as Column[]
  const titles = columnNames.map((column) => marked(columns[column], undefined, column))
  const lines = [`| mode | ${titles.join(' | ')} |`, `|---|${titles.map(() => '---').join('|')}|`]
  for (const mode of Object.keys(modeTable) as ModeName[]) {
    const cells = columnNames.map((column) => marked(cellText(mode, column), mode, column))
    lines.push(`| ${marked(modeText[mode], mode)} | ${cells.join(' | ')} |`)
  }
  return lines.join('\n') + '\n'
}

/** The notes of the reference page: what is not in effect yet. */
export function modeNotesMarkdown(): string {
  return notYet.map(({ why }, i) => `${i + 1}. ${why}\n`).join('')
}
