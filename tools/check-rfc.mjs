/**
 * Holds the code's references to standards against rfc/index.tsv: every RFC named in the code is in the index, sections
 * are written `RFC 5321 section 4.1.2`, the index is sorted and has no double rows, and what it calls `yes` is named by
 * at least one test.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

const root = join(import.meta.dirname, '..')
const folders = ['server/src', 'server/testkit', 'web/src', 'e2e', 'bench', 'db/migrations']
const statuses = new Set(['yes', 'partial', 'no'])

/** Problems in one text: references without an index row, sections that are not well-formed. Pure, for the test. */
export function checkText(text, known) {
  const problems = []
  text.split('\n').forEach((line, index) => {
    for (const found of line.matchAll(/\bRFC[ -]?(\d{3,5})\b([^A-Za-z0-9]{1,3}(\S+)(?: (\S+))?)?/g)) {
      const [whole, number, , word = '', value = ''] = found
      if (/RFC-?\d/.test(whole)) problems.push([index + 1, `write "RFC ${number}", with a space`])
      if (!known.has(number)) problems.push([index + 1, `RFC ${number} is not in rfc/index.tsv`])
      if (/^(§|\d+\.\d)/.test(word)) problems.push([index + 1, `write "RFC ${number} section ..."`])
      if (word === 'section' && !/^(\d+|[A-Z])(\.\d+)*[.,;:)'"`*/\]-]*$/.test(value))
        problems.push([index + 1, `section of RFC ${number} is not a number: ${value}`])
    }
  })
  return problems
}

/** Rows and problems of the index itself. */
export function readIndex(text) {
  const rows = new Map()
  const problems = []
  let last = 0
  text.split('\n').forEach((line, index) => {
    if (line === '' || line.startsWith('#') || line.startsWith('number\t')) return
    const [number = '', status = '', title = ''] = line.split('\t')
    if (!/^\d+$/.test(number)) problems.push([index + 1, `not a number: ${number}`])
    else if (rows.has(number)) problems.push([index + 1, `RFC ${number} is there twice`])
    else if (Number(number) < last) problems.push([index + 1, `RFC ${number} is not in order`])
    if (!statuses.has(status)) problems.push([index + 1, `status is yes, partial or no, not "${status}"`])
    if (title === '') problems.push([index + 1, 'no title'])
    last = Number(number)
    rows.set(number, status)
  })
  return { rows, problems }
}

function* files(folder) {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules' && entry.name !== 'dist' && entry.name !== 'results') yield* files(path)
    } else if (/\.(ts|tsx|mjs|sql)$/.test(entry.name)) yield path
  }
}

function main() {
  const indexFile = join(root, 'rfc/index.tsv')
  if (!existsSync(indexFile)) return [['rfc/index.tsv', 1, 'is missing']]
  const { rows, problems: indexProblems } = readIndex(readFileSync(indexFile, 'utf8'))
  const problems = indexProblems.map(([line, text]) => ['rfc/index.tsv', line, text])
  const tested = new Set()
  for (const folder of folders)
    for (const path of files(join(root, folder))) {
      const text = readFileSync(path, 'utf8')
      for (const [line, what] of checkText(text, rows)) problems.push([relative(root, path), line, what])
      if (/\.test\.tsx?$/.test(path)) for (const [, number] of text.matchAll(/\bRFC (\d{3,5})\b/g)) tested.add(number)
    }
  for (const [number, status] of rows)
    if (status === 'yes' && !tested.has(number))
      problems.push(['rfc/index.tsv', 0, `RFC ${number} says yes, but no test names it`])
  return problems
}

if (process.argv[1] === import.meta.filename) {
  const problems = main()
  for (const [file, line, text] of problems) console.error(`${file}:${line} ${text}`)
  process.exit(problems.length > 0 ? 1 : 0)
}
