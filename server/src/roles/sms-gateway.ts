/** The gateway for text messages as the configuration says; null: none. Its headers hold secrets, so that their file is looked at as keys are. */
import { readFileSync, statSync } from 'node:fs'
import { createSmsGateway, type SmsGateway } from '../clients/sms/gateway.ts'
import type { Config } from '../platform/config/config.ts'
import { fileWords } from '../platform/file-words.ts'

const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):[ \t]*([\t\x20-\x7e]{1,4000})$/

function headersOf(file: string): Record<string, string> {
  let text: string
  try {
    if ((statSync(file).mode & 0o077) !== 0)
      throw new Error(`sms.headersFile: ${file} can be read by others. Run: chmod 600 ${file}`)
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code) throw error
    throw new Error(`sms.headersFile: ${file} ${fileWords(error)}`, { cause: error })
  }
  const headers: Record<string, string> = {}
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const found = HEADER.exec(line.trim())
    // The line is not repeated: a secret may stand in it.
    if (!found)
      throw new Error(`sms.headersFile: line ${at + 1} of ${file} is no header such as "Authorization: Bearer …"`)
    headers[found[1]!.toLowerCase()] = found[2]!
  }
  return headers
}

export function smsGatewayOf({ url, format, body, headersFile }: Config['sms']): SmsGateway | null {
  if (url === '') return null
  return createSmsGateway({ url, format, body, headers: headersFile === '' ? {} : headersOf(headersFile) })
}
