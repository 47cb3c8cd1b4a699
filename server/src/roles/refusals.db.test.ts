/** What was refused in a session is found again: whom it concerned, by either address, with the reply, and bounded in a flood. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeOrganisation } from '../../testkit/factories.ts'
import { fakeClock } from '../../testkit/fake-clock.ts'
import { openLineClient } from '../../testkit/line-client.ts'
import { oneServer, routeTo, type OneServer } from '../../testkit/one-server.ts'
import { createRefusals, findRefusals } from '../core/trace/index.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { WireError } from '../platform/errors.ts'
import { NIL_ID } from '../platform/ids.ts'
import { openLine } from '../../testkit/smtp-send.ts'
import { silentLog } from '../platform/log.ts'
import { sweepRefusals } from '../store/refusals.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer({ config: { roles: ['mx', 'submission', 'deliver', 'work'] } })
})
afterEach(() => one.close())

/** A note about nobody. */
const nothing = {
  clientIp: '192.0.2.1',
  helo: '',
  tls: null,
  during: 'connect',
  from: null,
  recipient: null,
  signIn: null,
  messageIdHeader: null,
  organisationId: null,
  proof: null,
  reply: '550 no',
}

async function find(q: string, organisationId = one.org.organisationId) {
  await one.server.core.refusals.flush()
  const { items } = await findRefusals(one.db, { organisationId, q, after: null, limit: 50 })
  return items.map(({ from, recipient, reply, times, clientIp }) => ({ from, recipient, reply, times, clientIp }))
}

test('an unknown recipient: found by either address, by our reply; who sends again is counted', async () => {
  await one.send('lost', ['nobody@corp.test'], { from: 'friend@outside.test' })
  await one.send('lost', ['nobody@corp.test'], { from: 'friend@outside.test' })
  const expected = {
    from: 'friend@outside.test',
    recipient: 'nobody@corp.test',
    reply: expect.stringMatching(/^550 5\.1\.1 /) as string,
    times: 2,
    clientIp: '127.0.0.1',
  }
  expect(await find('')).toEqual([expected])
  expect(await find('Nobody@CORP.test')).toEqual([expected])
  expect(await find('<friend@outside.test>')).toEqual([expected])
  expect(await find('alice@corp.test')).toEqual([])
  expect(await find('nobody')).toEqual([])
})

test('an address without angle brackets, and one so long that the note cuts it, are noted as well', async () => {
  const client = await openLineClient(one.server.ports.mx!)
  await client.reply()
  const long = `${'long'.repeat(16)}@corp.test`
  for (const line of [
    'EHLO odd.test',
    'MAIL FROM:<friend@outside.test>',
    'RCPT TO:nobody@corp.test',
    `RCPT TO:<${long}> NOTIFY=NEVER ORCPT=rfc822;${'x'.repeat(200)}@corp.test`,
  ])
    await client.command(line)
  client.destroy()
  const found = (await find('')).map(({ recipient }) => recipient)
  expect(found.sort()).toEqual([long, 'nobody@corp.test'].sort())
})

test('a message refused at its end: a note for each recipient, of the organisation it concerned', async () => {
  const other = await makeOrganisation(one.db, {
    domain: 'other.test',
    people: ['zoe'],
    route: routeTo(one.primary.port),
  })
  await bumpDirectory(one.db)
  const hops = 'Received: from a.test by b.test; Mon, 1 Jan 2024 10:00:00 +0000\r\n'.repeat(25)
  await one.send('hops', ['alice@corp.test', 'zoe@other.test'], {}, hops + one.mail('hops'))
  expect(await find('')).toMatchObject([
    { recipient: 'alice@corp.test', reply: expect.stringMatching(/^554 5\.4\.6/) as string },
  ])
  expect(await find('', other.organisationId)).toMatchObject([{ recipient: 'zoe@other.test' }])
})

test('a primary that may not send out is told to its own admin; strangers who try to relay are for operators', async () => {
  await one.send('relay', ['x@world.test'], { from: 'alice@corp.test' })
  await one.send('relay', ['x@world.test'], { from: 'spam@outside.test' })
  expect(await find('')).toMatchObject([{ from: 'alice@corp.test', recipient: 'x@world.test' }])
  expect(await strays()).toMatchObject([{ from: 'spam@outside.test', recipient: 'x@world.test' }])
})

