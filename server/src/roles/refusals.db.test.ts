/** What was refused in a session is found again: whom it concerned, by either address, with the reply, and bounded in a flood. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeOrganisation } from '../../testkit/factories.ts'
import { fakeClock } from '../../testkit/fake-clock.ts'
import { openLineClient } from '../../testkit/line-client.ts'
import { oneServer, routeTo, type OneServer } from '../../testkit/one-server.ts'
import { createRefusals, findRefusals } from '../core/trace/index.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { silentLog } from '../platform/log.ts'
import { sweepRefusals } from '../store/refusals.ts'

let one: OneServer
beforeEach(async () => {
  one = await oneServer()
})
afterEach(() => one.close())

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

test('a primary that may not send out is told to its own admin; strangers who try to relay are nobody’s', async () => {
  await one.send('relay', ['x@world.test'], { from: 'alice@corp.test' })
  await one.send('relay', ['x@world.test'], { from: 'spam@outside.test' })
  expect(await find('')).toMatchObject([{ from: 'alice@corp.test', recipient: 'x@world.test' }])
  expect(await one.count('refusal')).toBe(1)
})

test('what is accepted leaves no note, nor does a mistake without a recipient', async () => {
  expect((await one.send('fine', ['alice@corp.test'])).ok).toBe(true)
  await one.send('odd', ['not an address'])
  expect((await find('')).filter(({ recipient }) => recipient.includes('alice'))).toEqual([])
  await one.until('written', async () => (await one.count('delivery WHERE state = 10')) === 1)
})

test('a flood is bounded at once and in the long run; a database that is away costs notes, never the server', async () => {
  const clock = fakeClock()
  const noted = createRefusals({ db: one.db, clock, log: silentLog, directory: one.server.core.directory })
  const flood = (): void => {
    for (let i = 0; i < 5_000; i++)
      noted.note({
        clientIp: '192.0.2.1',
        helo: 'h\0',
        tls: null,
        from: 's@x.test',
        recipient: `n${i}@corp.test`,
        reply: '550 no',
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
  const lost = createRefusals({ db: away, clock, log: silentLog, directory: one.server.core.directory })
  lost.note({ clientIp: '192.0.2.1', helo: 'h', tls: null, from: '', recipient: 'n@corp.test', reply: '550 no' })
  await lost.flush()
  expect(await one.count('refusal')).toBe(520)
  await one.db.query(`UPDATE refusal SET at = now() - interval '15 days' WHERE recipient LIKE 'n1%'`)
  expect(await sweepRefusals(one.db, 14, 10_000)).toBeGreaterThan(100)
})
