import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  clearRunning,
  lockDataFolder,
  lockHolder,
  openDataFolder,
  readRunning,
  tryLock,
  writeRunning,
} from './data-folder.ts'
import { thisProcess } from './process-identity.ts'

const folder = (): string => openDataFolder(join(mkdtempSync(join(tmpdir(), 'hf-data-')), 'data'))

test('the folder is closed to others, and passable for the database account when we are root', () => {
  expect(statSync(folder()).mode & 0o777).toBe(process.getuid!() === 0 ? 0o711 : 0o700)
  const file = join(folder(), 'file')
  writeFileSync(file, '')
  expect(() => openDataFolder(join(file, 'x'))).toThrow(/--data/)
})

test('one holder at a time, released and taken again', () => {
  const data = folder()
  const lock = lockDataFolder(data)
  expect(lockHolder(data)?.pid).toBe(process.pid)
  expect(() => lockDataFolder(data)).toThrow(new RegExp(`process ${process.pid}`))
  lock.release()
  const again = tryLock(data)
  expect(again).not.toBeNull()
  lock.release() // an old handle must not free the new lock
  expect(lockHolder(data)?.pid).toBe(process.pid)
  again!.release()
  expect(readdirSync(data)).toEqual([])
})

test('a lock is stale when its process is gone, its pid is used by another, or the machine was restarted', () => {
  for (const holder of [
    { ...thisProcess(), pid: spawnSync('true').pid },
    { ...thisProcess(), started: '1' },
    { ...thisProcess(), boot: 'another' },
  ]) {
    const data = folder()
    writeFileSync(join(data, 'holdfast.lock'), JSON.stringify(holder))
    expect(lockHolder(data)).toBeNull()
    expect(tryLock(data)).not.toBeNull()
  }
  const data = folder()
  writeFileSync(join(data, 'holdfast.lock'), '{"pid":')
  expect(tryLock(data)).not.toBeNull()
})

test('of many processes that find a stale lock one gets it', async () => {
  const data = folder()
  writeFileSync(join(data, 'holdfast.lock'), JSON.stringify({ ...thisProcess(), started: '1' }))
  const script = `import { tryLock } from ${JSON.stringify(join(import.meta.dirname, 'data-folder.ts'))}
    console.log(tryLock(${JSON.stringify(data)}) ? 'got' : 'not'); setTimeout(() => {}, 3000)`
  const words = await Promise.all(
    Array.from(
      { length: 4 },
      () =>
        new Promise<string>((resolve) => {
          const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
            stdio: ['ignore', 'pipe', 'inherit'],
          })
          child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()))
        }),
    ),
  )
  expect(words.filter((word) => word === 'got')).toHaveLength(1)
})

test('a running server is found, and one that was killed is not', () => {
  const data = folder()
  writeRunning(data, { version: '0', startedAt: '', ports: { mx: 2525 }, embedded: true })
  expect(readRunning(data)?.ports).toEqual({ mx: 2525 })
  clearRunning(data)
  expect(readRunning(data)).toBeNull()
  writeFileSync(join(data, 'running.json'), JSON.stringify({ process: { ...thisProcess(), started: '1' }, ports: {} }))
  expect(readRunning(data)).toBeNull()
})
