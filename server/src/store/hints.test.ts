/** Hints are heard; a connection on which nothing can be heard does not stay. */
import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import type { DedicatedSql } from '../platform/db/database.ts'
import { openHints } from './hints.ts'

function connectionThat(listens: boolean) {
  const client = new EventEmitter()
  let closed = false
  const sql = {
    client,
    query: () => (listens ? Promise.resolve([]) : Promise.reject(new Error('no'))),
    close() {
      closed = true
      return Promise.resolve()
    },
  } as unknown as DedicatedSql
  return { client, sql, db: { dedicated: () => Promise.resolve(sql) }, isClosed: () => closed }
}

test('a hint is passed on, and so is the end of the connection', async () => {
  const { db, client, sql, isClosed } = connectionThat(true)
  const seen: unknown[] = []
  const opened = await openHints(
    db,
    'holdfast_mode',
    () => seen.push('hint'),
    (ended) => seen.push(ended),
  )
  expect(opened).toBe(sql)
  client.emit('notification')
  client.emit('end')
  expect(seen).toEqual(['hint', sql])
  expect(isClosed()).toBe(false)
})

test('where LISTEN fails, the connection is closed', async () => {
  const { db, isClosed } = connectionThat(false)
  const nothing = (): void => undefined
  await expect(openHints(db, 'holdfast_directory', nothing, nothing)).rejects.toThrow('no')
  expect(isClosed()).toBe(true)
})
