/**
 * A real Active Directory (Samba): its people come as a list and stay the same people whatever is done to them there, they
 * sign in with their password there and while it is down, and half a list changes nothing.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectTo } from '../bench/preload.ts'
import { CredentialKind } from '../server/src/platform/codes.ts'
import { PIXEL } from '../server/testkit/pixel.ts'
import { runOf, type DirectoryRun } from './kit/directory-run.ts'
import { createInstallation, type CliResult, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { applyFile, organisationFile } from './kit/organisation.ts'
import { HttpError, signIn } from './kit/web.ts'
import { openDoor, type CuttingDoor } from './peers/cutting-door.ts'
import { missing } from './peers/needs.ts'
import { sleep, until } from './peers/processes.ts'
import { adBase, adDn, adEntry, adGroup, adSearch, startSamba, type Samba } from './peers/samba.ts'

const names = Array.from({ length: 200 }, (_, i) => `p${String(i).padStart(3, '0')}`)
/** These sign in. */
const known = new Set(names.slice(0, 4))
const passwordOf = (name: string): string => `Brass-kettle-of-${name}`

/** What some have beside their names, in Active Directory's and in Exchange's attributes. */
const extras: Record<string, string[]> = {
  p001: [
    ...['title: Head of sales', 'department: Sales', 'physicalDeliveryOfficeName: Room 7', 'mobile: +44 7700 900123'],
    ...['telephoneNumber: +44 20 7946 0000', `thumbnailPhoto:: ${PIXEL}`],
  ],
  p012: ['msExchHideFromAddressLists: TRUE'],
  p013: ['msExchRecipientTypeDetails: 4'],
  p014: ['msExchRecipientTypeDetails: 16'],
  p015: ['msExchRecipientTypeDetails: 536870912'],
}

const change = (dn: string, ...lines: string[]): string => `dn: ${dn}\nchangetype: modify\n${lines.join('\n')}\n\n`

