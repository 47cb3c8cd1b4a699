/**
 * The worst day: the mail system is off, and so are the organisation's directory and its identity provider. Everybody who has any of
 * the ways back in gets in, over HTTP as the pages do, reads and sends; who has none does not, and hears the same as a stranger.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'
import { authPlain, openSubmission } from '../../testkit/submission-client.ts'
import { createPasswords, hashOfCode, newCode, codeOf } from '../core/access/index.ts'
import { hotp, stepAt } from '../core/access/totp.ts'
import { refreshPeople, privatePlace } from '../core/directory/index.ts'
import { Mode, Role } from '../platform/codes.ts'
import { newId } from '../platform/ids.ts'
import { keysFrom } from '../platform/keys.ts'
import { cachePassword } from '../store/cached-passwords.ts'
import { replaceCodes } from '../store/emergency-codes.ts'

const OWN = 'three grey owls at dawn'
const CHOSEN = 'seven brass kettles at noon'
const OF_DIRECTORY = 'the password of the directory'
/** RFC 4648 section 6 */
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const keys = keysFrom(Buffer.alloc(32, 7))
const names = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'helen', 'nobody'] as const
type Name = (typeof names)[number]

let one: OneServer
const idOf = (name: Name): string => one.org.people[name]!.personId
const of = (name: Name) => ({ organisationId: one.org.organisationId, personId: idOf(name) })