/** What one installation knows of refusals about nobody, newest first. */
async function strays(q = '') {
  await one.server.core.refusals.flush()
  return (await findRefusals(one.db, { organisationId: NIL_ID, q, after: null, limit: 50 })).items
}
/** Says these lines; the last reply. */
async function say(lines: readonly string[], localAddress = '127.0.0.1') {
  const client = openLine(one.server.ports.mx!, { localAddress })
  try {
    let last = await client.reply()
    for (const line of lines) last = await client.command(line)
    return last
  } finally {
    client.close()
  }
}

test('refused at MAIL: for the organisation of the sender that was named, else for operators; found by the server', async () => {
  const tooLarge = ' SIZE=999999999999'
  expect((await say(['EHLO a.test', `MAIL FROM:<alice@corp.test>${tooLarge}`], '127.0.0.8')).code).toBe(552)
  expect((await say(['EHLO b.test', `MAIL FROM:<s@else.test>${tooLarge}`], '127.0.0.8')).code).toBe(552)
  expect(await find('')).toMatchObject([{ from: 'alice@corp.test', recipient: null, clientIp: '127.0.0.8' }])
  expect(await find('127.0.0.8')).toHaveLength(1)
  expect(await find('127.0.0.9')).toEqual([])
  const [stray, ...more] = await strays('127.0.0.8')
  expect([stray, more]).toMatchObject([
    { from: 's@else.test', during: 'MAIL', reply: expect.stringMatching(/^552 /) },
    [],
  ])
  // By its own number, also as somebody pastes it.
  expect(await strays(` <${stray!.refusalId.toUpperCase()}> `)).toHaveLength(1)
})

test('an own system that is refused before it names anybody is told to its admin', async () => {
  await one.db.query('UPDATE organisation SET outbound_sources = $1', [JSON.stringify([{ networks: ['127.0.0.8'] }])])
  await bumpDirectory(one.db)
  await one.server.core.sources.refresh()
  await say(['EHLO a.test', 'MAIL FROM:<s@else.test> SIZE=999999999999'], '127.0.0.8')
  expect(await find('s@else.test')).toMatchObject([{ clientIp: '127.0.0.8' }])
  expect(await strays()).toEqual([])
})

test('signing in to send: whose name was given, never what else was typed in its place', async () => {
  const certificate = { rejectUnauthorized: false }
  const tryAs = async (name: string): Promise<void> => {
    const client = await openLineClient(one.server.ports.submission!)
    await client.reply()
    for (const line of ['EHLO a.test', 'STARTTLS']) await client.command(line)
    await client.startTls(certificate)
    await client.command('EHLO a.test')
    const response = Buffer.from(`\0${name}\0wrong`).toString('base64')
    expect((await client.command(`AUTH PLAIN ${response}`)).code).toBe(535)
    client.destroy()
  }
  await tryAs('Alice@corp.test')
  await tryAs('hunter2-my-password')
  const { items } = await findRefusals(one.db, {
    organisationId: one.org.organisationId,
    q: (await find('')).length > 0 ? 'alice@corp.test' : '',
    after: null,
    limit: 50,
  })
  expect(items).toMatchObject([{ during: 'AUTH', signIn: 'Alice@corp.test', reply: expect.stringMatching(/^535 /) }])
  const nobody = await strays()
  expect(nobody).toMatchObject([{ during: 'AUTH', signIn: null }])
  expect(JSON.stringify([items, nobody])).not.toMatch(/hunter2|wrong/)
})

test('a message refused at its end is found by its Message-ID, with whatever line ends it came', async () => {
  const begin = ['EHLO a.test', 'MAIL FROM:<s@else.test>', 'RCPT TO:<alice@corp.test>', 'DATA']
  const send = async (bytes: string): Promise<number> => {
    const client = await openLineClient(one.server.ports.mx!)
    await client.reply()
    for (const line of begin) await client.command(line)
    client.send(`${bytes}\r\n.\r\n`)
    const { code } = await client.reply()
    client.destroy()
    return code
  }
  const hops = 'Received: from a.test by b.test; Mon, 1 Jan 2024 10:00:00 +0000\r\n'.repeat(25)
  expect(await send(`${hops}Message-ID: <hops@else.test>\r\n\r\nx`)).toBe(554)
  expect(await send('Subject: x\nMessage-ID:\n <bare@else.test>\n\nx')).toBe(550)
  for (const id of ['<hops@else.test>', 'hops@else.test'])
    expect(await find(id)).toMatchObject([
      { recipient: 'alice@corp.test', reply: expect.stringMatching(/^554 5\.4\.6/) },
    ])
  expect(await find('<bare@else.test>')).toMatchObject([{ recipient: 'alice@corp.test' }])
  expect(await find('<another@else.test>')).toEqual([])
})

