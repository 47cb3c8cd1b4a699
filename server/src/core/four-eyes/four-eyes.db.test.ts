/** Four eyes over real rows: every transition, who may be the second person, races, what is told and written down. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../testkit/database.ts'
import { makeOrganisation, makePerson, type MadeOrganisation } from '../../../testkit/factories.ts'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { privateMail } from '../../../testkit/private-mail.ts'
import { expectSound } from '../../../testkit/sound.ts'
import { systemClock } from '../../platform/clock.ts'
import { MailboxAccessState, PersonKind, Role, wordOf } from '../../platform/codes.ts'
import { newId } from '../../platform/ids.ts'
import { keysFrom } from '../../platform/keys.ts'
import { silentLog } from '../../platform/log.ts'
import { diskBlobStore } from '../../store/blobs/disk-blob-store.ts'
import { appendAudit } from '../audit/index.ts'
import { privatePlace } from '../directory/index.ts'
import { createAccountTeller } from '../notices/index.ts'
import { createAccessWatch, createFourEyes, type AccessRow, type By, type FourEyes } from './index.ts'

const REASON = 'She is ill and a customer waits for the signed offer'
let fresh: FreshDatabase
let org: MadeOrganisation
let other: MadeOrganisation
let fourEyes: FourEyes

const id = (name: string): string => org.people[name]!.personId
const by = (name: string): By => ({
  ...{ actor: `person:${id(name)}`, kind: 'person', subjectId: id(name), organisationId: org.organisationId },
})
const operator: By = { actor: `operator:${newId(0)}`, kind: 'operator', subjectId: newId(0), organisationId: null }
const which = ({ accessId }: AccessRow) => ({ organisationId: org.organisationId, accessId })
const ask = (more: Partial<Parameters<FourEyes['ask']>[0]> = {}) =>
  fourEyes.ask({
    ...{ organisationId: org.organisationId, mailboxId: id('Mia'), by: by('Ann'), purpose: 'read', reason: REASON },
    ...{ minutes: 60, ...more },
  })
const approve = (row: AccessRow, who: By = by('Ben'), note = '') =>
  fourEyes.decide(which(row), who, { approve: true, note })
const decline = (row: AccessRow, who: By = by('Ben')) => fourEyes.decide(which(row), who, { approve: false, note: '' })
const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    (value) => (value === false ? 'closed' : 'good'),
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  )
const stateOf = async (row: AccessRow): Promise<string> => {
  const [found] = await fresh.db.query<{ state: number }>('SELECT state FROM mailbox_access WHERE access_id = $1', [
    row.accessId,
  ])
  return wordOf(MailboxAccessState, found!.state)
}
/** As if it had been asked for, and decided, so long ago. */
const passes = (minutes: number) =>
  fresh.db.query(
    `UPDATE mailbox_access SET asked_at = asked_at - make_interval(mins => $1), answer_by = answer_by - make_interval(mins => $1),
       decided_at = decided_at - make_interval(mins => $1), expires_at = expires_at - make_interval(mins => $1), tell_at = tell_at - make_interval(mins => $1)`,
    [minutes],
  )
const lent = (name = 'Ann') => fourEyes.lentTo({ organisationId: org.organisationId, personId: id(name) })
const told = () =>
  fresh.db.query<{ kind: string; person: string; facts: Record<string, unknown>; late: boolean }>(
    `SELECT n.kind, p.name AS person, n.facts, n.due_at > now() + interval '1 day' AS late FROM account_notice n JOIN person p USING (organisation_id, person_id) ORDER BY n.notice_id`,
  )
const acts = async (): Promise<string[]> =>
  (
    await fresh.db.query<{ act: string }>(
      "SELECT action AS act FROM audit WHERE organisation_id = $1 AND action LIKE 'mailbox-%' ORDER BY seq",
      [org.organisationId],
    )
  ).map(({ act }) => act.replace('mailbox-access-', ''))
/** Nobody is new any more. */
const settle = () =>
  fresh.db.query(`UPDATE person SET created_at = now() - interval '30 days', role_since = now() - interval '30 days'`)

