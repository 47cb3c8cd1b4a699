/**
 * What a command is: its name, the states it fits in, a check of its arguments apart from its run. `check` throws
 * WireError and changes nothing; `run` may, and where it takes long it gives a promise.
 */
import { SessionState, type Session } from './session.ts'

export interface Command {
  name: string
  states: readonly SessionState[]
  run(session: Session, rest: string): void | Promise<void>
}

export function command<T>(definition: {
  name: string
  states: readonly SessionState[]
  check: (rest: string, session: Session) => T
  run: (session: Session, value: T) => void | Promise<void>
}): Command {
  return {
    name: definition.name,
    states: definition.states,
    run: (session, rest) => definition.run(session, definition.check(rest, session)),
  }
}

/** Wherever a command may stand. */
export const anywhere: readonly SessionState[] = [
  SessionState.fresh,
  SessionState.greeted,
  SessionState.mail,
  SessionState.rcpt,
  SessionState.chunks,
]
