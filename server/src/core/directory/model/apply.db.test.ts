import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { FreshDatabase } from '../../../../testkit/database.ts'
import { freshDatabase } from '../../../../testkit/database.ts'
import { systemClock } from '../../../platform/clock.ts'
import { selfSigned } from '../../../platform/certificate.ts'
import { silentLog } from '../../../platform/log.ts'
import { keysFrom } from '../../../platform/keys.ts'
import { PersonSource } from '../../../platform/codes.ts'
import { newId } from '../../../platform/ids.ts'
import { ownPolicy } from '../../../store/mta-sts.ts'
import { allOutboundSources } from '../../../store/outbound-sources.ts'
import { verifyAuditChain } from '../../audit/index.ts'
import type { ApplyDeps } from '../index.ts'
import {
  ApplyError,
  applyDeclaration,
  checkDeclaration,
  confirmRun,
  createDirectory,
  createRouteBook,
  findInBook,
  importList,
  privatePlace,
  trustOf,
} from '../index.ts'

let fresh: FreshDatabase
let deps: ApplyDeps
beforeAll(async () => {
  fresh = await freshDatabase()
  const keys = keysFrom(Buffer.alloc(32, 7))
  deps = {
    db: fresh.db,
    clock: systemClock,
    keys: () => keys,
    actor: 'cli:test',
    checkPassword: (password) => {
      if (password.length < 10) throw new Error('too short')
    },
    hashPassword: async (password) => `hash of ${password} ${++hashed}`,
    verifyPassword: async (verifier, password) => verifier.startsWith(`hash of ${password} `),
    oneTimePassword: () => 'abcd-efgh-jkmn',
    secretOf: (entry) => entry.password ?? null,
    readFile: (_, path) => files.get(path)!,
    placeWaiting: async (sql, organisationId) => {
      // In the transaction: it sees what was just written.
      const people = await sql.query<{ name: string }>(
        'SELECT name FROM person WHERE organisation_id = $1 AND scope_emergency ORDER BY name',
        [organisationId],
      )
      placed.push(people.map(({ name }) => name))
    },
  }
})
afterAll(() => fresh.drop())

/** no two hashes are the same */
let hashed = 0

/** the files a declaration names */
const files = new Map<string, string>()

/** who was found with an emergency mailbox of their own whenever waiting mail was to be placed */
const placed: string[][] = []
let n = 0
let d = ''
beforeEach(() => {
  d = `d${++n}.test`
})
const person = (local: string, more: object = {}) => ({ name: local, addresses: [`${local}@${d}`], ...more })
const file = (more: object = {}) => ({
  organisations: [
    {
      slug: `o${n}`,
      name: 'Org',
      routes: [
        { name: 'primary', settings: { hosts: [{ host: '127.0.0.1' }], username: 'u' }, password: 'route secret' },
        { name: 'out', kind: 'mx' },
      ],
      outboundRoute: 'out',
      domains: [{ name: d, route: 'primary', recipientsComplete: true, dkim: { selector: 'hf1' } }],
      groups: [{ name: 'staff', route: 'primary' }],
      people: [person('alice', { password: 'long enough pw', group: 'staff' }), person('bob', { invite: true })],
      ...more,
    },
  ],
})
test('who gets an emergency mailbox gets what waits in it, in the same transaction; a dry run changes nothing', async () => {
  const groups = { groups: [] }
  const people = (emergency: boolean) => ({
    ...groups,
    people: [person('carol', { scopes: { emergencyMailbox: emergency } })],
  })
  await apply(file(people(false)))
  placed.length = 0
  await apply(file(people(true)), { dryRun: true })
  expect(placed).toEqual([])
  await apply(file(people(true)))
  expect(placed).toEqual([['carol']])
})

async function apply(value: object, how: Partial<{ dryRun: boolean; prune: boolean }> = {}) {
  const checked = checkDeclaration(value)
  if ('problems' in checked) throw new ApplyError(checked.problems)
  return applyDeclaration(deps, checked.declaration, { dryRun: false, prune: false, ...how })
}
const acts = (applied: { items: { act: string; thing: string; name: string }[] }) =>
  applied.items.filter((item) => item.act !== 'leave').map((item) => `${item.act} ${item.thing} ${item.name}`)
const problems = (value: object) =>
  apply(value).then(
    () => [],
    (error: unknown) => (error as ApplyError).problems,
  )

