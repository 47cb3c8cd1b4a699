/** Which errors leave the outcome of a statement unknown, and which have nothing to do with the database. */
import { connect } from 'node:net'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { WireError } from '../errors.ts'
import { classifyDbError, ConnectionLost } from './database-error.ts'

test.each([
  ['23505', 'data'],
  ['22P02', 'data'],
  ['40P01', 'repeat'],
  ['55P03', 'repeat'],
  ['53100', 'unavailable'],
  ['57P03', 'unavailable'],
  ['57P01', 'connection'],
  ['08006', 'connection'],
  ['40003', 'connection'],
  ['42P01', 'other'],
  ['ECONNRESET', 'connection'],
  ['EPIPE', 'connection'],
  ['ETIMEDOUT', 'connection'],
  ['ENOTFOUND', 'connection'],
  // Of files and disks, five letters or more.
  ['ENOENT', 'other'],
  ['EIO', 'other'],
  ['EPERM', 'other'],
  ['ENOSPC', 'other'],
  ['EMFILE', 'other'],
])('%s is %s', (code, expected) => {
  expect(classifyDbError(Object.assign(new Error(code), { code }))).toBe(expected)
})

test('a file that is not there is no lost connection; a socket file that is not there is one', async () => {
  const file = await readFile('/nowhere/a').catch((error: unknown) => error)
  expect(classifyDbError(file)).toBe('other')
  const socket = await new Promise((resolve) => connect('/nowhere/.s.PGSQL.5432').on('error', resolve))
  expect(classifyDbError(socket)).toBe('connection')
})

test('an answer that did not come is a lost connection; our own mistakes and words are not', () => {
  expect(classifyDbError(new ConnectionLost('Query read timeout'))).toBe('connection')
  expect(classifyDbError(new Error('killed here'))).toBe('other')
  expect(classifyDbError(new TypeError('x is not a function'))).toBe('other')
  expect(classifyDbError(new WireError('not-found'))).toBe('other')
  expect(classifyDbError(null)).toBe('other')
})
