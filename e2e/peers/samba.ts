/**
 * A real Active Directory domain controller (Samba) in a folder of its own, on an address of its own on loopback: LDAP with
 * STARTTLS on 389, ldaps on 636, and no password without TLS. People and groups are written into its database before it starts
 * and while it runs, as an administrator's tools on it would; so each change goes through its own rules and has its own USN.
 * Nothing but its LDAP server is started.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { selfSigned } from '../../server/src/platform/certificate.ts'
import { findProgram } from './needs.ts'
import { peerFolder, stopPid, waitForPort } from './processes.ts'

export const adBase = 'DC=corp,DC=test'
/** Who may read, as every account of a domain may. */
export const adSearch = { name: 'search@corp.test', password: 'Seven-lamps-search' }

export interface Samba {
  host: string
  ldapsPort: number
  starttlsPort: number
  /** certificate (PEM) that vouches for it */
  ca: string
  start(): Promise<void>
  stop(): Promise<void>
  /** LDIF: entries of any kind */
  add(ldif: string): void
  /** LDIF of changes */
  change(ldif: string): void
  setPassword(dn: string, password: string): void
  remove(): Promise<void>
}

export interface AdPerson {
  /** sAMAccountName */
  name: string
  /** below the base; left out: OU=People */
  ou?: string
  upn?: string
  mail?: string
  aliases?: readonly string[]
  /** left out: an account without one, that nobody can sign in to */
  password?: string
  more?: readonly string[]
}

export const adDn = (name: string, ou = 'OU=People'): string => `CN=${name},${ou},${adBase}`
const passwordLine = (password: string): string =>
  `clearTextPassword:: ${Buffer.from(password, 'utf16le').toString('base64')}`

export const adEntry = ({ name, ou, upn, mail, aliases = [], password, more = [] }: AdPerson): string =>
  [
    `dn: ${adDn(name, ou)}`,
    'objectClass: user',
    `sAMAccountName: ${name}`,
    `displayName: ${name[0]!.toUpperCase()}${name.slice(1)}`,
    `userPrincipalName: ${upn ?? `${name}@corp.test`}`,
    ...(mail === undefined ? [] : [`mail: ${mail}`]),
    ...aliases.map((alias) => `proxyAddresses: ${alias}`),
    // NORMAL_ACCOUNT, with PASSWD_NOTREQD where there is none.
    `userAccountControl: ${password === undefined ? 544 : 512}`,
    ...(password === undefined ? [] : [passwordLine(password)]),
    ...more,
    '',
  ].join('\n')

export const adGroup = (name: string, members: readonly string[]): string =>
  [
    `dn: ${adDn(name)}`,
    'objectClass: group',
    `sAMAccountName: ${name}`,
    ...members.map((dn) => `member: ${dn}`),
    '',
  ].join('\n')

/** Two attributes of Exchange, by their names and syntaxes there; as its setup does, into the schema of the domain. */
const exchangeSchema = (
  [
    ['msExchHideFromAddressLists', '1.2.840.113556.1.4.7000.102.73', '2.5.5.8', 1],
    ['msExchRecipientTypeDetails', '1.2.840.113556.1.4.7000.102.50915', '2.5.5.16', 65],
  ] as const
).map(
  ([name, id, syntax, om]) => `dn: CN=${name},CN=Schema,CN=Configuration,${adBase}
objectClass: attributeSchema
attributeID: ${id}
attributeSyntax: ${syntax}
oMSyntax: ${om}
isSingleValued: TRUE
lDAPDisplayName: ${name}
`,
)
const usersHaveThem = `dn: CN=User,CN=Schema,CN=Configuration,${adBase}
changetype: modify
add: mayContain
mayContain: msExchHideFromAddressLists
mayContain: msExchRecipientTypeDetails
`

const unit = (name: string): string => `dn: OU=${name},${adBase}\nobjectClass: organizationalUnit\nou: ${name}\n`