test('the first apply makes everything, the second nothing', async () => {
  const planned = await apply(file(), { dryRun: true })
  expect((await fresh.db.query('SELECT FROM organisation WHERE slug = $1', [`o${n}`])).length).toBe(0)
  const first = await apply(file())
  expect(acts(first)).toEqual(acts(planned))
  expect(first.invitations).toEqual([{ name: 'bob', address: `bob@${d}`, password: 'abcd-efgh-jkmn' }])
  expect(first.dns).toMatchObject([{ name: `hf1._domainkey.${d}`, type: 'TXT' }])
  const second = await apply(file())
  expect(second).toMatchObject({ changed: false, invitations: [], dns: [] })
  const rows = await fresh.db.query<{ folders: number; passwords: number; modes: number; out: boolean }>(
    `SELECT (SELECT count(*) FROM folder f WHERE f.organisation_id = o.organisation_id) AS folders,
            (SELECT count(*) FROM credential c WHERE c.organisation_id = o.organisation_id) AS passwords,
            (SELECT count(*) FROM route_mode m WHERE m.organisation_id = o.organisation_id) AS modes, outbound_route_id IS NOT NULL AS out
     FROM organisation o WHERE slug = $1`,
    [`o${n}`],
  )
  expect(rows[0]).toEqual({ folders: 12, passwords: 2, modes: 2, out: true })
  const directory = createDirectory({ db: fresh.db, clock: systemClock, log: silentLog })
  expect(await directory.resolve(`Alice+x@${d}`)).toMatchObject({ isProtected: true, standing: 'known' })
})

test('secrets are sealed where they belong and nowhere else', async () => {
  await apply(file())
  const [row] = await fresh.db.query<{ id: string; secret: Buffer; key: Buffer; domain: string; text: string }>(
    `SELECT r.route_id AS id, r.secret_sealed AS secret, d.dkim_private_sealed AS key, d.domain_id AS domain,
            (SELECT string_agg(detail::text, '') FROM audit) AS text
     FROM organisation o JOIN route r USING (organisation_id) JOIN domain d ON d.organisation_id = o.organisation_id WHERE slug = $1 AND r.name = 'primary'`,
    [`o${n}`],
  )
  expect(deps.keys().open(`route.secret_sealed:${row!.id}`, row!.secret).toString()).toBe('route secret')
  expect(deps.keys().open(`domain.dkim_private_sealed:${row!.domain}`, row!.key).toString()).toMatch(
    /^-----BEGIN PRIVATE KEY-----/,
  )
  expect(row!.text).not.toMatch(/secret|long enough/)
})

test('passwords of reach probes are sealed, done again nothing changes, left out they go', async () => {
  const declared = (more: object) => {
    const settings = {
      hosts: [{ host: 'mail.test' }],
      reach: [{ name: 'phones', kind: 'imap', host: 'mail.test', username: 'probe' }],
    }
    const route = {
      name: 'primary',
      settings,
      reachPasswords: [{ probe: 'phones', password: 'probe secret' }],
      ...more,
    }
    const checked = checkDeclaration({ organisations: [{ slug: `o${n}`, name: 'O', routes: [route] }] })
    if ('problems' in checked) throw new Error(JSON.stringify(checked.problems))
    return checked.declaration
  }
  const sealed = async () => {
    const [row] = await fresh.db.query<{ id: string; reach: Buffer | null; text: string }>(
      `SELECT route_id AS id, reach_sealed AS reach, (SELECT string_agg(detail::text, '') FROM audit) AS text
       FROM organisation JOIN route USING (organisation_id) WHERE slug = $1`,
      [`o${n}`],
    )
    return row!
  }
  await apply(declared({}))
  const { id, reach, text } = await sealed()
  expect(JSON.parse(deps.keys().open(`route.reach_sealed:${id}`, reach!).toString())).toEqual({
    phones: 'probe secret',
  })
  expect(text).not.toContain('probe secret')
  expect((await apply(declared({}))).changed).toBe(false)
  const changed = await apply(declared({ reachPasswords: [{ probe: 'phones', password: 'another' }] }))
  expect(changed.items.find(({ thing }) => thing === 'route')).toMatchObject({
    act: 'change',
    detail: 'passwords of probes',
  })
  await apply(declared({ settings: { hosts: [{ host: 'mail.test' }] }, reachPasswords: [] }))
  expect((await sealed()).reach).toBeNull()
})

