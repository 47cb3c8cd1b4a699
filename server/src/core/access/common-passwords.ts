/**
 * Passwords that leaked most often (the list of the package zxcvbn, some 49,000): what is tried first from everywhere. Read when the
 * first password is chosen: most processes never need it, and it is megabytes.
 */
import { createRequire } from 'node:module'

let list: ReadonlySet<string> | null = null

function common(): ReadonlySet<string> {
  if (list) return list
  const { dictionary } = createRequire(import.meta.url)('@zxcvbn-ts/language-common') as {
    dictionary: { 'passwords-common': string[] }
  }
  list = new Set(dictionary['passwords-common'])
  return list
}

/** Digits and signs around it hide nothing: "Manchester2026!" is "manchester". `text`: in lower case. */
export const isCommonPassword = (text: string): boolean =>
  common().has(text) || common().has(text.replaceAll(/^[^\p{L}]+|[^\p{L}]+$/gu, ''))
