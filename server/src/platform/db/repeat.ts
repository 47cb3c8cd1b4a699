/**
 * Transactions that meet: `apply`, what people do to windows of Quiet Time, and the setter of modes lock rows of the same
 * tables. They take them in one order, so that none waits for another that waits for it:
 *
 * 1. the model's lock (apply, and an admin who says whose a parked message is), and what it consists of
 * 2. the generations: of the directory, then of Quiet Time
 * 3. a route's mode
 * 4. deliveries
 * 5. last the heads of audit chains, by organisation: each is held until the end
 *
 * Two that change many deliveries, or alarms, may still meet among those, as they are found in no order: PostgreSQL ends one
 * with an error, nothing of it has happened, and it is done again.
 */
import { classifyDbError, type Database, type Sql } from './database.ts'

const TRIES = 6

/** Repeats what lost against another transaction; anything else is the caller's. */
export async function repeating<T>(
  run: (tries: number) => Promise<T>,
  isAgain: (error: unknown) => boolean = () => false,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await run(tries)
    } catch (error) {
      if (tries >= TRIES || !(isAgain(error) || classifyDbError(error) === 'repeat')) throw error
    }
  }
}

/** One transaction that keeps to the order above. `work` may run again from its beginning. */
export const inOneOrder = <T>(
  db: Database,
  work: (sql: Sql) => Promise<T>,
  options?: { answerWithinMs?: number },
): Promise<T> => repeating(() => db.transaction(work, options))