describe.skipIf(missing('samba', 'root'))('Active Directory', () => {
  let samba: Samba
  let installation: Installation
  let server: RunningHoldfast
  let door: CuttingDoor

  beforeAll(async () => {
    installation = createInstallation({ name: 'samba-directory' })
    const people = names.map((name) =>
      adEntry({
        name,
        mail: `${name}.mail@corp.test`,
        aliases: [`SMTP:${name}.mail@corp.test`, `smtp:${name}@corp.test`, `X500:/o=Corp/cn=${name}`],
        ...(known.has(name) ? { password: passwordOf(name) } : {}),
        ...(extras[name] ? { more: extras[name] } : {}),
      }),
    )
    // Nobody's mail: she is here by hand, and the directory knows her by another name.
    const carol = adEntry({ name: 'carol', upn: 'carol.long@ad.test', password: passwordOf('carol') })
    const circle = [
      adGroup('Staff', [adDn('p010')]),
      adGroup('Everybody', [adDn('Staff'), adDn('p011')]),
      change(adDn('Staff'), 'add: member', `member: ${adDn('Everybody')}`),
    ]
    ;[samba, server] = await Promise.all([startSamba([...people, carol, ...circle.slice(0, 2)]), installation.start()])
    samba.change(circle[2]!)
    samba.change(change(adDn('p000'), 'add: manager', `manager: ${adDn('p001')}`))
    door = await openDoor({ host: samba.host, port: samba.ldapsPort })
    writeFileSync(join(installation.data, 'ad-ca.pem'), samba.ca)
    writeFileSync(join(installation.data, 'ad-secret'), `${adSearch.password}\n`, { mode: 0o600 })
    const organisation = {
      groups: [{ name: 'All staff' }],
      directorySources: [
        {
          name: 'ldap',
          kind: 'ldap',
          every: '1d',
          ldap: { photos: true, groups: [{ group: 'All staff', dn: adDn('Everybody') }] },
        },
      ],
      signIn: {
        ldap: {
          servers: [{ host: samba.host, port: door.port }],
          ...{ caFile: 'ad-ca.pem', bindDn: adSearch.name, passwordFile: 'ad-secret', baseDn: adBase },
          filter: '(|(mail={name})(userPrincipalName={name})(sAMAccountName={local}))',
        },
      },
    }
    const wish = { domain: 'corp.test', people: ['carol'], primaryPort: 1, outboundPort: 1, probe: false, organisation }
    const file = organisationFile(wish) as { organisations: { people: { password?: string }[] }[] }
    for (const person of file.organisations[0]!.people) delete person.password
    await applyFile(installation, 'corp.test', file)
  }, 120_000)
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    door.close()
    await samba.remove()
  })

  const sync = (...more: string[]): Promise<CliResult> => installation.cli(['directory', 'sync', '--json', ...more])
  const enter = (name: string, password: string): Promise<unknown> => signIn(server.ports.http, name, password)
  async function refused(name: string, password: string): Promise<void> {
    const error = await enter(name, password).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(HttpError)
    expect((error as HttpError).status).toBe(401)
  }

  test('the list of all comes by the clock, with nested groups in a circle; again there is nothing to do', async () => {
    const brief = await until('the list comes', async () => {
      const { runs } = (await installation.must(['directory', 'runs', '--json'])).json as { runs: DirectoryRun[] }
      return runs[0]
    })
    const first = runOf(await installation.must(['directory', 'show', brief.id, '--json']))
    expect(first).toMatchObject({ state: 'staged', counts: { creations: 199, problems: 0 } })
    const grouped = first.items.filter(({ words }) => words.includes('group All staff')).map(({ name }) => name)
    expect(grouped.sort()).toEqual(['P010', 'P011'])
    const wordsOf = (name: string) => first.items.find((item) => item.name === name)?.words.join('; ')
    for (const part of ['title: none -> Head of sales', 'office: none -> Room 7', 'phones: 0 -> 2', 'photo '])
      expect(wordsOf('P001')).toContain(part)
    expect(wordsOf('P000')).toContain('manager: none -> p001.mail@corp.test')
    expect(wordsOf('P012')).toContain('not in the address book')
    expect([wordsOf('P013'), wordsOf('P014')]).toEqual([
      expect.stringContaining('a shared mailbox'),
      expect.stringContaining('the mailbox of a room'),
    ])
    expect(runOf(await installation.must(['directory', 'confirm', first.id, '--json'])).state).toBe('applied')
    expect(runOf(await sync('--apply'))).toMatchObject({ why: 'nothing to change', counts: { same: 199 } })
    const { sources } = (await installation.must(['directory', 'sources', '--json'])).json as { sources: object[] }
    expect(sources).toMatchObject([{ name: 'ldap', everyMinutes: 1440, failures: 0, waitingRunId: null }])
  })

  test('by mail address, UPN and account name, each with the password there; a shut account at once not', async () => {
    await enter('p000.mail@corp.test', passwordOf('p000'))
    await enter('p000@corp.test', passwordOf('p000'))
    await enter('p001@corp.test', passwordOf('p001'))
    await enter('p002.mail@corp.test', passwordOf('p002'))
    await enter('carol@corp.test', passwordOf('carol'))
    await refused('p003@corp.test', 'Not-the-password-1')
    samba.change(change(adDn('p002'), 'replace: userAccountControl', 'userAccountControl: 514'))
    await refused('p002@corp.test', passwordOf('p002'))
  })

  test('renamed, moved, shut, with other addresses and groups: the same people, each change named', async () => {
    samba.change(
      [
        `dn: ${adDn('p007')}\nchangetype: modrdn\nnewrdn: CN=Married\ndeleteoldrdn: 1\n\n`,
        change(
          adDn('Married'),
          ...['replace: displayName', 'displayName: Married', '-'],
          ...['replace: userPrincipalName', 'userPrincipalName: married@corp.test', '-', 'replace: mail'],
          ...['mail: married@corp.test', '-', 'replace: proxyAddresses', 'proxyAddresses: SMTP:married@corp.test'],
          'proxyAddresses: smtp:p007.mail@corp.test',
        ),
        `dn: ${adDn('p008')}\nchangetype: modrdn\nnewrdn: CN=p008\ndeleteoldrdn: 1\nnewsuperior: OU=Moved,${adBase}\n\n`,
        change(adDn('Staff'), 'replace: member', `member: ${adDn('p008', 'OU=Moved')}`),
      ].join(''),
    )
    const run = runOf(await sync('--apply'))
    expect(run).toMatchObject({ state: 'applied', counts: { creations: 0, removals: 1, changes: 3, same: 195 } })
    const said = Object.fromEntries(run.items.map(({ act, name, words }) => [`${act} ${name}`, words.join('; ')]))
    expect(said['disable P002']).toContain('may not sign in any more')
    for (const part of [
      'name: P007 -> Married',
      'address married@corp.test added',
      'address p007@corp.test taken away',
      'main address: p007.mail@corp.test -> married@corp.test',
      'sign-in name: p007@corp.test -> married@corp.test',
    ])
      expect(said['change P007']).toContain(part)
    expect(said['change P008']).toBe('group: none -> All staff')
    expect(said['change P010']).toBe('group: All staff -> none')
  })

  test('a list that is cut in the middle: nothing changes', async () => {
    samba.change(change(adDn('p020'), 'replace: displayName', 'displayName: Twenty'))
    door.cutAfter(20_000)
    const cut = await sync('--apply')
    door.cutAfter(Infinity)
    expect(cut.code).not.toBe(0)
    expect(`${cut.stdout}${cut.stderr}`).toContain('Nothing was changed')
    expect((await installation.must(['admin', 'address', 'p020@corp.test'])).stdout).not.toContain('Twenty')
  })

  test('down: who has signed in lately, not who did so long ago; a password changed there is old when it is back', async () => {
    const database = await connectTo(installation.data)
    const aged = await database.query(
      `UPDATE credential c SET proved_at = now() - interval '31 days' FROM address a
       WHERE c.subject_id = a.person_id AND c.kind = $1 AND a.address = 'p001@corp.test'`,
      [CredentialKind.cached],
    )
    await database.end()
    expect(aged.rowCount).toBe(1)
    await samba.stop()
    await enter('p000@corp.test', passwordOf('p000'))
    await refused('p001@corp.test', passwordOf('p001'))
    await refused('p003@corp.test', passwordOf('p003'))
    expect((await sync('--apply')).code).not.toBe(0)
    samba.setPassword(adDn('p000'), 'Copper-kettle-78')
    await samba.start()
    // Servers that could not be asked rest for seconds; until then the old word counts.
    for (let tries = 0; ; tries++) {
      const error = await enter('p000@corp.test', passwordOf('p000')).catch((reason: unknown) => reason)
      if (error instanceof HttpError) break
      expect(tries).toBeLessThan(100)
      await sleep(200)
    }
    await enter('p000@corp.test', 'Copper-kettle-78')
  }, 60_000)

  test('nothing of a password is in the log, and every invariant holds', async () => {
    for (const secret of ['kettle', adSearch.password]) expect(server.log()).not.toContain(secret)
    const check = await installation.must(['check', '--json'])
    expect((check.json as { problems: unknown[] }).problems).toEqual([])
  })
})
