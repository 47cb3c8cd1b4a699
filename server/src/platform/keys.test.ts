import { chmodSync, existsSync, mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadConfig } from './config/load.ts'
import { keysFrom, loadKeys } from './keys.ts'
import { keyFromSheet, sheetLines, sheetText } from './recovery-sheet.ts'

const folder = (): string => mkdtempSync(join(tmpdir(), 'hf-keys-'))

test('the first start makes a key of mode 0600, the next reads it; a missing key is not made silently', () => {
  const dataFolder = folder()
  expect(() => loadKeys({ dataFolder, masterKeyFile: '', mayMake: false })).toThrow(/is missing/)
  const first = loadKeys({ dataFolder, masterKeyFile: '', mayMake: true })
  expect(first.isNew).toBe(true)
  expect(statSync(first.file).mode & 0o777).toBe(0o600)
  const second = loadKeys({ dataFolder, masterKeyFile: '', mayMake: true })
  expect(second.isNew).toBe(false)
  expect(second.fingerprint).toBe(first.fingerprint)
  chmodSync(first.file, 0o644)
  expect(() => loadKeys({ dataFolder, masterKeyFile: '', mayMake: true })).toThrow(/chmod 600/)
})

test('a configured key file must exist and hold a key', () => {
  const dataFolder = folder()
  const file = join(dataFolder, 'k')
  expect(() => loadKeys({ dataFolder, masterKeyFile: file, mayMake: true })).toThrow(/does not exist/)
  writeFileSync(file, 'short', { mode: 0o600 })
  expect(() => loadKeys({ dataFolder, masterKeyFile: file, mayMake: true })).toThrow(/does not hold a master key/)
})

test('a configured key file is the master key, whatever lies in the data folder, which stays without one', () => {
  const dataFolder = folder()
  const [file, master] = [join(folder(), 'k'), randomBytes(32)]
  // As the error text says it is made: head -c32 /dev/urandom | base64
  writeFileSync(file, `${master.toString('base64')}\n`, { mode: 0o600 })
  const { config } = loadConfig({ env: { HOLDFAST_MASTER_KEY_FILE: file } })
  const keys = loadKeys({ dataFolder, masterKeyFile: config.masterKeyFile, mayMake: true })
  expect(keys).toMatchObject({ isNew: false, file, fingerprint: keysFrom(master).fingerprint })
  const sheet = keys.recoverySheet({ hostname: 'mx.corp.test', now: Date.UTC(2026, 10, 26, 23) })
  expect(keyFromSheet(sheet)).toEqual(master)
  // which installation's it is, and of when
  expect(sheet).toMatch(/Host: +mx\.corp\.test\n +Printed: +2026-11-26\n/)
  expect(sheet).toMatch(new RegExp(`Key fingerprint: +${keys.fingerprint}\\n`))
  expect(existsSync(join(dataFolder, 'master.key'))).toBe(false)

  const own = loadKeys({ dataFolder, masterKeyFile: '', mayMake: true })
  expect(loadKeys({ dataFolder, masterKeyFile: file, mayMake: false }).fingerprint).toBe(keys.fingerprint)
  expect(own.fingerprint).not.toBe(keys.fingerprint)
  chmodSync(file, 0o640)
  expect(() => loadKeys({ dataFolder, masterKeyFile: file, mayMake: true })).toThrow(/can be read by others/)
})

test('what is sealed opens at its place only, and not when changed', () => {
  const keys = keysFrom(randomBytes(32))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (bytes, at) => {
      const sealed = keys.seal('route.secret_sealed:1', Buffer.from(bytes))
      expect(keys.open('route.secret_sealed:1', sealed)).toEqual(Buffer.from(bytes))
      expect(() => keys.open('route.secret_sealed:2', sealed)).toThrow()
      const changed = Buffer.from(sealed)
      changed[at % changed.length]! ^= 1
      expect(() => keys.open('route.secret_sealed:1', changed)).toThrow()
    }),
    { numRuns: 50 },
  )
  expect(() => keysFrom(randomBytes(32)).open('x', keys.seal('x', Buffer.from('s')))).toThrow(/another master key/)
  expect(keys.subkey('a')).not.toEqual(keys.subkey('b'))
})

const of = { hostname: 'mx1-corp-test', fingerprint: '0123456789abcdef', now: Date.UTC(2026, 0, 1) }

test('the recovery sheet gives the key back, and names a line with a typing mistake', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(3), fc.nat(12), (bytes, line, at) => {
      const key = Buffer.from(bytes)
      expect(keyFromSheet(sheetText(key, of))).toEqual(key)
      expect(keyFromSheet(sheetText(key, of).toLowerCase().replaceAll('0', 'o'))).toEqual(key)
      const lines = sheetLines(key)
      const [number, chars] = [lines[line]!.slice(0, 4), Array.from(lines[line]!.slice(4).replaceAll(' ', ''))]
      chars[at] = chars[at] === '7' ? '8' : '7'
      lines[line] = number + chars.join('')
      expect(() => keyFromSheet(lines.join('\n'))).toThrow(`Line ${line + 1} `)
    }),
    { numRuns: 100 },
  )
  expect(() => keyFromSheet('1: AAAA')).toThrow(/Line 1/)
})

test('the sheet may be typed without line numbers, with some, and with numbers but no colon; order and mistakes are seen', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(3), (bytes, line) => {
      const key = Buffer.from(bytes)
      const numbered = sheetLines(key)
      const bare = numbered.map((text) => text.slice(4))
      expect(keyFromSheet(bare.join('\n'))).toEqual(key)
      expect(keyFromSheet(bare.map((text) => text.replaceAll(' ', '')).join('\r\n\r\n'))).toEqual(key)
      expect(keyFromSheet(numbered.map((text) => text.replace(':', '')).join('\n'))).toEqual(key)
      expect(keyFromSheet(numbered.map((text, at) => (at === line ? bare[at]! : text)).join('\n'))).toEqual(key)
      const without = bare.filter((_, at) => at !== line)
      expect(() => keyFromSheet(without.join('\n'))).toThrow(/^Line [1-4] of the recovery sheet (is missing|has a typ)/)
      const short = bare.map((text, at) => (at === line ? text.slice(0, -1) : text))
      expect(() => keyFromSheet(short.join('\n'))).toThrow(
        `Line ${line + 1} of the recovery sheet has a typing mistake`,
      )
    }),
    { numRuns: 100 },
  )
})