test('refused at DATA, by size of a chunk, or cut off in the middle: for all its recipients, with what was read of it', async () => {
  const mb = 1_048_576
  await one.close()
  one = await oneServer({ config: { roles: ['mx', 'work'], smtp: { messageBytes: mb } } })
  const begin = ['EHLO a.test', 'MAIL FROM:<s@else.test>', 'RCPT TO:<alice@corp.test>']
  const after = async (...bytes: string[]): Promise<void> => {
    const client = await openLineClient(one.server.ports.mx!)
    await client.reply()
    for (const line of begin) await client.command(line)
    for (const piece of bytes) {
      client.send(piece)
      await client.reply()
    }
    client.destroy()
  }
  const head = 'Message-ID: <chunk@else.test>\r\n\r\n'
  await after(`BDAT ${head.length}\r\n${head}`, `BDAT ${2 * mb}\r\n${'x'.repeat(2 * mb)}`)
  expect(await find('<chunk@else.test>')).toMatchObject([{ recipient: 'alice@corp.test' }])
  await after('DATA\r\n', `Message-ID: <endless@else.test>\r\n\r\n${'x'.repeat(2 * mb + 1000)}`)
  expect(await find('<endless@else.test>')).toMatchObject([{ recipient: 'alice@corp.test' }])
  one.server.core.disk.check = () => {
    throw new WireError('disk-full')
  }
  await after('DATA\r\n')
  expect((await find('alice@corp.test')).map(({ reply }) => reply.slice(0, 3))).toContain('452')
})

test('turned away at the door, and whoever speaks before the greeting: for operators', async () => {
  const held = []
  for (let i = 0; i < 50; i++) {
    const client = openLine(one.server.ports.mx!, { localAddress: '127.0.0.7' })
    await client.reply()
    held.push(client)
  }
  const late = openLine(one.server.ports.mx!, { localAddress: '127.0.0.7' })
  expect((await late.reply()).code).toBe(421)
  for (const client of [...held, late]) client.close()
  expect(await strays('127.0.0.7')).toMatchObject([
    { during: 'connect', from: null, recipient: null, reply: expect.stringMatching(/^421 4\.7\.0/) },
  ])
  expect(await find('')).toEqual([])
})

test('a swarm about nobody does not hide mail that was refused', async () => {
  const clock = fakeClock()
  const { directory, sources } = one.server.core
  const noted = createRefusals({ db: one.db, clock, log: silentLog, directory, sources })
  for (let i = 0; i < 10_000; i++) noted.note({ ...nothing, clientIp: `10.0.${i >> 8}.${i & 255}` })
  noted.note({ ...nothing, from: 's@x.test', recipient: 'nobody@corp.test' })
  await noted.flush()
  expect(await find('')).toHaveLength(1)
  expect(await one.count('refusal')).toBe(501)
})

test('what is accepted leaves no note, nor does a mistake without a recipient', async () => {
  expect((await one.send('fine', ['alice@corp.test'])).ok).toBe(true)
  await one.send('odd', ['not an address'])
  expect((await find('')).filter(({ recipient }) => recipient?.includes('alice'))).toEqual([])
  await one.until('written', async () => (await one.count('delivery WHERE state = 10')) === 1)
})

test('a flood is bounded at once and in the long run; a database that is away costs notes, never the server', async () => {
  const clock = fakeClock()
  const noted = createRefusals({
    db: one.db,
    clock,
    log: silentLog,
    directory: one.server.core.directory,
    sources: one.server.core.sources,
  })
  const flood = (): void => {
    for (let i = 0; i < 5_000; i++)
      noted.note({
        ...nothing,
        helo: 'h\0',
        from: 's@x.test',
        recipient: `n${i}@corp.test`,
      })
  }
  flood()
  await noted.flush()
  expect(await one.count('refusal')).toBe(500)
  flood()
  await noted.flush()
  expect(await one.count('refusal')).toBe(500)
  await clock.advance(10_000)
  flood()
  await noted.flush()
  expect(await one.count('refusal')).toBe(520)

  const away = { ...one.db, query: () => Promise.reject(new Error('away')) }
  const lost = createRefusals({
    db: away,
    clock,
    log: silentLog,
    directory: one.server.core.directory,
    sources: one.server.core.sources,
  })
  lost.note({ ...nothing, from: '', recipient: 'n@corp.test' })
  await lost.flush()
  expect(await one.count('refusal')).toBe(520)
  await one.db.query(`UPDATE refusal SET at = now() - interval '15 days' WHERE recipient LIKE 'n1%'`)
  expect(await sweepRefusals(one.db, 14, 10_000)).toBeGreaterThan(100)
})