test("a route's certificates come from files: the CA into its settings, ours sealed with its key, done again nothing changes", async () => {
  const ours = selfSigned(['relay.test'], Date.now())
  files.set('ca.pem', selfSigned(['mail.test'], Date.now()).cert)
  files.set('own.pem', ours.cert)
  files.set('own.key', ours.key)
  const route = {
    name: 'primary',
    settings: { hosts: [{ host: '127.0.0.1' }], tls: 'required', tlsName: 'mail.test' },
    caFile: 'ca.pem',
    clientCertificateFile: 'own.pem',
    clientKeyFile: 'own.key',
  }
  const declared = (change: object = {}) =>
    file({
      routes: [
        { ...route, ...change },
        { name: 'out', kind: 'mx' },
      ],
    })
  await apply(declared())
  expect((await apply(declared())).changed).toBe(false)
  const book = createRouteBook({ db: fresh.db, clock: systemClock, log: silentLog })
  await book.refresh()
  const [stored] = await fresh.db.query<{ id: string }>(
    `SELECT route_id AS id FROM route JOIN organisation USING (organisation_id) WHERE slug = $1 AND route.name = 'primary'`,
    [`o${n}`],
  )
  const trust = trustOf(book.get(stored!.id)!, (column, sealed, id) =>
    deps.keys().open(`route.${column}:${id}`, sealed).toString(),
  )
  expect(trust).toEqual({
    tls: 'required',
    trust: { name: 'mail.test', ca: files.get('ca.pem'), client: `${ours.cert.trimEnd()}\n${ours.key.trimEnd()}\n` },
  })
  for (const [key, text] of [
    ['clientKeyFile', 'ca.pem'],
    ['clientCertificateFile', 'own.key'],
    ['caFile', 'own.key'],
  ] as const)
    await expect(apply(declared({ [key]: text }))).rejects.toMatchObject({
      problems: [{ path: expect.stringContaining(key) as string }],
    })
  files.set('other.key', selfSigned(['relay.test'], Date.now()).key)
  await expect(apply(declared({ clientKeyFile: 'other.key' }))).rejects.toThrow('is not the key of the certificate')
  const changed = await apply(declared({ clientCertificateFile: undefined, clientKeyFile: undefined }))
  expect(changed.items.find(({ name }) => name === 'primary')!.detail).toBe('client certificate')
})

test('changes are shown field by field; what is not named stays without --prune', async () => {
  await apply(file())
  const changed = await apply(
    file({ name: 'New name', people: [person('alice', { role: 'admin', addresses: [`a@${d}`, `alice@${d}`] })] }),
  )
  expect(acts(changed)).toEqual([`change organisation o${n}`, 'change person alice'])
  expect(changed.items.find((item) => item.act === 'change' && item.thing === 'person')!.detail).toMatch(
    /role: 1 -> 4.*addresses/,
  )
  const rows = await fresh.db.query<{ address: string; primary: boolean }>(
    'SELECT address, is_primary AS primary FROM address JOIN domain USING (organisation_id, domain_id) WHERE domain.name = $1 ORDER BY address',
    [d],
  )
  expect(rows).toEqual([
    { address: `a@${d}`, primary: true },
    { address: `alice@${d}`, primary: false },
    { address: `bob@${d}`, primary: true },
  ])
})

test('a file with only what is new may refer to what is there, and the rest stays', async () => {
  await apply({ organisations: [{ ...file().organisations[0], retentionDays: 30, scopes: { filtering: false } }] })
  const small = {
    organisations: [
      {
        slug: `o${n}`,
        name: 'Org',
        domains: [{ name: `second.${d}`, route: 'primary' }],
        people: [person('carol', { group: 'staff' }), { name: 'dan', addresses: [`dan@second.${d}`] }],
      },
    ],
  }
  const applied = await apply(small)
  expect(acts(applied)).toEqual([`create domain second.${d}`, 'create person carol', 'create person dan'])
  expect(await apply(small)).toMatchObject({ changed: false })
  const [row] = await fresh.db.query(
    `SELECT retention_days AS days, outbound_route_id IS NOT NULL AS out, scope_filtering AS filtering FROM organisation WHERE slug = $1`,
    [`o${n}`],
  )
  expect(row).toEqual({ days: 30, out: true, filtering: false })
  // With --prune what it does not name goes, so it cannot be referred to either.
  await expect(apply(small, { prune: true })).rejects.toThrow('there is no route "primary"')
  expect(await problems({ organisations: [{ ...small.organisations[0], outboundRoute: 'otu' }] })).toEqual([
    {
      path: `organisations[o${n}].outboundRoute`,
      text: 'there is no route "otu" in this organisation; did you mean "out"?',
    },
  ])
})

test('addresses may change hands between people of the file', async () => {
  await apply(file({ people: [person('alice'), person('bob')] }))
  await apply(
    file({
      people: [
        { name: 'alice', addresses: [`alice@${d}`] },
        { name: 'bob', addresses: [`bob2@${d}`] },
        { name: 'carol', addresses: [`carol@${d}`, `bob@${d}`] },
      ],
    }),
  )
  const rows = await fresh.db.query<{ name: string }>(
    'SELECT p.name FROM address a JOIN person p USING (organisation_id, person_id) WHERE address = $1',
    [`bob@${d}`],
  )
  expect(rows.length).toBe(1)
})

