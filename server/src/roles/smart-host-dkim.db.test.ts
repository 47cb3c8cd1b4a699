/** What an organisation's own systems send to the world leaves with our signature, as somebody else's verifier sees it. */
import { generateKeyPairSync } from 'node:crypto'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeOrganisation } from '../../testkit/factories.ts'
import { openLineClient } from '../../testkit/line-client.ts'
import { oneServer, routeTo, type OneServer, type OneServerWish } from '../../testkit/one-server.ts'
import { bumpDirectory } from '../core/directory/index.ts'
import { dkimKeyPlace } from '../core/submission/index.ts'
import { keysFrom } from '../platform/keys.ts'

let one: OneServer
const begin = async (wish?: OneServerWish): Promise<void> => {
  one = await oneServer(wish)
  await giveKey(one.org.domainId)
  await list()
}
beforeEach(() => begin())
afterEach(() => one.close())

const [alice, bob, world] = ['alice@corp.test', 'bob@corp.test', 'x@world.test']
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const record = `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`

async function giveKey(domainId: string): Promise<void> {
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  // The master key of one-server.ts.
  const sealed = keysFrom(Buffer.alloc(32, 7)).seal(dkimKeyPlace(domainId), Buffer.from(pem))
  await one.db.query(`UPDATE domain SET dkim_selector = 'hf1', dkim_private_sealed = $1 WHERE domain_id = $2`, [
    sealed,
    domainId,
  ])
}
async function list(sources: object[] = [{ networks: ['127.0.0.1'] }]): Promise<void> {
  await one.db.query('UPDATE organisation SET outbound_sources = $1', [JSON.stringify(sources)])
  await bumpDirectory(one.db)
  await one.server.core.sources.refresh()
}

const message = (nonce: string, from = alice, more = ''): string =>
  `${more}From: Alice <${from}>\r\nTo: ${world}\r\nSubject: Mail ${nonce}\r\nMessage-ID: <${nonce}@corp.test>\r\nX-Nonce: ${nonce}\r\n\r\nHello  there \r\n\r\n`

/** d= and verdict of each signature that the world sees. */
async function verdicts(nonce: string): Promise<string[]> {
  const { bytes } = await one.sink.store.waitFor((mail) => mail.nonce === nonce, 10_000)
  const { results } = await dkimVerify(bytes, {
    resolver: async (name: string) => {
      if (name !== 'hf1._domainkey.corp.test') throw Object.assign(new Error('none'), { code: 'ENOTFOUND' })
      return [[record]]
    },
  })
  return (results as { signingDomain?: string; status: { result: string } }[])
    .filter(({ signingDomain }) => signingDomain)
    .map(({ signingDomain, status }) => `${signingDomain} ${status.result}`)
}
async function sent(nonce: string, bytes: string | Buffer, from: string = alice, to: string[] = [world]) {
  expect((await one.send(nonce, to, { from }, bytes)).ok).toBe(true)
  return verdicts(nonce)
}

test('signed: what people send, small, large, in chunks, with bare line ends, and notices', async () => {
  expect(await sent('plain', message('plain'))).toEqual(['corp.test pass'])
  const large = Buffer.from(message('large') + 'A line of text, which repeats.\r\n'.repeat(40_000))
  expect(await sent('large', large)).toEqual(['corp.test pass'])
  expect(await sent('several', message('several'), alice, [world, bob])).toEqual(['corp.test pass'])
  expect(await sent('notice', message('notice', 'postmaster@corp.test'), '')).toEqual(['corp.test pass'])

  const client = await openLineClient(one.server.ports.mx!)
  await client.reply()
  for (const line of ['EHLO mail.corp.test', `MAIL FROM:<${alice}>`, `RCPT TO:<${world}>`, 'DATA'])
    await client.command(line)
  client.send(`${message('bare').replaceAll('\r\n', '\n').replace('there', 'the\rre')}\r\n.\r\n`)
  expect((await client.reply()).code).toBe(250)
  for (const line of [`MAIL FROM:<${alice}>`, `RCPT TO:<${world}>`]) await client.command(line)
  const [head, tail] = [message('chunks').slice(0, 90), message('chunks').slice(90)]
  client.send(`BDAT ${head.length}\r\n${head}BDAT ${tail.length} LAST\r\n${tail}`)
  expect((await client.replies(2)).map(({ code }) => code)).toEqual([250, 250])
  expect(await verdicts('bare')).toEqual(['corp.test pass'])
  expect(await verdicts('chunks')).toEqual(['corp.test pass'])
  client.destroy()
  await one.until('all is delivered', async () => (await one.count('delivery WHERE state < 10')) === 0)
})

