/** What the engine would do with a route and may not do by itself (the switching policy: core/directory/switching.ts). */
import type { Leave, Switching } from '../directory/index.ts'
import type { ModeName } from './mode-table.ts'

export type Direction = keyof Switching

/** It waits for a person to say yes to (`ask`) or to do (`byHand`). */
export interface Question {
  direction: Direction
  to: ModeName
  leave: Exclude<Leave, 'automatic'>
  /** milliseconds, the database's clock */
  since: number
  /** the evidence */
  detail: string
}