test('--prune removes, keeps those who are owed mail, and what their mail hangs on', async () => {
  await apply(file({ people: [person('alice'), person('bob'), person('carol'), person('dave')] }))
  const [ids] = await fresh.db.query<{ org: string; carol: string; dave: string; route: string }>(
    `SELECT o.organisation_id AS org, (SELECT person_id FROM address WHERE address = $2) AS carol, (SELECT person_id FROM address WHERE address = $3) AS dave,
            (SELECT route_id FROM route r WHERE r.organisation_id = o.organisation_id AND name = 'primary') AS route FROM organisation o WHERE slug = $1`,
    [`o${n}`, `carol@${d}`, `dave@${d}`],
  )
  await fresh.db.query(
    `INSERT INTO delivery (organisation_id, delivery_id, message_id, recipient, person_id, route_id, state, next_attempt, accepted_at)
     VALUES ($1, $2, $2, 'carol', $3, $4, 0, now(), now())`,
    [ids!.org, newId(Date.now()), ids!.carol, ids!.route],
  )
  await fresh.db.query(
    `INSERT INTO copy (organisation_id, copy_id, message_id, person_id, source, expires_at, policy, thread_id) VALUES ($1, $2, $2, $3, 1, now(), 'x', $2)`,
    [ids!.org, newId(Date.now()), ids!.dave],
  )
  const pruned = await apply(file({ groups: [], people: [person('alice')] }), { prune: true })
  expect(acts(pruned)).toEqual(['remove person bob', 'keep person carol', 'remove person dave', 'remove group staff'])
  const rows = await fresh.db.query<{ name: string; disabled: boolean }>(
    'SELECT name, disabled_at IS NOT NULL AS disabled FROM person WHERE organisation_id = $1 ORDER BY name',
    [ids!.org],
  )
  expect(rows).toEqual([
    { name: 'alice', disabled: false },
    { name: 'carol', disabled: false },
    { name: 'dave', disabled: true },
  ])
  expect(acts(await apply(file({ groups: [], people: [person('alice')] }), { prune: true }))).toEqual([
    'keep person carol',
  ])
  expect(await verifyAuditChain(fresh.db, ids!.org)).toMatchObject({ ok: true })
})

test('nothing is taken from another organisation, an operator, or people the file does not name', async () => {
  await apply(file())
  const other = structuredClone(file())
  other.organisations[0]!.slug = `other${n}`
  expect(await problems(other)).toEqual(
    expect.arrayContaining([
      { path: `organisations[other${n}].domains[${d}].name`, text: `"${d}" belongs to Org already` },
      { path: `organisations[other${n}].people[alice@${d}]`, text: `"alice@${d}" belongs to Org already` },
    ]),
  )
  expect(
    await problems(
      file({
        people: [
          { name: 'carol', addresses: [`carol@${d}`] },
          { name: 'eve', addresses: [`eve@${d}`, `bob@${d}`] },
        ],
      }),
    ),
  ).toEqual([])
  await fresh.db.query(`INSERT INTO operator (operator_id, name, display) VALUES ($1, $2, 'Boss')`, [
    newId(Date.now()),
    `boss@${d}`,
  ])
  expect(await problems(file({ people: [person('boss')] }))).toMatchObject([
    { path: `organisations[o${n}].people[boss@${d}]`, text: `"boss@${d}" belongs to an operator already` },
  ])
  expect((await fresh.db.query('SELECT FROM organisation WHERE slug = $1', [`other${n}`])).length).toBe(0)
})

test('a bad password names its person and changes nothing', async () => {
  expect(await problems(file({ people: [person('alice', { password: 'short' })] }))).toEqual([
    { path: `organisations[o${n}].people[alice@${d}].password`, text: 'too short' },
  ])
  expect((await fresh.db.query('SELECT FROM organisation WHERE slug = $1', [`o${n}`])).length).toBe(0)
})

test('five thousand people take seconds, applying them again less', async () => {
  const people = Array.from({ length: 5000 }, (_, i) => ({
    name: `Person ${i}`,
    addresses: [`p${i}@${d}`, `alias${i}@${d}`],
  }))
  const started = performance.now()
  await apply(file({ people }))
  const first = performance.now() - started
  const again = await apply(file({ people }))
  expect(again.changed).toBe(false)
  expect(first).toBeLessThan(15_000)
})

