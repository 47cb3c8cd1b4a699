/** A folder that cannot be used: which, why, and how to choose another; never a bare EACCES. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listFolder, makeFolder, tryWriting, type OwnFolder } from './own-folder.ts'

const base = (): string => mkdtempSync(join(tmpdir(), 'hf-own-'))
const own = (path: string): OwnFolder => ({ path, what: 'The data folder', choose: 'with --data DIR' })

/** Rights do not stop root: as root the look is one of nobody. */
function withoutRights<T>(work: () => T): T {
  if (process.geteuid!() !== 0) return work()
  process.seteuid!(65_534)
  try {
    return work()
  } finally {
    process.seteuid!(0)
  }
}

test('a folder is made and tried, and nothing is left in it', () => {
  const path = join(base(), 'a', 'b')
  makeFolder(own(path))
  tryWriting(own(path))
  expect(readdirSync(path)).toEqual([])
  expect(listFolder(own(path))).toEqual([])
})

test('one that cannot be made names the part of the path that is closed', () => {
  const closed = join(base(), 'closed')
  mkdirSync(closed)
  chmodSync(join(closed, '..'), 0o755)
  chmodSync(closed, 0o555)
  const path = join(closed, 'x', 'y')
  expect(() => withoutRights(() => makeFolder(own(path)))).toThrow(
    new RegExp(`^The data folder ${path} cannot be made: ${closed} is closed to the account .+ with --data DIR\\.$`),
  )
  expect(existsSync(path)).toBe(false)
})

test('one that is there but closed says so for writing and for looking', () => {
  const path = base()
  chmodSync(path, 0o000)
  expect(() => withoutRights(() => tryWriting(own(path)))).toThrow(/cannot be written: .* is closed to the account/)
  expect(() => withoutRights(() => listFolder(own(path)))).toThrow(/cannot be looked into: .* is closed to the account/)
  chmodSync(path, 0o700)
})

test('a file in the way is named', () => {
  const file = join(base(), 'file')
  writeFileSync(file, '')
  for (const path of [file, join(file, 'x', 'y')])
    expect(() => makeFolder(own(path))).toThrow(`cannot be made: ${file} is not a folder`)
})
