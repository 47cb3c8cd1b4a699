import type { RawEntry } from './read.ts'

/** The values of an attribute that are text; empty ones are none. */
export const textsOf = ({ values }: RawEntry, name: string): string[] =>
  (values.get(name) ?? []).map((bytes) => bytes.toString('utf8').trim()).filter((text) => text !== '')