test('redirects: made, changed, left and pruned; what cannot be meant is named', async () => {
  const to = (address: string, ...targets: string[]) => ({ address: `${address}@${d}`, to: targets })
  const info = to('Info', `alice@${d}`, 'x@world.test')
  expect(acts(await apply(file({ redirects: [info, { ...to('alice', `bob@${d}`), keepCopy: false }] })))).toEqual(
    expect.arrayContaining([`create redirect Info@${d}`, `create redirect alice@${d}`]),
  )
  const directory = createDirectory({ db: fresh.db, clock: systemClock, log: silentLog })
  const finals = async (address: string) => {
    await directory.refresh()
    return (await directory.resolve(`${address}@${d}`)).redirect?.to.map((one) => one.address)
  }
  expect(await finals('info')).toEqual([`bob@${d}`, 'x@world.test'])
  expect(await finals('ALICE')).toEqual([`bob@${d}`])
  expect(acts(await apply(file({ redirects: [info] })))).toEqual([])
  expect(acts(await apply(file({ redirects: [to('info', `bob@${d}`)] })))).toEqual([`change redirect info@${d}`])
  expect(await finals('info')).toEqual([`bob@${d}`])
  const pruned = await apply(file({ redirects: [info] }), { prune: true })
  expect(acts(pruned)).toEqual([`change redirect Info@${d}`, `remove redirect alice@${d}`])
  expect(await finals('info')).toEqual([`alice@${d}`, 'x@world.test'])

  const wrong = async (...redirects: object[]) =>
    (await problems(file({ redirects }))).map(({ path, text }) => [path, text])
  const at = (name: string) => `organisations[o${n}].redirects[${name}@${d}]`
  expect(await wrong({ ...info, keepCopy: true })).toEqual([
    [`${at('Info')}.keepCopy`, expect.stringContaining('nobody has')],
  ])
  expect(await wrong(to('info', `alcie@${d}`, `bob+x@${d}`, `postmaster@${d}`))).toEqual([
    [`${at('info')}.to[alcie@${d}]`, expect.stringContaining('nobody with this address')],
  ])
  expect(await wrong(to('a', `a@${d}`))).toEqual([[`${at('a')}.to`, expect.stringContaining('to itself')]])
  expect(await wrong(to('a', 'x@w.test'), to('A', 'x@w.test'))).toHaveLength(1)
  expect(await wrong({ address: 'a@world.test', to: ['x@w.test'] })).toEqual([
    [`organisations[o${n}].redirects[a@world.test].address`, expect.stringContaining('domains') as string],
  ])
})

test('lists: made, changed, left and pruned, members by group too; what cannot be meant is named', async () => {
  const crew = {
    address: `crew@${d}`,
    name: 'The crew',
    members: [`bob@${d}`, 'x@world.test'],
    groups: ['staff'],
    posting: 'named',
    posters: [`Bob@${d}`],
    help: 'https://help.test/crew',
    pauseAfter: { bounces: 3, days: 30 },
  }
  expect(acts(await apply(file({ lists: [crew] })))).toContain(`create list crew@${d}`)
  const directory = createDirectory({ db: fresh.db, clock: systemClock, log: silentLog })
  const { list } = await directory.resolve(`crew@${d}`)
  expect(list).toMatchObject({
    name: 'The crew',
    posting: 4,
    posters: [`bob@${d}`],
    help: crew.help,
    unsubscribe: null,
  })
  expect(list!.members.map((one) => one.address)).toEqual([`bob@${d}`, 'x@world.test', `alice@${d}`])
  expect(acts(await apply(file({ lists: [crew] })))).toEqual([])
  expect(acts(await apply(file({ lists: [{ ...crew, name: 'Crew' }] })))).toEqual([`change list crew@${d}`])
  expect(acts(await apply(file(), { prune: true }))).toEqual([`remove list crew@${d}`])

  const wrong = async (more: object) =>
    (await problems(file({ lists: [{ ...crew, ...more }] }))).map(({ path, text }) => `${path}: ${text}`)
  const at = `organisations[o${n}].lists[crew@${d}]`
  expect(await wrong({ groups: ['stuff'] })).toEqual([
    expect.stringContaining(`${at}.groups[stuff]: there is no group`),
  ])
  expect(await wrong({ members: [`nobody@${d}`] })).toEqual([expect.stringContaining('nobody with this address')])
  expect(await wrong({ members: [], groups: [] })).toEqual([expect.stringContaining('at least one')])
  expect(await wrong({ posters: [] })).toEqual([expect.stringContaining(`${at}.posters: belongs to posting named`)])
  expect(await wrong({ help: 'http://x>' })).toEqual([expect.stringContaining('https:')])
  expect(await wrong({ address: `alice@${d}` })).toEqual([expect.stringContaining('is there already')])
})

test('two at once: both are done, one after the other', async () => {
  await Promise.all([apply(file({ name: 'One' })), apply(file({ name: 'Two' }))])
  expect((await fresh.db.query('SELECT FROM organisation WHERE slug = $1', [`o${n}`])).length).toBe(1)
})

