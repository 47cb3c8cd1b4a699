/**
 * By which words an entry of the address book is found, and what somebody typed as a question to the index: words are
 * folded (without case and accents) and matched by their beginnings; a phone number also by any of its endings, because
 * people leave out country and area in different ways.
 */
import type { BookSource } from '../../../store/address-book.ts'

const MOST_WORDS = 80
const MOST_LENGTH = 64
const MOST_ASKED = 8
const LEAST_DIGITS = 3
const LETTERS: Record<string, string> = { ß: 'ss', æ: 'ae', ø: 'o', œ: 'oe', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ı: 'i' }

/** Names are sorted and compared by this. */
export const foldText = (text: string): string =>
  text
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[ßæøœłđðþı]/g, (letter) => LETTERS[letter]!)

/** Müller is written Mueller as well. */
const umlauts = (text: string): string =>
  text
    .toLowerCase()
    .normalize('NFC')
    .replace(/[äöü]/g, (letter) => ({ ä: 'ae', ö: 'oe', ü: 'ue' })[letter]!)

const tokens = (text: string): string[] => text.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '')
const digitsOf = (number: string): string => number.replace(/\D/g, '').slice(-15)

function* phoneWords(number: string): Generator<string> {
  const digits = digitsOf(number)
  for (let at = 0; at + LEAST_DIGITS <= digits.length; at++) yield digits.slice(at)
}

/** Each once, the name's first: what is too much is left out at the end. */
export function wordsOf({ name, addresses, title, department, office, phones }: BookSource): string[] {
  const words = new Set<string>()
  const add = (text: string): void => {
    for (const word of tokens(foldText(text))) words.add(word.slice(0, MOST_LENGTH))
    for (const word of tokens(foldText(umlauts(text)))) words.add(word.slice(0, MOST_LENGTH))
  }
  add(name)
  for (const address of addresses.slice(0, 10)) {
    words.add(foldText(address).slice(0, 2 * MOST_LENGTH))
    add(address.slice(0, address.lastIndexOf('@')))
  }
  for (const text of [department, title, office]) if (text !== null) add(text)
  for (const { number } of phones) for (const word of phoneWords(number)) words.add(word)
  return [...words].slice(0, MOST_WORDS)
}

const lexeme = (word: string): string => `'${word.replace(/['\\]/g, '$&$&')}':*`

/** As a tsquery; null: nothing to look for was typed. */
export function questionOf(typed: string): string | null {
  const text = typed.slice(0, 200).toWellFormed().replaceAll('\0', ' ').trim()
  if (/^[+\d\s()./-]+$/.test(text) && digitsOf(text).length >= LEAST_DIGITS)
    return lexeme(digitsOf(text).replace(/^0{1,2}(?=\d{3})/, ''))
  const asked = new Set<string>()
  for (const part of foldText(text).split(/\s+/)) {
    if (part.includes('@')) asked.add(part.slice(0, 2 * MOST_LENGTH))
    else for (const word of tokens(part)) asked.add(word.slice(0, MOST_LENGTH))
  }
  return asked.size === 0 ? null : [...asked].slice(0, MOST_ASKED).map(lexeme).join(' & ')
}
