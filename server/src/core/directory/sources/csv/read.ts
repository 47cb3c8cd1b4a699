/**
 * A CSV file as a list of people: UTF-8 or Windows-1252, separated by semicolon, comma or tab, with headings in three
 * languages. Bad rows are named and the rest is used; a file whose structure is broken is not used at all (ListError),
 * for it may be cut off.
 */
import type { SourceList } from '../entry.ts'
import { cellsOf } from './cells.ts'
import { decode, ListError, separatorOf, type Encoding } from './decode.ts'
import { columnsOf, type Field } from './headings.ts'
import { entryOf } from './rows.ts'

export interface CsvReading {
  list: SourceList
  /** how it was read, for whoever wonders */
  encoding: Encoding
  separator: string
  columns: { heading: string; field: Field }[]
  unused: string[]
  /** false: addresses tell people apart, so a new address is a new person */
  hasIds: boolean
}

export function readCsv(bytes: Buffer): CsvReading {
  const { text, encoding } = decode(bytes)
  const { separator, skip } = separatorOf(text)
  const [heading, ...rows] = cellsOf(text.slice(skip), separator, skip > 0 ? 2 : 1)
  if (heading === undefined) throw new ListError('The file is empty.')
  const columns = columnsOf(heading.cells)
  const list: SourceList = { entries: [], unusable: [], problems: [] }
  for (const row of rows) {
    const read = entryOf(row, columns)
    if ('entry' in read) list.entries.push(read.entry)
    else {
      list.unusable.push(read.mention)
      list.problems.push(...read.problems)
    }
  }
  return { list, encoding, separator, columns: columns.used, unused: columns.unused, hasIds: columns.at.has('id') }
}