beforeAll(async () => {
  fresh = await freshDatabase({ poolSize: 8 })
  const { db } = fresh
  org = await makeOrganisation(db, { people: ['Ann', 'Ben', 'Cleo', 'Mia', 'Helen'], domain: 'corp.test' })
  other = await makeOrganisation(db, { people: ['Zoe'], domain: 'other.test' })
  for (const name of ['Ann', 'Ben', 'Cleo'])
    await db.query('UPDATE person SET role = $2 WHERE person_id = $1', [id(name), Role.admin])
  await db.query(`UPDATE person SET locale = 'de', private_sealed = $2 WHERE person_id = $1`, [
    id('Mia'),
    keysFrom(Buffer.alloc(32, 7)).seal(privatePlace(id('Mia')), Buffer.from('mia@home.example')),
  ])
  fourEyes = createFourEyes({ db, clock: systemClock })
})
beforeEach(async () => {
  for (const table of ['mailbox_access', 'account_notice', 'audit', 'audit_head'])
    await fresh.db.query(`DELETE FROM ${table}`)
  await settle()
})
afterAll(async () => {
  await expectSound(fresh.db, diskBlobStore('/nonexistent'))
  await fresh.drop()
})

describe('the way of a request', () => {
  test('asked, approved, opened, ended: open in between only, each told and written down once', async () => {
    const row = await ask()
    expect(await lent()).toEqual([])
    expect(await outcome(fourEyes.opening(which(row)))).toBe('closed')
    await approve(row, by('Ben'), 'spoke with the works council')
    expect(await lent()).toMatchObject([{ id: id('Mia'), name: 'Mia', reason: REASON }])
    expect(await lent('Ben')).toEqual([])
    for (let n = 0; n < 3; n++) expect(await fourEyes.opening(which(row))).toBe(true)
    await fourEyes.end(which(row), by('Ann'))
    expect(await lent()).toEqual([])
    expect(await outcome(fourEyes.opening(which(row)))).toBe('closed')
    expect(await acts()).toEqual(['asked', 'approved', 'opened', 'ended'])
    const forMia = (await told()).filter(({ person }) => person === 'Mia')
    expect(forMia.map(({ kind }) => kind)).toEqual(['access-approved', 'access-opened', 'access-over'])
    expect(forMia[0]!.facts).toMatchObject({ reason: REASON, asker: 'Ann', decider: 'Ben', isOperator: 0 })
    expect(forMia[2]!.facts).toMatchObject({ by: 'Ann', isOpened: 1 })
  })

  /** state of the row → what each act does to it now. */
  const made: Record<string, () => Promise<AccessRow>> = {
    asked: () => ask(),
    open: async () => approve(await ask()),
    declined: async () => decline(await ask()),
    withdrawn: async () => fourEyes.end(which(await ask()), by('Ann')),
    ended: async () => fourEyes.end(which(await approve(await ask())), by('Ben')),
    lapsed: async () => {
      const row = await ask()
      await passes(7 * 24 * 60 + 1)
      await fourEyes.sweep()
      return row
    },
    expired: async () => {
      const row = await approve(await ask())
      await passes(61)
      await fourEyes.sweep()
      return row
    },
  }
  const expected: Record<string, [approve: string, decline: string, end: string, opening: string, sweep: number]> = {
    asked: ['good', 'good', 'good', 'closed', 0],
    open: ['conflict', 'conflict', 'good', 'good', 0],
    declined: ['conflict', 'conflict', 'conflict', 'closed', 0],
    withdrawn: ['conflict', 'conflict', 'conflict', 'closed', 0],
    ended: ['conflict', 'conflict', 'conflict', 'closed', 0],
    lapsed: ['conflict', 'conflict', 'conflict', 'closed', 0],
    expired: ['conflict', 'conflict', 'conflict', 'closed', 0],
  }
  test.each(Object.keys(MailboxAccessState))('%s: every act', async (state) => {
    const tries = [approve, decline, (row: AccessRow) => fourEyes.end(which(row), by('Ann'))]
    const found: (string | number)[] = []
    for (const act of [...tries, (row: AccessRow) => fourEyes.opening(which(row))]) {
      await fresh.db.query('DELETE FROM mailbox_access')
      const row = await made[state]!()
      expect(await stateOf(row)).toBe(state)
      found.push(await outcome(act(row)))
    }
    await fresh.db.query('DELETE FROM mailbox_access')
    await made[state]!()
    found.push(await fourEyes.sweep())
    expect(found).toEqual(expected[state])
  })

  test('time ends it before any timer has run: nothing is opened, approved or read behind it', async () => {
    const waiting = await ask({ mailboxId: id('Helen') })
    const open = await approve(await ask())
    await passes(61)
    expect(await lent()).toEqual([])
    expect(await outcome(fourEyes.opening(which(open)))).toBe('closed')
    await passes(7 * 24 * 60)
    expect(await outcome(approve(waiting))).toBe('conflict')
    expect(await fourEyes.sweep()).toBe(2)
    expect(await fourEyes.sweep()).toBe(0)
    expect([await stateOf(waiting), await stateOf(open)]).toEqual(['lapsed', 'expired'])
    expect((await told()).filter(({ person }) => person !== 'Ben' && person !== 'Cleo')).toMatchObject([
      { kind: 'access-approved', person: 'Mia' },
      { kind: 'access-over', person: 'Mia', facts: { by: null, isOpened: 0 } },
    ])
  })

  test('the watch writes ends down within seconds, on the clock of the process', async () => {
    const row = await approve(await ask())
    await passes(61)
    const clock = fakeClock()
    const watch = createAccessWatch({ fourEyes, clock, log: silentLog })
    watch.start()
    await clock.advance(5_000)
    await watch.stop()
    expect(await stateOf(row)).toBe('expired')
  })

  test('it survives a restart: another process finds it open, and ends it', async () => {
    const row = await approve(await ask())
    const later = createFourEyes({ db: fresh.db, clock: systemClock })
    expect(await later.lentTo({ organisationId: org.organisationId, personId: id('Ann') })).toHaveLength(1)
    await later.end(which(row), operator)
    expect(await lent()).toEqual([])
  })
})