/** An address on loopback that nobody else has; the ports of LDAP are fixed in Samba. */
async function freeHost(): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const part = (): number => 1 + Math.floor(Math.random() * 250)
    const host = `127.77.${part()}.${part()}`
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(636, host, () => server.close(() => resolve(true)))
    })
    if (isFree) return host
  }
  throw new Error('no free address on loopback for a domain controller')
}

const configOf = (folder: string, host: string): string => `[global]
netbios name = DC1
realm = CORP.TEST
workgroup = CORP
server role = active directory domain controller
server services = ldap
dcerpc endpoint servers =
interfaces = ${host}/255.0.0.0
bind interfaces only = yes
ldap server require strong auth = yes
tls certfile = ${folder}/tls.crt
tls keyfile = ${folder}/tls.key
tls cafile = ${folder}/tls.crt
private dir = ${folder}/dc/private
lock directory = ${folder}/dc
state directory = ${folder}/dc/state
cache directory = ${folder}/dc/cache
pid directory = ${folder}/dc
ncalrpc dir = ${folder}/dc/ncalrpc
ntp signd socket directory = ${folder}/dc/ntp
logging = file
log file = ${folder}/log
dns update command = /bin/true
samba kcc command = /bin/true
# A domain takes the password before the last one for an hour more, by LDAP too; here it is old at once.
old password allowed period = 0
`

/** `entries`: LDIF of what is there when it starts, below OU=People and OU=Moved. Provisioning takes some ten seconds. */
export async function startSamba(entries: readonly string[]): Promise<Samba> {
  const folder = peerFolder('samba')
  const host = await freeHost()
  const { cert, key } = selfSigned([host], Date.now())
  writeFileSync(join(folder, 'tls.crt'), cert)
  writeFileSync(join(folder, 'tls.key'), key, { mode: 0o600 })
  const file = join(folder, 'smb.conf')
  writeFileSync(file, configOf(folder, host))
  // It is thrown away afterwards.
  const env = { ...process.env, TDB_NO_FSYNC: '1' }
  mkdirSync(join(folder, 'dc'))
  await promisify(execFile)(
    findProgram('samba-tool')!,
    [
      ...['domain', 'provision', '--realm=CORP.TEST', '--domain=CORP', '--server-role=dc', '--adminpass=Adm1n-of-corp'],
      ...[`--targetdir=${folder}/dc`, '--dns-backend=NONE', '--host-name=dc1', `--host-ip=${host}`],
      ...['--base-schema=2008_R2', `--option=log file=${folder}/log`],
    ],
    { env, maxBuffer: 10_000_000 },
  )
  const ldb = (program: string, input: string): void => {
    const url = join(folder, 'dc/private/sam.ldb')
    const option = '--option=dsdb:schema update allowed=true'
    execFileSync(findProgram(program)!, ['-H', url, option], {
      input,
      stdio: 'pipe',
      env: { ...env, SMB_CONF_PATH: file },
    })
  }
  ldb('ldbadd', exchangeSchema.join('\n'))
  ldb('ldbmodify', usersHaveThem)
  const search = adEntry({ name: 'search', password: adSearch.password })
  ldb('ldbadd', [unit('People'), unit('Moved'), search, ...entries].join('\n'))

  let child: ChildProcess | null = null
  let said = ''
  async function start(): Promise<void> {
    const args = ['--foreground', '--no-process-group', '--model=single', '--debug-stdout', '-s', file]
    child = spawn(findProgram('samba')!, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
    try {
      await waitForPort(636, 15_000, host)
      await waitForPort(389, 15_000, host)
    } catch (error) {
      throw new Error(`samba did not start: ${said}`, { cause: error })
    }
  }
  async function stop(): Promise<void> {
    await stopPid(child?.pid ?? null)
    child = null
  }
  await start()
  return {
    ...{ host, ldapsPort: 636, starttlsPort: 389, ca: cert, start, stop },
    add: (ldif) => ldb('ldbadd', ldif),
    change: (ldif) => ldb('ldbmodify', ldif),
    setPassword: (dn, password) =>
      ldb('ldbmodify', `dn: ${dn}\nchangetype: modify\nreplace: clearTextPassword\n${passwordLine(password)}\n`),
    async remove() {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