test('the language a person chose stays where the file names none', async () => {
  await apply(file())
  const locale = async () =>
    (
      await fresh.db.query<{ locale: string }>(
        'SELECT locale FROM person JOIN address USING (organisation_id, person_id) WHERE address = $1',
        [`alice@${d}`],
      )
    )[0]?.locale
  expect(await locale()).toBe('en')
  await fresh.db.query(`UPDATE person SET locale = 'fr'`)
  expect(acts(await apply(file()))).toEqual([])
  expect(await locale()).toBe('fr')
  await apply(file({ people: [person('alice', { locale: 'de' }), person('bob')] }))
  expect(await locale()).toBe('de')
})

test('own systems and MTA-STS policies: kept as they are said, printed once, and again when they change', async () => {
  const policy = { mode: 'enforce', mx: ['MX1.corp.test'], maxAge: 86_400 }
  const outboundSources = [{ networks: ['192.0.2.7'] }]
  const domain = { name: d, route: 'primary', recipientsComplete: true }
  const wish = (mtaSts?: object) => file({ outboundSources, domains: [{ ...domain, ...(mtaSts ? { mtaSts } : {}) }] })
  const first = await apply(wish(policy))
  expect(first.dns).toMatchObject([{ name: `_mta-sts.${d}`, type: 'TXT' }])
  expect(first.dns[0]!.value).toMatch(/^v=STSv1; id=[0-9a-f]{20};$/)
  expect(await ownPolicy(fresh.db, d)).toEqual({ ...policy, mx: ['mx1.corp.test'] })
  expect((await allOutboundSources(fresh.db)).map(({ sources }) => sources)).toContainEqual(outboundSources)
  expect(await apply(wish(policy))).toMatchObject({ changed: false, dns: [] })
  const second = await apply(wish({ ...policy, mode: 'testing' }))
  expect(second.dns[0]!.value).not.toBe(first.dns[0]!.value)
  // Left out of the domain it is gone; left out of the organisation its systems stay.
  expect((await apply(file({ domains: [domain] }))).dns).toEqual([])
  expect(await ownPolicy(fresh.db, d)).toBeNull()
  expect((await allOutboundSources(fresh.db)).map(({ sources }) => sources)).toContainEqual(outboundSources)
  expect(await problems(wish({ mx: ['https://x'] }))).toMatchObject([
    { text: expect.stringContaining('host name') as string },
  ])
})

test('a system that signs in: its password is hashed, told to nobody, kept while it is the same, and its name is its own', async () => {
  const [name, secret] = [`relay${n}`, 'a password of the system']
  const wish = (source: object) => file({ outboundSources: [{ username: name.toUpperCase(), ...source }] })
  const stored = async () =>
    (await allOutboundSources(fresh.db)).find(({ verifiers }) => Object.hasOwn(verifiers, name))

  const problem = await apply(wish({})).catch((error: unknown) => error)
  expect((problem as ApplyError).problems).toEqual([
    { path: expect.stringContaining('outboundSources') as string, text: expect.stringContaining('password') as string },
  ])
  expect(((await apply(wish({ password: 'short' })).catch((error: unknown) => error)) as ApplyError).message).toContain(
    'too short',
  )
  await apply(wish({ password: secret }))
  const first = await stored()
  expect(first!.sources).toEqual([{ username: name }])
  expect(first!.verifiers[name]).toContain('hash of')
  const same = await apply(wish({ password: secret }))
  expect(same.changed).toBe(false)
  // Left out, it stays.
  await apply(wish({}))
  expect((await stored())!.verifiers).toEqual(first!.verifiers)

  const changed = await apply(wish({ password: 'another password' }))
  expect(changed.items[0]!.detail).toBe('passwords of outboundSources')
  expect((await stored())!.verifiers[name]).toContain('another password')
  const rows = await fresh.db.query<{ detail: unknown }>('SELECT detail FROM audit')
  expect(JSON.stringify(rows)).not.toContain('hash of')

  const other = {
    slug: `x${n}`,
    domains: [],
    groups: [],
    people: [],
    outboundSources: [{ username: name, password: secret }],
  }
  const taken = (await apply(file(other)).catch((error: unknown) => error)) as ApplyError
  expect(taken.message).toContain(`"${name}" belongs to Org already`)
  await apply(file({ outboundSources: [] }))
  expect(await stored()).toBeUndefined()
})