describe('who is a second person', () => {
  test.each([
    ['who asked', () => by('Ann'), 'decides-own-request'],
    ['whose mailbox it is', () => by('Cleo'), 'decides-own-mailbox'],
    ['another administrator', () => by('Ben'), 'good'],
    ['an operator', () => operator, 'good'],
  ])('%s', async (_name, who, expected) => {
    expect(await outcome(approve(await ask({ mailboxId: id('Cleo') }), who()))).toBe(expected)
  })

  test('nor one whose password was just chosen anew: a code that somebody kept longer than the limit lets them in as the second person', async () => {
    const row = await ask()
    await appendAudit(fresh.db, {
      ...{ organisationId: org.organisationId, actor: `person:${id('Ben')}`, subject: `person:${id('Ben')}` },
      ...{ action: 'password-changed', detail: {} },
    })
    expect(await outcome(approve(row))).toBe('not-independent')
    expect(await outcome(decline(row))).toBe('good')
  })

  test('thirty requests a day, also of those that were withdrawn', async () => {
    for (let n = 0; n < 30; n++) await fourEyes.end(which(await ask()), by('Ann'))
    expect(await outcome(ask())).toBe('rate-limited')
  })

  test('an account that was made, or made an administrator, within the week', async () => {
    const row = await ask()
    for (const column of ['created_at', 'role_since']) {
      await settle()
      await fresh.db.query(`UPDATE person SET ${column} = now() - interval '6 days' WHERE person_id = $1`, [id('Ben')])
      expect(await outcome(approve(row))).toBe('not-independent')
    }
    await settle()
    expect(await outcome(approve(row))).toBe('good')
  })

  const touch = (
    whose: string,
    actor: string,
    action: 'password-set' | 'emergency-codes-made' | 'second-factor-removed',
  ) => appendAudit(fresh.db, { organisationId: org.organisationId, actor, action, subject: `person:${id(whose)}` })
  test.each(['password-set', 'emergency-codes-made', 'second-factor-removed'] as const)(
    'one that somebody else let back in (%s); not one that did it themselves, and not for ever',
    async (action) => {
      const row = await ask()
      await touch('Ben', by('Ben').actor, action)
      await touch('Ben', by('Ann').actor, action)
      expect(await outcome(approve(row))).toBe('not-independent')
      // Declining keeps mail closed, whoever does it.
      expect(await outcome(decline(row))).toBe('good')
      await fresh.db.query(`UPDATE audit SET at = at - interval '8 days'`)
      expect(await outcome(approve(await ask()))).toBe('good')
    },
  )
  test('nobody for an account whose ways in they touched: they may sit behind it', async () => {
    const row = await ask()
    await touch('Ann', by('Ben').actor, 'password-set')
    await touch('Ann', operator.actor, 'password-set')
    expect(await outcome(approve(row))).toBe('not-independent')
    expect(await outcome(approve(row, operator))).toBe('not-independent')
    expect(await outcome(approve(row, by('Cleo')))).toBe('good')
  })

  test('whose rights went meanwhile: nothing is approved for them, and what was open is closed', async () => {
    const row = await ask()
    const set = (role: number) => fresh.db.query('UPDATE person SET role = $2 WHERE person_id = $1', [id('Ann'), role])
    await set(Role.auditor)
    expect(await outcome(approve(row))).toBe('conflict')
    await set(Role.admin)
    await approve(row)
    expect(await lent()).toHaveLength(1)
    await set(Role.helpdesk)
    expect(await lent()).toEqual([])
    await set(Role.admin)
    await fresh.db.query('UPDATE person SET disabled_at = now() WHERE person_id = $1', [id('Ann')])
    expect(await lent()).toEqual([])
    await fresh.db.query('UPDATE person SET disabled_at = NULL WHERE person_id = $1', [id('Ann')])
  })

  test('ending: a third administrator and the person themselves may not', async () => {
    const row = await approve(await ask({ mailboxId: id('Cleo') }))
    expect(await outcome(fourEyes.end(which(row), by('Cleo')))).toBe('forbidden')
    expect(await outcome(fourEyes.end(which(row), by('Ben')))).toBe('good')
    const waiting = await ask()
    expect(await outcome(fourEyes.end(which(waiting), by('Ben')))).toBe('forbidden')
  })
})

