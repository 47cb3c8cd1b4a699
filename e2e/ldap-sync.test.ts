/**
 * `holdfast directory sync` on a real OpenLDAP: two hundred people, what changes there, nested groups, and a list that is cut in
 * the middle, which changes nothing.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runOf, type DirectoryRun } from './kit/directory-run.ts'
import { createInstallation, type CliResult, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { applyFile, organisationFile } from './kit/organisation.ts'
import { openDoor, type CuttingDoor } from './peers/cutting-door.ts'
import { missing } from './peers/needs.ts'
import { baseDn, renamed, searchDn, searchPassword, startSlapd, type Slapd } from './peers/slapd.ts'

const names = Array.from({ length: 200 }, (_, i) => `p${String(i).padStart(3, '0')}`)

describe.skipIf(missing('slapd'))('a directory by LDAP', () => {
  let slapd: Slapd
  let installation: Installation
  let server: RunningHoldfast
  let door: CuttingDoor

  beforeAll(async () => {
    slapd = await startSlapd(Object.fromEntries(names.map((name) => [name, `secret-of-${name}`])))
    door = await openDoor({ port: slapd.ldapsPort })
    installation = createInstallation({ name: 'ldap-sync' })
    server = await installation.start()
    writeFileSync(join(installation.data, 'ldap-ca.pem'), slapd.ca)
    writeFileSync(join(installation.data, 'ldap-secret'), `${searchPassword}\n`, { mode: 0o600 })
    const { port } = door
    const organisation = {
      groups: [{ name: 'Everybody' }],
      signIn: {
        ldap: {
          // At the first one nobody is there.
          servers: [
            { host: '127.0.0.1', port: 1 },
            { host: '127.0.0.1', port },
          ],
          ...{ caFile: 'ldap-ca.pem', bindDn: searchDn, passwordFile: 'ldap-secret', baseDn },
        },
      },
    }
    const wish = { domain: 'corp.test', people: [], primaryPort: 1, outboundPort: 1, probe: false, organisation }
    await applyFile(installation, 'corp.test', organisationFile(wish))
  }, 90_000)
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    door.close()
    await slapd.remove()
  })

  const sync = (...more: string[]): Promise<CliResult> =>
    installation.cli(['directory', 'sync', '--schema', 'openldap', '--json', ...more])
  const withGroup = ['--group', `Everybody=cn=all,${baseDn}`]
  const addressOf = async (address: string): Promise<string> =>
    (await installation.cli(['admin', 'address', address])).stdout

  test('the first list waits for a yes; the second time there is nothing to do', async () => {
    const dry = runOf(await sync('--dry-run'))
    expect(dry.counts).toMatchObject({ creations: 200, problems: 0 })
    const first = runOf(await sync('--apply'))
    expect(first).toMatchObject({ state: 'staged', counts: { creations: 200 } })
    expect(runOf(await installation.must(['directory', 'confirm', first.id, '--json'])).state).toBe('applied')
    expect(runOf(await sync('--apply'))).toMatchObject({
      state: 'applied',
      why: 'nothing to change',
      counts: { same: 200 },
    })
    expect(await addressOf('p007@corp.test')).toContain('p007')
    const nobodys = await sync('--dry-run', ...withGroup)
    expect(nobodys.code).not.toBe(0)
    expect(`${nobodys.stdout}${nobodys.stderr}`).toContain(`there is no group cn=all,${baseDn}`)
  })

  test('renamed, another address, a nested group: the same person', async () => {
    slapd.change(renamed('p007'))
    const run = runOf(await sync('--apply', ...withGroup))
    expect(run).toMatchObject({ state: 'applied', counts: { changes: 1, same: 199, creations: 0, removals: 0 } })
    const words = run.items[0]!.words.join('; ')
    for (const part of ['address other@corp.test added', 'sign-in name: p007 -> renamed', 'group: none -> Everybody'])
      expect(words).toContain(part)
  })

  test('a list that is cut, and a directory that is gone: nothing changes, and the run says so', async () => {
    door.cutAfter(10_000)
    const cut = await sync('--apply')
    expect(cut.code).not.toBe(0)
    expect(`${cut.stdout}${cut.stderr}`).toContain('Nothing was changed')
    await slapd.stop()
    door.cutAfter(Infinity)
    expect((await sync('--apply')).code).not.toBe(0)
    const { json } = await installation.must(['directory', 'runs', '--json'])
    const [gone, half] = (json as { runs: DirectoryRun[] }).runs
    for (const run of [gone!, half!])
      expect(run).toMatchObject({
        state: 'failed',
        why: expect.stringContaining('No server gave a whole list') as string,
      })
    expect(await addressOf('p199@corp.test')).toContain('p199')
    const check = await installation.must(['check', '--json'])
    expect((check.json as { problems: unknown[] }).problems).toEqual([])
  })
})