test('delegated addresses: kept as declared, changed and taken away by the next file; of the own domains, each once', async () => {
  const alice = (more: object) => file({ people: [person('alice', more), person('bob')] })
  const rows = () =>
    fresh.db.query<{ address: string; kind: number }>(
      'SELECT address, kind FROM delegation JOIN organisation USING (organisation_id) WHERE slug = $1 ORDER BY address',
      [`o${n}`],
    )
  const given = { sendAs: [`Office@${d}`], sendOnBehalfOf: [`bob@${d}`] }
  await apply(alice(given))
  expect(await rows()).toEqual([
    { address: `bob@${d}`, kind: 2 },
    { address: `office@${d}`, kind: 1 },
  ])
  expect(await apply(alice(given))).toMatchObject({ changed: false })
  const changed = await apply(alice({ sendAs: [`bob@${d}`] }))
  expect(changed.items.find(({ act }) => act === 'change')!.detail).toContain('delegations')
  expect(await rows()).toEqual([{ address: `bob@${d}`, kind: 1 }])
  await apply(alice({}))
  expect(await rows()).toEqual([])
  const at = `organisations[o${n}].people[alice@${d}]`
  expect(await problems(alice({ sendAs: ['boss@elsewhere.test'] }))).toEqual([
    { path: `${at}.sendAs[boss@elsewhere.test]`, text: "elsewhere.test is not among this organisation's domains" },
  ])
  expect(await problems(alice({ sendAs: [`alice@${d}`] }))).toMatchObject([
    { text: expect.stringContaining('already') },
  ])
  expect(await problems(alice({ sendAs: [`x@${d}`], sendOnBehalfOf: [`X@${d}`] }))).toHaveLength(1)
  await apply(alice(given))
  await apply(file({ people: [person('bob')] }), { prune: true })
  expect(await rows()).toEqual([])
})

test('a private address: sealed, told by no plan, the same while it is the same, gone where it is left out, never an own domain', async () => {
  const alice = (more: object) => file({ people: [person('alice', more), person('bob')] })
  const stored = async () =>
    (
      await fresh.db.query<{ id: string; sealed: Buffer | null }>(
        `SELECT person_id AS id, private_sealed AS sealed FROM person JOIN organisation USING (organisation_id)
         WHERE slug = $1 AND person.name = 'alice'`,
        [`o${n}`],
      )
    )[0]!
  const given = { privateAddress: 'Alice@home.example' }
  const made = await apply(alice(given))
  expect(JSON.stringify(made)).not.toContain('home.example')
  const first = await stored()
  expect(first.sealed!.toString('latin1')).not.toContain('home')
  expect(deps.keys().open(privatePlace(first.id), first.sealed!).toString()).toBe('Alice@home.example')
  expect(await apply(alice(given))).toMatchObject({ changed: false })
  expect((await stored()).sealed).toEqual(first.sealed)
  const changed = await apply(alice({ privateAddress: 'other@home.example' }))
  expect(changed.items.find(({ act }) => act === 'change')!.detail).toBe('private address')
  await apply(alice({}))
  expect((await stored()).sealed).toBeNull()
  expect(await problems(alice({ privateAddress: `me@${d}` }))).toMatchObject([
    { path: `organisations[o${n}].people[alice@${d}].privateAddress`, text: expect.stringContaining('own domains') },
  ])
  const audit = await fresh.db.query(`SELECT detail::text AS text FROM audit`)
  expect(JSON.stringify(audit)).not.toContain('home.example')
})

test('what a directory source brings stays the source’s: apply neither prunes it nor takes it for its own', async () => {
  await apply(file())
  const [org] = await fresh.db.query<{ id: string }>('SELECT organisation_id AS id FROM organisation WHERE slug = $1', [
    `o${n}`,
  ])
  const sources = {
    db: fresh.db,
    clock: systemClock,
    actor: 'cli:test',
    placeWaiting: () => Promise.resolve(),
  }
  const entry = (externalId: string, ...locals: string[]) => ({
    row: null,
    externalId,
    name: `From the list ${externalId}`,
    addresses: locals.map((local) => `${local}@${d}`),
    enabled: true,
  })
  const bring = (...entries: ReturnType<typeof entry>[]) =>
    importList(
      sources,
      {
        organisationId: org!.id,
        source: { name: 'csv', kind: PersonSource.csv },
        isUnasked: true,
        isDryRun: false,
      },
      { entries, unusable: [], problems: [] },
    )
  const list = [entry('1', 'alice', 'al'), entry('2', 'carol')]
  await confirmRun(sources, { organisationId: org!.id, runId: (await bring(...list)).id })
  const addresses = async () =>
    (
      await fresh.db.query<{ text: string }>(
        `SELECT split_part(address, '@', 1) || ' ' || name || CASE WHEN from_source THEN ' (list)' ELSE '' END AS text
         FROM address JOIN person USING (organisation_id, person_id) WHERE organisation_id = $1 ORDER BY 1`,
        [org!.id],
      )
    ).map(({ text }) => text)
  const both = ['al alice (list)', 'alice alice', 'bob bob', 'carol From the list 2 (list)']
  expect(await addresses()).toEqual(both)
  expect(acts(await apply(file()))).toEqual([])
  const alone = { people: [person('bob')] }
  expect(acts(await apply(file(alone), { prune: true }))).toEqual(['keep person alice'])
  expect(await addresses()).toEqual(both)
  expect((await bring(...list)).why).toBe('nothing to change')

  // Named in the file they are by hand, and the list does not rename or remove them any more.
  const carol = { people: [person('carol')] }
  expect(acts(await apply(file(carol)))).toEqual(['change person carol'])
  expect(acts(await apply(file(carol)))).toEqual([])
  expect((await bring(...list)).why).toBe('nothing to change')
  expect(await addresses()).toEqual(['al alice (list)', 'alice alice', 'bob bob', 'carol carol'])
})