interface Said {
  address?: string
  mustChangePassword?: boolean
  choosesPassword?: boolean
  abilities?: string[]
  csrf?: string
  mode?: string
  password?: string
  secret?: string
  provider?: { standing: string }
  error?: { code: string }
}
interface Answer {
  status: number
  json: Said
}
/** A browser: keeps cookies and the CSRF token. */
function browser() {
  const cookies = new Map<string, string>()
  let csrf = ''
  const ask = async (method: string, path: string, body?: object): Promise<Answer> => {
    const answer = await fetch(`http://127.0.0.1:${one.server.ports['http']}/api/v1${path}`, {
      method,
      headers: {
        'cookie': [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        'x-holdfast-csrf': csrf,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    for (const cookie of answer.headers.getSetCookie()) {
      const [name, ...value] = cookie.split(';')[0]!.split('=')
      cookies.set(name!, value.join('='))
    }
    const text = await answer.text()
    const json = (text === '' ? {} : JSON.parse(text)) as Said
    csrf = json.csrf ?? csrf
    return { status: answer.status, json }
  }
  return { ask, enter: (name: string, password: string) => ask('POST', '/session', { name, password }) }
}

/** Reads the mail that waits for them, and is who they should be. */
async function isIn(who: Name, ask: ReturnType<typeof browser>['ask']): Promise<void> {
  const { status, json } = await ask('GET', '/session')
  expect([status, json.address, json.mustChangePassword]).toEqual([200, `${who}@corp.test`, false])
  expect(json.abilities).toContain('mail')
  expect((await ask('GET', '/me/standing')).json).toMatchObject({ mode: 'emergency' })
}

beforeAll(async () => {
  one = await oneServer({
    organisation: { people: [...names] },
    config: {
      roles: ['mx', 'submission', 'deliver', 'work', 'web'],
      publicUrl: 'http://mail.corp.test',
    },
  })
  const { db, server } = one
  const setOwn = (name: Name) =>
    server.access.setPassword(db, { subjectId: idOf(name), organisationId: one.org.organisationId }, OWN, {
      ...{ mustChange: false, actor: 'cli:test' },
    })
  for (const name of ['alice', 'frank', 'helen'] as const) await setOwn(name)
  await db.query('UPDATE person SET role = $2 WHERE person_id = $1', [idOf('helen'), Role.helpdesk])
  await refreshPeople(db, one.org.organisationId, [idOf('helen')])
  // Signed in by the directory while that was there.
  const verifier = await createPasswords().hash(OF_DIRECTORY)
  const cached = { credentialId: newId(Date.now()), organisationId: one.org.organisationId, subjectId: idOf('bob') }
  await cachePassword(db, { ...cached, verifier }, null)
  await db.query(
    'INSERT INTO private_contact (organisation_id, person_id, sealed, verified_at) VALUES ($1, $2, $3, now())',
    [one.org.organisationId, idOf('erin'), keys.seal(privatePlace(idOf('erin')), Buffer.from('erin@home.example'))],
  )
  // Nobody listens at port 1: the directory and the identity provider are declared, and away.
  await db.query('UPDATE organisation SET sign_in = $2, ldap_sealed = $3 WHERE organisation_id = $1', [
    one.org.organisationId,
    JSON.stringify({
      ldap: {
        servers: [{ host: '127.0.0.1', port: 1, tls: 'ldaps' }],
        ...{ bindDn: 'cn=search,dc=corp,dc=test', baseDn: 'dc=corp,dc=test', filter: '(mail={name})', cacheDays: 30 },
      },
      provider: {
        ...{ name: 'Corp ID', issuer: 'http://127.0.0.1:1', clientId: 'holdfast', scopes: ['openid', 'email'] },
        ...{ claim: 'email', require: {}, insecureLoopback: true },
      },
    }),
    keys.seal(`organisation.ldap_sealed:${one.org.organisationId}`, Buffer.from('search secret')),
  ])
  await one.primary.close()
  expect((await one.send('worst-day', ['alice@corp.test'])).ok).toBe(true)
  await one.until('the mail system is seen to be down', async () => {
    const [row] = await db.query<{ mode: number }>('SELECT mode FROM route_mode WHERE route_id = $1', [one.org.routeId])
    return row!.mode === (Mode.emergency as number)
  })
})
afterAll(() => one.close())

describe('with everything off', () => {
  test('a password of one’s own', async () => {
    const { ask, enter } = browser()
    expect((await enter('alice@corp.test', OWN)).status).toBe(200)
    await isIn('alice', ask)
  })

  test('the directory’s password, remembered; a wrong one and one never used here are refused', async () => {
    const { ask, enter } = browser()
    expect((await enter('bob@corp.test', OF_DIRECTORY)).status).toBe(200)
    await isIn('bob', ask)
    const wrong = await browser().enter('bob@corp.test', 'something else entirely')
    const unknown = await browser().enter('nobody@corp.test', OF_DIRECTORY)
    const stranger = await browser().enter('stranger@corp.test', OF_DIRECTORY)
    expect(wrong.status).toBe(401)
    expect([unknown, stranger]).toEqual([wrong, wrong])
  })

  test('a code on paper, then a password of their choice; the code is used up', async () => {
    const code = newCode()
    await replaceCodes(one.db, [{ ...of('carol'), hash: hashOfCode(idOf('carol'), codeOf(code)!) }])
    const { ask, enter } = browser()
    expect((await enter('carol@corp.test', code)).json).toMatchObject({ choosesPassword: true })
    expect((await ask('POST', '/session/password', { current: '', next: CHOSEN })).status).toBe(200)
    await isIn('carol', ask)
    expect((await browser().enter('carol@corp.test', code)).status).toBe(401)
    expect((await browser().enter('carol@corp.test', CHOSEN)).status).toBe(200)
  })

  test('the help desk, who is in by a password, makes a one-time password', async () => {
    const desk = browser()
    await desk.enter('helen@corp.test', OWN)
    const path = `/organisations/${one.org.organisationId}/people/${idOf('dave')}/password-reset`
    const reset = await desk.ask('POST', path, { identity: 'calledBack', note: '', endsSecondFactor: false })
    expect(reset.status).toBe(200)
    const { ask, enter } = browser()
    expect((await enter('dave@corp.test', reset.json.password!)).json).toMatchObject({ mustChangePassword: true })
    expect((await ask('GET', '/me/standing')).status).toBe(403)
    const change = { current: reset.json.password!, next: CHOSEN }
    expect((await ask('POST', '/session/password', change)).status).toBe(200)
    await isIn('dave', ask)
  })

  test('a link to the private address, by the way out that is not the mail system', async () => {
    expect((await browser().ask('POST', '/session/link', { name: 'erin@corp.test' })).status).toBe(204)
    const mail = await one.sink.store.waitFor(({ recipients }) => recipients.includes('erin@home.example'), 20_000)
    const [, token] = /#(\S+)/.exec(mail.bytes.toString().replaceAll('=\r\n', ''))!
    const { ask } = browser()
    expect((await ask('POST', '/session/link/use', { token })).json).toMatchObject({ choosesPassword: true })
    expect((await ask('POST', '/session/password', { current: '', next: CHOSEN })).status).toBe(200)
    await isIn('erin', ask)
    expect((await browser().ask('POST', '/session/link/use', { token })).status).not.toBe(200)
  })

  test('a password and the authenticator app', async () => {
    const { ask, enter } = browser()
    await enter('frank@corp.test', OWN)
    const secret = (await ask('POST', '/me/second-factor', { current: OWN })).json.secret!
    const bits = secret.split(/(?=.)/).map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0'))
    const key = Buffer.from((bits.join('').match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)))
    const step = stepAt(Date.now())
    expect((await ask('POST', '/me/second-factor/confirm', { code: hotp(key, step) })).status).toBeLessThan(300)
    const again = browser()
    expect((await again.enter('frank@corp.test', OWN)).json.error?.code).toBe('second-factor-needed')
    expect((await again.ask('POST', '/session/second', { code: hotp(key, step + 1) })).status).toBe(200)
    await isIn('frank', again.ask)
  })

  test('an app password at the door for mail clients; what is sent goes out and is in Sent', async () => {
    const { ask, enter } = browser()
    await enter('alice@corp.test', OWN)
    const wish = { current: OWN, name: 'Phone', protocols: ['submission'] }
    const password = (await ask('POST', '/me/app-passwords', wish)).json.password!
    const client = await openSubmission(one.server.ports['submission']!)
    expect((await client.command(authPlain('alice@corp.test', password))).code).toBe(235)
    for (const line of ['MAIL FROM:<alice@corp.test>', 'RCPT TO:<friend@outside.test>', 'DATA'])
      expect((await client.command(line)).code).toBeLessThan(400)
    const text = 'From: alice@corp.test\r\nTo: friend@outside.test\r\nSubject: still here\r\n\r\nHello\r\n.'
    expect((await client.command(text)).code).toBe(250)
    client.destroy()
    await one.sink.store.waitFor(({ recipients }) => recipients.includes('friend@outside.test'), 20_000)
    expect(await one.count('placement WHERE person_id = $1 AND folder_no = 3', [idOf('alice')])).toBe(1)
  })

  test('the identity provider is said to be away, and nobody is sent there', async () => {
    const { ask } = browser()
    expect((await ask('POST', '/session/provider', { domain: 'corp.test' })).json).toMatchObject({
      provider: { standing: 'away' },
    })
    expect((await ask('POST', '/session/provider/begin', { name: 'alice@corp.test' })).json.error?.code).toBe(
      'provider-away',
    )
  })
})
