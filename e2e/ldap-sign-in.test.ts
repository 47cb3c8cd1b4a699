/**
 * People sign in with the password of their organisation's directory, a real OpenLDAP server, on the web pages and in a mail
 * client; they go on doing so while it is down; and a password that was changed there is old the moment it is seen again.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { applyFile, organisationFile, passwordFor } from './kit/organisation.ts'
import { runClient } from './kit/run-client.ts'
import { HttpError, signIn, type Web } from './kit/web.ts'
import { missing } from './peers/needs.ts'
import { sleep, until } from './peers/processes.ts'
import { baseDn, searchDn, searchPassword, startSlapd, type Slapd } from './peers/slapd.ts'

const ofAlice = 'brass-kettle-alice-77'
const ofCarol = 'brass-kettle-carol-77'

describe.skipIf(missing('slapd', 'curl'))('sign-in by LDAP', () => {
  let slapd: Slapd
  let primary: StandIn
  let installation: Installation
  let server: RunningHoldfast
  let atAlice: Web

  const declared = (): object => {
    const file = organisationFile({
      domain: 'corp.test',
      people: ['alice', 'bob', 'carol'],
      primaryPort: primary.port,
      outboundPort: primary.port,
      organisation: {
        signIn: {
          ldap: {
            servers: [
              // Nobody is there.
              { host: '127.0.0.1', port: 1 },
              { host: '127.0.0.1', port: slapd.ldapsPort },
            ],
            caFile: 'ldap-ca.pem',
            bindDn: searchDn,
            passwordFile: 'ldap-secret',
            baseDn,
          },
        },
      },
    }) as { organisations: { people: { name: string; password?: string }[] }[] }
    // Bob alone has a password of his own here.
    for (const person of file.organisations[0]!.people) if (person.name !== 'Bob') delete person.password
    return file
  }

  beforeAll(async () => {
    slapd = await startSlapd({ alice: ofAlice, carol: ofCarol })
    primary = await startStandIn({ mailboxes: ['alice@corp.test', 'bob@corp.test', 'carol@corp.test'] })
    installation = createInstallation({ name: 'ldap' })
    server = await installation.start()
    writeFileSync(join(installation.data, 'ldap-ca.pem'), slapd.ca)
    writeFileSync(join(installation.data, 'ldap-secret'), `${searchPassword}\n`, { mode: 0o600 })
    await applyFile(installation, 'corp.test', declared())
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    await primary.close()
    await slapd.remove()
  })

  const enter = (name: string, password: string): Promise<Web> =>
    signIn(server.ports.http, `${name}@corp.test`, password)
  const refused = async (name: string, password: string): Promise<void> => {
    const error = await enter(name, password).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(HttpError)
    expect((error as HttpError).status).toBe(401)
  }
  const send = (password: string) =>
    runClient(
      'curl',
      [
        ...['-sS', '--url', `smtp://localhost:${server.ports.submission}`, '--ssl-reqd'],
        ...['--cacert', join(installation.data, 'tls.crt'), '--user', `alice@corp.test:${password}`],
        ...['--mail-from', 'alice@corp.test', '--mail-rcpt', 'bob@corp.test', '--upload-file', '-'],
      ],
      'From: alice@corp.test\r\nTo: bob@corp.test\r\nSubject: x\r\n\r\nHello\r\n',
    )

  test('declared again it changes nothing', async () => {
    expect((await applyFile(installation, 'corp.test', declared())).json.changed).toBe(false)
  })

  test('with the password of the directory, on the pages and in a mail client; with an own one as before; doctor', async () => {
    const examined = installation.cli(['doctor', '--json'])
    atAlice = await enter('alice', ofAlice)
    expect(atAlice.account.mustChangePassword).toBe(false)
    expect((await send(ofAlice)).said).toBe('')
    await enter('bob', passwordFor('bob'))
    await refused('carol', 'not hers')
    await refused('nobody', ofAlice)
    const { findings } = (await examined).json
    const own = findings.filter(({ name }: { name: string }) => name === 'sign-in directory')
    expect(own.map(({ standing }: { standing: string }) => standing)).toEqual(['warning', 'ok'])
  })

  test('while the directory is down: who has signed in before, and nobody else', async () => {
    await slapd.stop()
    for (let times = 0; times < 3; times++) await enter('alice', ofAlice)
    expect((await send(ofAlice)).said).toBe('')
    await enter('bob', passwordFor('bob'))
    await refused('alice', 'not hers')
    await refused('carol', ofCarol)
  })

  test('a password changed there: the new one is taken, the old one is not, also when it is down again', async () => {
    await slapd.start()
    slapd.setPassword('alice', 'copper-kettle-alice-78')
    // Servers that could not be asked rest for seconds.
    const seen = slapd.log().length
    await until('the directory is asked again', async () => {
      await enter('bob', passwordFor('bob'))
      await enter('carol', ofCarol).catch(() => sleep(2_000))
      return slapd.log().slice(seen).includes('uid=carol')
    })
    await refused('alice', ofAlice)
    await enter('alice', 'copper-kettle-alice-78')
    await slapd.stop()
    await refused('alice', ofAlice)
    await enter('alice', 'copper-kettle-alice-78')
    // Who is in stays in.
    expect(await atAlice.get('/session')).toMatchObject({ name: 'Alice' })
  })

  test('a hold: what was remembered counts no more', async () => {
    await installation.must(['mode', 'pin', 'hold', '--person', 'alice@corp.test', '--reason', 'password stolen'])
    await refused('alice', 'copper-kettle-alice-78')
    await enter('carol', ofCarol)
  })

  test('nothing of a password is in the log, and every invariant holds', async () => {
    for (const secret of [ofAlice, ofCarol, 'copper-kettle', searchPassword]) expect(server.log()).not.toContain(secret)
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
