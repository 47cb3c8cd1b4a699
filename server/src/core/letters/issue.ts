/**
 * Making letters for an organisation's people: new codes, the PDF, and only then the rows, in one transaction. So nobody's earlier
 * letter becomes worthless before the new one is written down; a PDF whose rows failed is worthless itself, and whoever asked is told.
 */
import type { Writable } from 'node:stream'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../platform/db/database.ts'
import { WireError } from '../../platform/errors.ts'
import type { Id } from '../../platform/ids.ts'
import { letterPeople, replaceCodes, type LetterPerson } from '../../store/emergency-codes.ts'
import { CODES_EACH, codeOf, hashOfCode, newCode, tellOwner } from '../access/index.ts'
import { appendAudit } from '../audit/index.ts'
import { writeLetters } from './pdf.ts'

export interface LetterWish {
  organisationId: Id
  /** null: everybody */
  personIds: readonly Id[] | null
  /** who has an unused code is left out */
  without?: boolean
  /** as in audit rows */
  actor: string
  /** of the pages */
  url: string
}

/** How many letters; 0: nobody, and nothing was written. `out` is ended, and must be durable when it has finished. */
export async function issueLetters(
  deps: { db: Database; clock: Clock },
  wish: LetterWish,
  open: () => Writable,
): Promise<number> {
  const { organisationId, personIds, without = false, actor } = wish
  const people = await letterPeople(deps.db, organisationId, { personIds, without })
  if (people.length === 0) return 0
  const issued = people.map((person) => ({ person, codes: Array.from({ length: CODES_EACH }, newCode) }))
  const letters = issued.map(({ person, codes }) => ({ ...person, codes }))
  await writeLetters(letters, open(), {
    url: wish.url.replace(/\/+$/, ''),
    madeAt: deps.clock.now(),
    pause: () => deps.clock.sleep(1),
  })
  await deps.db.transaction(async (sql) => {
    await replaceCodes(
      sql,
      issued.flatMap(({ person, codes }) => codes.map((code) => rowOf(organisationId, person, code))),
    )
    // Whose codes were made stays known; of everybody's it is enough that they were everybody's.
    const subjects =
      personIds === null ? [`organisation:${organisationId}`] : people.map((one) => `person:${one.personId}`)
    for (const subject of subjects)
      await appendAudit(sql, {
        organisationId,
        actor,
        action: 'emergency-codes-made',
        subject,
        detail: { letters: people.length },
      })
    // Who is given one by name hears of it; of everybody's letters everybody has the letter.
    if (personIds !== null)
      for (const { personId: subjectId } of people)
        await tellOwner(sql, { organisationId, subjectId, kind: 'codes-made', actor }, deps.clock.now())
  })
  return people.length
}

function rowOf(organisationId: Id, { personId }: LetterPerson, code: string) {
  const plain = codeOf(code)
  if (plain === null) throw new WireError('internal')
  return { organisationId, personId, hash: hashOfCode(personId, plain) }
}
