import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openFileLimit } from './open-files.ts'

test('the limit as the system writes it; none where it says none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-limits-'))
  const file = join(folder, 'limits')
  try {
    writeFileSync(
      file,
      'Limit                     Soft Limit           Hard Limit           Units\nMax processes             7                    8                    processes\nMax open files            1024                 524288               files\n',
    )
    expect(openFileLimit(file)).toBe(1024)
    writeFileSync(file, 'Max open files            unlimited            unlimited            files\n')
    expect(openFileLimit(file)).toBe(Infinity)
    expect(openFileLimit(join(folder, 'missing'))).toBe(Infinity)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