test('cards: by hand, found, let go, hidden; the same file again changes nothing', async () => {
  const card = { title: 'Head of sales', phones: [{ number: '+49 30 123' }], manager: `bob@${d}` }
  const with_ = (more: object | undefined) =>
    file({ people: [person('alice', more === undefined ? {} : { card: more }), person('bob')] })
  const found = async (text: string) => {
    const [org] = await fresh.db.query<{ id: string }>(
      'SELECT organisation_id AS id FROM organisation WHERE slug = $1',
      [`o${n}`],
    )
    return (await findInBook(fresh.db, org!.id, { text, after: null, limit: 10 })).items.map((one) => one.name)
  }
  await apply(with_(card))
  expect(await found('sales')).toEqual(['alice'])
  expect(await found('30 123')).toEqual(['alice'])
  expect(await found('staff')).toEqual(['staff'])
  expect((await apply(with_(card))).changed).toBe(false)
  const changed = await apply(with_({ title: 'Head of sales' }))
  expect(changed.items.filter(({ act }) => act === 'change').map(({ detail }) => detail)).toEqual([
    'card: phones, manager',
  ])
  await apply(with_({ hidden: true }))
  expect(await found('')).toEqual(['bob', 'staff'])
  await apply(with_(undefined))
  expect(await found('')).toEqual(['alice', 'bob', 'staff'])
  expect(await found('sales')).toEqual([])
})

test('a shared mailbox: nobody signs in to it, its members are exactly those of the file', async () => {
  const office = (members: object[], more: object = {}) => person('office', { shared: { members }, ...more })
  const with_ = (...people: object[]) =>
    file({ people: [person('alice', { group: 'staff' }), person('bob'), ...people] })
  const members = async () =>
    (
      await fresh.db.query<{ name: string; write: boolean; send: number | null }>(
        `SELECT coalesce(p.name, g.name) AS name, m.may_write AS write, m.send FROM shared_member m
         LEFT JOIN person p ON p.person_id = m.member_id LEFT JOIN person_group g ON g.group_id = m.member_id
         JOIN organisation o ON o.organisation_id = m.organisation_id WHERE o.slug = $1 ORDER BY 1`,
        [`o${n}`],
      )
    ).map(({ name, write, send }) => `${name} ${write ? 'writes' : 'reads'} ${send ?? '-'}`)
  const readers = [
    { person: `alice@${d}`, access: 'read' },
    { group: 'staff', send: 'onBehalf' },
  ]
  const said = (text: string) => expect.objectContaining({ text: expect.stringContaining(text) as string }) as object
  await apply(with_(person('office', { password: 'long enough pw' })))
  await apply(with_(office(readers)))
  expect(await members()).toEqual(['alice reads -', 'staff writes 2'])
  // The password it had while it was somebody's own is gone, and it cannot sign in.
  const [row] = await fresh.db.query(
    `SELECT kind, disabled_at IS NOT NULL AS disabled, (SELECT count(*)::int FROM credential c WHERE c.subject_id = p.person_id) AS passwords
     FROM person p JOIN organisation o USING (organisation_id) WHERE o.slug = $1 AND p.name = 'office'`,
    [`o${n}`],
  )
  expect(row).toEqual({ kind: 2, disabled: true, passwords: 0 })
  expect((await apply(with_(office(readers)))).changed).toBe(false)
  await apply(with_(office([{ person: `bob@${d}` }])))
  expect(await members()).toEqual(['bob writes -'])
  expect(await problems(with_(office([{ person: `nobody@${d}` }])))).toContainEqual(
    said(`there is no person "nobody@${d}"`),
  )
  expect(await problems(with_(office([{ group: 'stuff' }])))).toContainEqual(said('did you mean "staff"?'))
  expect(await problems(with_(office([{ person: `office@${d}` }])))).toContainEqual(said('is a shared mailbox itself'))
  expect(await problems(with_(office([], { invite: true })))).toContainEqual(
    said('nobody signs in to a shared mailbox'),
  )
  // Somebody's own again.
  await apply(with_(person('office')))
  expect(await members()).toEqual([])
})
