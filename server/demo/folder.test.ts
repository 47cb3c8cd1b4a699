import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lookIntoFolder, openDemoFolder, writeMarker } from './folder.ts'

const folder = (): string => mkdtempSync(join(tmpdir(), 'demo-folder-'))

test('a folder with something else in it is never touched', () => {
  const path = folder()
  writeFileSync(join(path, 'thesis.txt'), 'years of work')
  expect(() => openDemoFolder(path, true)).toThrow('not a demo')
  writeFileSync(join(path, 'demo.json'), '{"what":"something else"}')
  expect(() => openDemoFolder(path, true)).toThrow('not a demo')
  expect(existsSync(join(path, 'thesis.txt'))).toBe(true)
})

test('keeps what there was, and begins anew when asked', () => {
  const path = folder()
  const marker = openDemoFolder(path, false)
  writeMarker(path, { ...marker, history: true, ports: { http: 1234 } })
  writeFileSync(join(path, 'kept'), 'x')
  expect(openDemoFolder(path, false)).toMatchObject({ history: true, ports: { http: 1234 } })
  expect(existsSync(join(path, 'kept'))).toBe(true)
  expect(openDemoFolder(path, true)).toMatchObject({ history: false, ports: {} })
  expect(existsSync(join(path, 'kept'))).toBe(false)
})

test('one that this account may not use says which, why and how to choose another', () => {
  const file = join(folder(), 'file')
  writeFileSync(file, '')
  expect(() => lookIntoFolder(join(file, 'demo'))).toThrow(
    `The demo's folder ${file}/demo cannot be made: ${file} is not a folder. Make it yourself, or choose another with --data DIR.`,
  )
})
