/**
 * A real OpenLDAP server (slapd) in a folder of its own on loopback: ldaps on one port, STARTTLS on another, people with
 * passwords below dc=corp,dc=test, and a search account that may read them. Nobody is anything without a password.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { selfSigned } from '../../server/src/platform/certificate.ts'
import { findProgram } from './needs.ts'
import { freePorts, peerFolder, stopPid, waitForPort } from './processes.ts'

export const baseDn = 'dc=corp,dc=test'
export const searchDn = `cn=search,${baseDn}`
export const searchPassword = 'seven-lamps-search'
const rootPassword = 'root-of-all-entries'

/** LDIF: somebody is renamed, has another address, and is in a group within a group that contains itself. */
export const renamed = (uid: string): string => `dn: uid=${uid},${baseDn}
changetype: modrdn
newrdn: uid=renamed
deleteoldrdn: 1

dn: uid=renamed,${baseDn}
changetype: modify
add: mail
mail: other@corp.test

dn: cn=staff,${baseDn}
changetype: add
objectClass: groupOfNames
cn: staff
member: uid=renamed,${baseDn}
member: cn=all,${baseDn}

dn: cn=all,${baseDn}
changetype: add
objectClass: groupOfNames
cn: all
member: cn=staff,${baseDn}
`

export interface Slapd {
  ldapsPort: number
  starttlsPort: number
  /** certificate (PEM) that vouches for it */
  ca: string
  start(): Promise<void>
  stop(): Promise<void>
  /** What an administrator writes: an LDIF of changes. */
  change(ldif: string): void
  setPassword(name: string, password: string): void
  /** what it logged */
  log(): string
  remove(): Promise<void>
}

const dnOf = (name: string): string => `uid=${name},${baseDn}`

const entryOf = (name: string, password: string): string => `dn: ${dnOf(name)}
objectClass: inetOrgPerson
cn: ${name}
sn: ${name}
mail: ${name}@corp.test
userPassword: ${password}
`

const configOf = (folder: string): string => `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ${folder}/slapd.pid
TLSCertificateFile ${folder}/tls.crt
TLSCertificateKeyFile ${folder}/tls.key
# Nothing without TLS.
security tls=1
database mdb
maxsize 16777216
suffix "${baseDn}"
rootdn "cn=root,${baseDn}"
rootpw ${rootPassword}
directory ${folder}/entries
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${searchDn}" read by * none
`

/** `people`: names with their passwords. */
export async function startSlapd(people: Record<string, string>): Promise<Slapd> {
  const folder = peerFolder('slapd')
  mkdirSync(join(folder, 'entries'))
  const [ldapsPort, starttlsPort] = (await freePorts(2)) as [number, number]
  const { cert, key } = selfSigned(['127.0.0.1'], Date.now())
  writeFileSync(join(folder, 'tls.crt'), cert)
  writeFileSync(join(folder, 'tls.key'), key, { mode: 0o600 })
  const file = join(folder, 'slapd.conf')
  writeFileSync(file, configOf(folder))
  const entries = [
    `dn: ${baseDn}\nobjectClass: dcObject\nobjectClass: organization\no: Corp\ndc: corp\n`,
    `dn: ${searchDn}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: search\nuserPassword: ${searchPassword}\n`,
    ...Object.entries(people).map(([name, password]) => entryOf(name, password)),
  ]
  writeFileSync(join(folder, 'people.ldif'), entries.join('\n'))
  execFileSync(findProgram('slapadd')!, ['-f', file, '-l', join(folder, 'people.ldif')], { stdio: 'pipe' })

  let child: ChildProcess | null = null
  let said = ''
  async function start(): Promise<void> {
    const urls = `ldaps://127.0.0.1:${ldapsPort} ldap://127.0.0.1:${starttlsPort}`
    child = spawn(findProgram('slapd')!, ['-d', 'stats', '-f', file, '-h', urls], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
    try {
      await waitForPort(ldapsPort)
      await waitForPort(starttlsPort)
    } catch (error) {
      throw new Error(`slapd did not start: ${said}`, { cause: error })
    }
  }
  async function stop(): Promise<void> {
    await stopPid(child?.pid ?? null)
    child = null
  }
  function change(ldif: string): void {
    execFileSync(
      findProgram('ldapmodify')!,
      ['-x', '-H', `ldaps://127.0.0.1:${ldapsPort}`, '-D', `cn=root,${baseDn}`, '-w', rootPassword],
      { input: ldif, stdio: 'pipe', env: { ...process.env, LDAPTLS_REQCERT: 'never' } },
    )
  }
  await start()
  return {
    ldapsPort,
    starttlsPort,
    ca: cert,
    start,
    stop,
    change,
    setPassword: (name, password) =>
      change(`dn: ${dnOf(name)}\nchangetype: modify\nreplace: userPassword\nuserPassword: ${password}\n`),
    log: () => said,
    async remove() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