describe('asking', () => {
  test.each<[string, () => Promise<unknown>, string]>([
    ['no reason', () => ask({ reason: '   because    ' }), 'bad-request'],
    ['a novel', () => ask({ reason: 'x'.repeat(1001) }), 'bad-request'],
    ['too short', () => ask({ minutes: 14 }), 'bad-request'],
    ['for ever', () => ask({ minutes: 7 * 24 * 60 + 1 }), 'bad-request'],
    ['one’s own', () => ask({ mailboxId: id('Ann') }), 'bad-request'],
    ['an operator', () => ask({ by: operator }), 'forbidden'],
    ['somebody of another organisation', () => ask({ mailboxId: other.people['Zoe']!.personId }), 'not-found'],
    ['in another organisation', () => ask({ organisationId: other.organisationId }), 'forbidden'],
  ])('%s', async (_name, wish, expected) => {
    expect(await outcome(wish())).toBe(expected)
    expect(await acts()).toEqual([])
  })

  test('a shared mailbox has members instead', async () => {
    const { personId } = await makePerson(fresh.db, org, `office${Date.now()}`)
    await fresh.db.query('UPDATE person SET kind = $2, disabled_at = now() WHERE person_id = $1', [
      personId,
      PersonKind.shared,
    ])
    expect(await outcome(ask({ mailboxId: personId }))).toBe('bad-request')
  })

  test('once at a time, ten at most; those who may decide hear of it, and nobody whom it is about', async () => {
    const both = await Promise.all([1, 2].map(() => outcome(ask({ mailboxId: id('Cleo') }))))
    expect(both.sort()).toEqual(['conflict', 'good'])
    expect((await told()).map(({ kind, person }) => [kind, person])).toEqual([['access-asked', 'Ben']])
    await fresh.db.query(
      `INSERT INTO mailbox_access (organisation_id, access_id, mailbox_id, asker_id, purpose, reason, minutes, state, answer_by)
       SELECT organisation_id, gen_random_uuid(), mailbox_id, asker_id, 100 + n, reason, minutes, state, answer_by FROM mailbox_access, generate_series(1, 9) n`,
    )
    expect(await outcome(ask())).toBe('rate-limited')
    await fresh.db.query('DELETE FROM mailbox_access')
  })
})