test('not signed: signed already, from elsewhere, forwarded, of another organisation, here before, and what comes in', async () => {
  const theirs = 'DKIM-Signature: v=1; a=rsa-sha256; d=corp.test; s=own; h=from; bh=eA==; b=eA==\r\n'
  expect(await sent('signed', message('signed', alice, theirs))).toEqual(['corp.test neutral'])
  expect(await sent('elsewhere', message('elsewhere', 'x@elsewhere.test'))).toEqual([])
  // Somebody outside wrote it under our name; the primary sends it on.
  expect(await sent('forward', message('forward'), 'friend@outside.test')).toEqual([])

  const other = await makeOrganisation(one.db, {
    domain: 'other.test',
    people: ['zoe'],
    route: routeTo(one.primary.port),
  })
  await giveKey(other.domainId)
  await list()
  expect(await sent('other', message('other', 'zoe@other.test'))).toEqual([])

  expect((await one.send('inward', [bob], { from: alice }, message('inward'))).ok).toBe(true)
  const came = await one.primary.store.waitFor((mail) => mail.nonce === 'inward', 10_000)
  expect(came.bytes.toString()).not.toContain('DKIM-Signature')
  const again = Buffer.from(came.bytes.toString().replace('X-Nonce: inward', 'X-Nonce: again'))
  expect(await sent('again', again)).toEqual([])
  await one.until('all is delivered', async () => (await one.count('delivery WHERE state < 10')) === 0)
})

test('a key that cannot be opened: 451, and nothing is taken', async () => {
  await one.db.query(`UPDATE domain SET dkim_private_sealed = '\\x00'`)
  const { final } = await one.send('stuck', [world], { from: alice }, message('stuck'))
  expect(final!.code).toBe(451)
  expect(await one.count('message')).toBe(0)
  await one.db.query(`UPDATE domain SET dkim_private_sealed = NULL`)
  expect(await sent('unsigned', message('unsigned'))).toEqual([])
})

test('for a way out that takes seven bits only: text is converted, and the signature is of what leaves', async () => {
  await one.close()
  await begin({ sink: { extensions: ['PIPELINING', 'SIZE 10000000'] } })
  const text = message('eight').replace('Hello', 'Hell\u00f6')
  expect(await sent('eight', text)).toEqual(['corp.test pass'])
  const { bytes } = one.sink.store.all()[0]!
  expect(bytes.toString('latin1')).toMatch(/^[\0-\x7f]*$/)
  expect(bytes.toString()).toContain('Hell=C3=B6')
  await one.until('it is noted', async () => (await one.count('delivery WHERE state = 10')) === 1)
  const [row] = await one.db.query<{ bytes: Buffer; prefix: Buffer; reply: string }>(
    'SELECT bytes, prefix, reply FROM message JOIN body ON body_id = message_id, attempt',
  )
  // What we hold is what came, with the signature over it.
  expect(row!.bytes.toString()).toBe(text)
  expect(row!.reply).toContain('seven bits')
  const kept = await dkimVerify(Buffer.concat([row!.prefix, row!.bytes]), { resolver: async () => [[record]] })
  expect(kept.results[0]!.status.result).toBe('pass')
})
