/** Writing what a plan says: the caller's transaction, which holds the model's lock. */
import { PersonKind } from '../../../platform/codes.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Sql } from '../../../platform/db/database.ts'
import { newId, type Id } from '../../../platform/ids.ts'
import { writeCards, type CardWrite } from '../../../store/cards.ts'
import { bumpDirectory } from '../../../store/directory.ts'
import * as store from '../../../store/directory-sources.ts'
import { ensureStandardFolders } from '../../../store/folders.ts'
import * as model from '../../../store/model.ts'
import { removePeople } from '../../../store/model-removals.ts'
import { endSignIns } from '../../../store/shared.ts'
import { beginQuietChange, replanHeld } from '../../../store/quiet.ts'
import { refreshPeople } from '../book/refresh.ts'
import type { Plan } from './plan.ts'

export interface CarryOutDeps {
  clock: Clock
  /** what waits for people who have an emergency mailbox now becomes visible there */
  placeWaiting: (sql: Sql, organisationId: Id) => Promise<unknown>
}

interface OfRun {
  organisationId: Id
  sourceId: Id
  kind: number
  runId: Id
  at: Date
}

export const changesSomething = (plan: Plan): boolean => plan.items.some(({ act }) => act !== 'keep')

export async function carryOut(sql: Sql, deps: CarryOutDeps, run: OfRun, plan: Plan): Promise<void> {
  const made = await writePeople(sql, deps, run, plan)
  const links = plan.links.map(({ externalId, personId, said, linkedAt }) => ({
    externalId,
    personId: personId ?? made.get(externalId)!,
    said,
    linkedAt: new Date(linkedAt),
  }))
  const leaving = (act: string) => plan.leavers.filter((leaver) => leaver.act === act)
  const idsOf = (act: string) => leaving(act).map(({ link }) => link.externalId)
  await store.dropLinks(sql, run, idsOf('unlink'))
  await store.writeLinks(sql, run, links, plan.seen)
  await store.markMissing(sql, run, idsOf('missing'))
  if (!changesSomething(plan)) return
  await bumpDirectory(sql)
  // Windows may hold for groups that have other people now.
  await beginQuietChange(sql)
  await deps.placeWaiting(sql, run.organisationId)
  await replanHeld(sql, run.organisationId)
}

/** Who is removed goes first: their addresses may be somebody's in this very run. Returns the new ones by their id there. */
async function writePeople(sql: Sql, deps: CarryOutDeps, run: OfRun, plan: Plan): Promise<Map<string, Id>> {
  const { organisationId } = run
  const removed = plan.leavers.filter(({ act }) => act === 'remove').map(({ person }) => person.id)
  if (removed.length > 0) {
    const mail = await model.peopleWithMail(sql, organisationId, removed)
    await removePeople(
      sql,
      organisationId,
      mail.map(({ id, copies }) => ({ id, keep: copies })),
    )
  }
  await refreshPeople(sql, organisationId, removed)
  const made = new Map<string, Id>()
  const rows = plan.people.map(({ card: _, ...person }) => {
    const id = person.id ?? newId(deps.clock.now())
    if (person.id === null) made.set(person.externalId, id)
    return { ...person, id, disabled: person.isDisabled, source: run.kind }
  })
  if (rows.length === 0) return made
  const ids = rows.map(({ id }) => id)
  await store.writeSourcePeople(sql, organisationId, rows)
  await endSignIns(
    sql,
    organisationId,
    rows.filter(({ kind }) => kind !== PersonKind.person).map(({ id }) => id),
  )
  await model.writeAddresses(
    sql,
    organisationId,
    ids,
    rows.flatMap(({ id, addresses }) => addresses.map((address) => ({ ...address, personId: id }))),
  )
  await ensureStandardFolders(sql, organisationId, ids)
  await writeCards(sql, organisationId, cardRows(plan, rows))
  await refreshPeople(sql, organisationId, ids)
  return made
}

/** `rows`: the plan's people in its order, each with an id. */
function cardRows({ people }: Plan, rows: readonly { id: Id }[]): CardWrite[] {
  return people.flatMap(({ card: change }, index) => {
    if (change === null) return []
    const { card, photo } = change
    const id = rows[index]!.id
    return [{ ...card, id, photo: photo && { type: photo.type, base64: photo.bytes.toString('base64') } }]
  })
}
