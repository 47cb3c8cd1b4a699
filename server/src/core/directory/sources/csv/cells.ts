/** Text as rows of cells (RFC 4180). Where its structure is broken nobody knows where a row ends: nothing of it is used. */
import { CsvError, parse } from 'csv-parse/sync'
import { ListError } from './decode.ts'

export const MOST_ROWS = 200_000
const MOST_COLUMNS = 200
/** Of one row: more is a quote that was never closed. */
const MOST_LETTERS = 100_000

export interface Row {
  /** as a spreadsheet counts them, from 1 */
  row: number
  cells: string[]
}

const BROKEN: Partial<Record<CsvError['code'], string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote (") is opened and never closed',
  CSV_MAX_RECORD_SIZE: `a row is longer than ${MOST_LETTERS} characters; most likely a quote (") is opened and never closed`,
  INVALID_OPENING_QUOTE: 'a quote (") stands within a cell: put the cell into quotes, and double the quotes within it',
  CSV_INVALID_CLOSING_QUOTE: 'something stands behind the quote (") that closes a cell: double quotes within a cell',
}

function parsed(text: string, separator: string): string[][] {
  try {
    return parse(text, {
      delimiter: separator,
      relax_column_count: true,
      record_delimiter: ['\r\n', '\n', '\r'],
      max_record_size: MOST_LETTERS,
      to: MOST_ROWS + 2,
    })
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const place = typeof error.lines === 'number' ? `Line ${error.lines}: ` : ''
    throw new ListError(`${place}${BROKEN[error.code] ?? 'is not CSV'}. Nothing of the file is used.`)
  }
}

/** `first`: the number of the first row of the text in its file. */
export function cellsOf(text: string, separator: string, first: number): Row[] {
  const all = parsed(text, separator)
  // Also where most are empty: what comes behind them would be left out without a word.
  if (all.length > MOST_ROWS + 1) throw new ListError(`The file has more than ${MOST_ROWS} rows.`)
  const rows = all
    .map((cells, index) => ({ row: first + index, cells: cells.map((cell) => cell.trim()) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''))
  const wide = rows.find(({ cells }) => cells.length > MOST_COLUMNS)
  if (wide) throw new ListError(`Row ${wide.row} has more than ${MOST_COLUMNS} columns.`)
  return rows
}
