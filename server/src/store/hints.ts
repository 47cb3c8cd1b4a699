/**
 * NOTIFY as a hint, on a connection of its own: whoever listens also polls, and loses nothing when hints stop. Where LISTEN
 * fails, its connection is closed: whoever tries again each second must not gather them.
 */
import type { Database, DedicatedSql } from '../platform/db/database.ts'

export type HintChannel = 'holdfast_mode' | 'holdfast_directory'

/** `heard` is called for each hint, `ended` when the connection is lost. */
export async function openHints(
  db: Pick<Database, 'dedicated'>,
  channel: HintChannel,
  heard: () => void,
  ended: (connection: DedicatedSql) => void,
): Promise<DedicatedSql> {
  const connection = await db.dedicated(`hints ${channel.slice('holdfast_'.length)}`)
  connection.client.on('notification', heard)
  connection.client.on('end', () => ended(connection))
  try {
    await connection.query(`LISTEN ${channel}`)
  } catch (error) {
    void connection.close().catch(() => undefined)
    throw error
  }
  return connection
}