describe('races', () => {
  test('two approvals at once: one opens it, one hears of a conflict; told once', async () => {
    for (let n = 0; n < 5; n++) {
      await fresh.db.query('DELETE FROM account_notice')
      const row = await ask()
      const both = await Promise.all([by('Ben'), by('Cleo')].map((who) => outcome(approve(row, who))))
      expect(both.sort()).toEqual(['conflict', 'good'])
      expect((await told()).filter(({ kind }) => kind === 'access-approved')).toHaveLength(1)
      await fourEyes.end(which(row), by('Ann'))
    }
  })
  test('approved and withdrawn, declined and approved, read and ended at once: one after the other, never half', async () => {
    for (let n = 0; n < 5; n++) {
      const one = await ask()
      await Promise.all([outcome(approve(one)), outcome(fourEyes.end(which(one), by('Ann')))])
      // Withdrawn while it waited, or ended when it was open: never open behind it, unless the end came first and failed.
      expect(['withdrawn', 'ended']).toContain(await stateOf(one))
      const two = await ask()
      const both = await Promise.all([outcome(approve(two)), outcome(decline(two, by('Cleo')))])
      expect(both.sort()).toEqual(['conflict', 'good'])
      if ((await stateOf(two)) === 'open') {
        await Promise.all([fourEyes.opening(which(two)), fourEyes.end(which(two), by('Ben'))])
        expect(await outcome(fourEyes.opening(which(two)))).toBe('closed')
      }
    }
  })
})

describe('a declared delay of the notice', () => {
  const declare = (settings: object) =>
    fresh.db.query('UPDATE organisation SET mailbox_access = $2 WHERE organisation_id = $1', [
      org.organisationId,
      JSON.stringify(settings),
    ])
  test('fixed at the approval, with its ground; until then the person sees nothing of it', async () => {
    await declare({ noticeDelayDays: 30, delayBasis: 'order of the court of Bonn, 12 Gs 1/26' })
    const row = await approve(await ask())
    await declare({})
    await fourEyes.opening(which(row))
    expect(await fourEyes.toMailbox(org.organisationId, id('Mia'))).toEqual([])
    const forMia = (await told()).filter(({ person }) => person === 'Mia')
    expect(forMia.map(({ kind, late }) => [kind, late])).toEqual([
      ['access-approved', true],
      ['access-opened', true],
    ])
    expect(forMia[0]!.facts).toMatchObject({ basis: 'order of the court of Bonn, 12 Gs 1/26' })
    await passes(30 * 24 * 60 + 1)
    expect(await fourEyes.toMailbox(org.organisationId, id('Mia'))).toHaveLength(1)
  })
  test('none by default: at once', async () => {
    await approve(await ask())
    expect(await fourEyes.toMailbox(org.organisationId, id('Mia'))).toHaveLength(1)
    expect((await told()).filter(({ person, late }) => person === 'Mia' && late)).toEqual([])
  })
})

test('told by mail: in the mailbox here and at the private address, in their language, once', async () => {
  const teller = createAccountTeller(await privateMail(fresh.db))
  await approve(await ask())
  expect(await teller.run()).toBe(3)
  expect(await teller.run()).toBe(0)
  const mails = await fresh.db.query<{ to: string; subject: string; bytes: Buffer; placed: number }>(
    `SELECT d.recipient AS to, m.subject, b.bytes, (SELECT count(*)::int FROM placement p WHERE p.message_id = m.message_id AND p.person_id = $1) AS placed
     FROM message m JOIN delivery d USING (organisation_id, message_id) JOIN body b ON b.body_id = m.message_id ORDER BY d.recipient`,
    [id('Mia')],
  )
  expect(mails.map(({ to, placed }) => [to, placed])).toEqual([
    ['Ben@corp.test', 0],
    ['Cleo@corp.test', 0],
    ['Mia@corp.test', 1],
    ['mia@home.example', 0],
  ])
  for (const { subject } of mails.slice(2)) expect(subject).toMatch(/: Ihr Postfach darf gelesen werden$/)
  const text = mails[3]!.bytes.toString()
  expect(text).toContain('Ann')
  expect(text).toContain('Ben')
  expect(text).not.toMatch(/https?:/)
  const rows = await fresh.db.query<{ kind: string; m: string; p: string }>(
    'SELECT kind, mailbox_outcome AS m, private_outcome AS p FROM account_notice ORDER BY notice_id',
  )
  expect(rows).toEqual([
    { kind: 'access-asked', m: 'told', p: 'not-meant' },
    { kind: 'access-asked', m: 'told', p: 'not-meant' },
    { kind: 'access-approved', m: 'told', p: 'told' },
  ])
})
