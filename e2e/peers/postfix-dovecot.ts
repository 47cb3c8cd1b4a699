/**
 * A real primary: Postfix in front (SMTP), Dovecot behind (LMTP, IMAP), in a folder of its own on loopback with free
 * ports. Postfix is told to change nothing in a message, so that what Dovecot holds ends with the bytes that were sent.
 * `kill` is SIGKILL to both daemons and all their children; `start` brings back what there was. Needs root.
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { ImapFlow } from 'imapflow'
import {
  familyOf,
  freePorts,
  isAlive,
  killFamily,
  peerFolder,
  readPid,
  sleep,
  stopPid,
  waitForPort,
} from './processes.ts'

export interface HeldMessage {
  mailbox: string
  uid: number
  bytes: Buffer
  /** Postfix's queue id: two messages with one id are one delivery that the primary itself doubled when it was killed */
  queueId: string | null
}

export interface PrimaryOptions {
  /** more lines of main.cf, or others for those that are there */
  config?: string
  /** PEM: IMAP over TLS too */
  imaps?: { cert: string; key: string }
  /** more lines of dovecot.conf */
  dovecot?: string
}

export interface Primary {
  smtpPort: number
  /** takes only connections that begin with a PROXY header */
  proxiedPort: number
  imapPort: number
  /** 0: there is none */
  imapsPort: number
  /** Dovecot's own door, without Postfix */
  lmtpPort: number
  folder: string
  start(): Promise<void>
  stop(): Promise<void>
  /** only SMTP, the way most outages look from outside */
  stopSmtp(): Promise<void>
  startSmtp(): Promise<void>
  /** 451 to every recipient, or back to normal */
  tempfail(on: boolean): void
  /**
   * From here on it takes mail to the world and hands it to this smart host, at most so many recipients at once. `more`:
   * settings of main.cf.
   */
  relayThrough(port: number, recipients: number, more?: readonly string[]): Promise<void>
  /** Mail for its own people goes by this transport of Postfix instead of to Dovecot; null: to Dovecot again. */
  deliverBy(transport: string | null): void
  kill(): Promise<void>
  /** The part of Dovecot that knows passwords hangs, while the rest and Postfix go on; or goes on again. */
  hangSignIn(hangs: boolean): void
  /** As when somebody's has expired: Dovecot takes this one alone. */
  setPassword(user: string, password: string): void
  count(user: string): Promise<number>
  read(user: string): Promise<HeldMessage[]>
  /** everything Postfix has logged */
  log(): string
  /** messages still inside Postfix */
  queued(): number
  /** what is still inside Postfix and why, with the end of both logs: for the message of a test that waited in vain */
  explain(): string
  remove(): Promise<void>
}

const accountOf = (name: string): { uid: number; gid: number } => {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`))
  if (!line) throw new Error(`no account named ${name}`)
  const [, , uid, gid] = line.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

function dovecotConfig(at: string, ports: { imap: number; imaps: number; lmtp: number }): string {
  return `
base_dir = ${at}/run
state_dir = ${at}/run
log_path = ${at}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
${ports.imaps === 0 ? 'ssl = no' : `ssl = yes\nssl_cert = <${at}/cert.pem\nssl_key = <${at}/key.pem`}
disable_plaintext_auth = no
auth_mechanisms = plain
mail_location = maildir:${at}/mail/%d/%n
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
mail_max_userip_connections = 200
hostname = primary.test
postmaster_address = postmaster@corp.test
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u ${at}/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${at}/mail/%d/%n allow_all_users=no
}
namespace inbox {
  inbox = yes
  separator = /
}
service imap-login {
  inet_listener imap {
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = ${ports.imaps}
  }
}
service imap-urlauth-login {
  inet_listener imap-urlauth {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${ports.lmtp}
  }
}
`
}

function postfixConfig(at: string, addresses: string[], domain: string, lmtpPort: number): string {
  return `
compatibility_level = 3.6
queue_directory = ${at}/spool
data_directory = ${at}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${at}/postfix.log
maillog_file_prefixes = ${at}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = primary.test
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
virtual_mailbox_domains = ${domain}
virtual_mailbox_maps = inline:{${addresses.map((one) => `{${one}=1}`).join(',')}}
virtual_transport = lmtp:inet:127.0.0.1:${lmtpPort}
lmtp_host_lookup = native
default_transport = error:5.4.4 no outside world
smtpd_recipient_restrictions = reject_unauth_destination
smtpd_tls_security_level = none
message_size_limit = 52428800
mailbox_size_limit = 0
virtual_mailbox_limit = 0
# Dovecot's LMTP has no SMTPUTF8: offering it here would only make Postfix bounce
smtputf8_enable = no
queue_run_delay = 5s
minimal_backoff_time = 2s
maximal_backoff_time = 5s
# bytes stay as they come
local_header_rewrite_clients =
message_drop_headers =
lmtp_line_length_limit = 0
smtpd_forbid_bare_newline = no
# after a kill Dovecot comes up a moment later than Postfix
destination_concurrency_failed_cohort_limit = 100
`
}

/** A setting that is there twice makes Postfix complain, and its logging process hang over its own complaint. */
function withOverrides(config: string, more: string): string {
  const keyOf = (line: string): string => line.split('=')[0]!.trim()
  const keys = new Set(more.split('\n').filter(Boolean).map(keyOf))
  const kept = config.split('\n').filter((line) => !line.includes('=') || !keys.has(keyOf(line)))
  return kept.join('\n') + more
}

const masterCf = (smtpPort: number, proxiedPort: number): string => `
127.0.0.1:${smtpPort} inet n - n - - smtpd
127.0.0.1:${proxiedPort} inet n - n - - smtpd
  -o smtpd_upstream_proxy_protocol=haproxy
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 5 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

export const passwordOf = (address: string): string => `pw-${address.split('@')[0]}`

export async function startPrimary(addresses: string[], options: PrimaryOptions = {}): Promise<Primary> {
  const domain = addresses[0]!.split('@')[1]!
  const folder = peerFolder('primary')
  const dovecot = join(folder, 'dovecot')
  const postfix = join(folder, 'postfix')
  const etc = join(postfix, 'etc')
  const ports = await freePorts(5)
  const [smtpPort, imapPort, lmtpPort, proxiedPort] = ports as [number, number, number, number]
  const imapsPort = options.imaps ? ports[4]! : 0
  const mail = accountOf('mail')
  for (const path of [`${dovecot}/run`, `${dovecot}/mail`, etc, `${postfix}/spool`, `${postfix}/data`])
    mkdirSync(path, { recursive: true, mode: 0o755 })
  chownSync(`${dovecot}/mail`, mail.uid, mail.gid)
  chownSync(`${postfix}/data`, accountOf('postfix').uid, accountOf('postfix').gid)
  for (const [name, text] of Object.entries(options.imaps ?? {})) writeFileSync(`${dovecot}/${name}.pem`, text)
  writeFileSync(
    `${dovecot}/dovecot.conf`,
    dovecotConfig(dovecot, { imap: imapPort, imaps: imapsPort, lmtp: lmtpPort }) + (options.dovecot ?? ''),
  )
  const passwords = new Map(addresses.map((one) => [one, passwordOf(one)]))
  const writeUsers = (): void =>
    writeFileSync(
      `${dovecot}/users`,
      [...passwords].map(([one, password]) => `${one}:{PLAIN}${password}::::::\n`).join(''),
    )
  writeUsers()
  const config = postfixConfig(postfix, addresses, domain, lmtpPort)
  writeFileSync(`${etc}/main.cf`, withOverrides(config, options.config ?? ''))
  writeFileSync(`${etc}/master.cf`, masterCf(smtpPort, proxiedPort))
  chmodSync(folder, 0o755)

  const dovecotPid = (): number | null => readPid(`${dovecot}/run/master.pid`)
  const postfixPid = (): number | null => readPid(`${postfix}/spool/pid/master.pid`)
  const run = (program: string, ...args: string[]): void => {
    // daemons inherit our pipes if we give them any: a file says what they had to say
    const said = join(folder, 'start.log')
    const output = openSync(said, 'w')
    try {
      execFileSync(program, args, { stdio: ['ignore', output, output] })
    } catch (error) {
      throw new Error(`${program} ${args.join(' ')}: ${readFileSync(said, 'utf8')}\n${primary.explain()}`, {
        cause: error,
      })
    } finally {
      closeSync(output)
    }
  }
  const startDovecot = async (): Promise<void> => {
    const pid = dovecotPid()
    if (pid !== null && isAlive(pid)) return
    rmSync(`${dovecot}/run/master.pid`, { force: true })
    run('dovecot', '-c', `${dovecot}/dovecot.conf`)
    await waitForPort(lmtpPort)
    await waitForPort(imapPort)
  }
  const startSmtp = async (): Promise<void> => {
    const pid = postfixPid()
    if (pid !== null && isAlive(pid)) return
    run('postfix', '-c', etc, 'start')
    await waitForPort(smtpPort)
  }
  const stopSmtp = async (): Promise<void> => {
    const pid = postfixPid()
    if (pid === null || !isAlive(pid)) return
    // `postfix stop` waits up to a minute for open sessions; an outage does not
    const group = pid
    process.kill(pid, 'SIGTERM')
    for (let i = 0; i < 100 && isAlive(pid); i++) await sleep(20)
    try {
      process.kill(-group, 'SIGTERM')
    } catch {
      // nobody left
    }
  }

  const imap = async <T>(user: string, work: (client: ImapFlow) => Promise<T>): Promise<T> => {
    const client = new ImapFlow({
      host: '127.0.0.1',
      port: imapPort,
      secure: false,
      tls: { rejectUnauthorized: false },
      auth: { user, pass: passwordOf(user) },
      logger: false,
    })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return await work(client)
    } finally {
      await client.logout().catch(() => undefined)
    }
  }

  const queueLines = (): string[] =>
    execFileSync('postqueue', ['-c', etc, '-j'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .filter((line) => line.startsWith('{'))

  const primary: Primary = {
    smtpPort,
    proxiedPort,
    imapPort,
    imapsPort,
    lmtpPort,
    folder,
    async start() {
      await startDovecot()
      await startSmtp()
    },
    async stop() {
      await stopSmtp()
      await stopPid(dovecotPid())
    },
    stopSmtp,
    startSmtp,
    tempfail(on) {
      const value = on ? 'check_recipient_access static:{451 4.3.0 simulated outage}' : 'reject_unauth_destination'
      run('postconf', '-c', etc, '-e', `smtpd_recipient_restrictions=${value}`)
      run('postfix', '-c', etc, 'reload')
    },
    async relayThrough(port, recipients, more = []) {
      const settings = [
        'default_transport=smtp',
        `relayhost=[127.0.0.1]:${port}`,
        `smtp_destination_recipient_limit=${recipients}`,
        'smtp_host_lookup=native',
        'smtpd_recipient_restrictions=permit_mynetworks reject_unauth_destination',
        ...more,
      ]
      run('postconf', '-c', etc, '-e', ...settings)
      // A reload leaves sessions with the old settings for a moment.
      await stopSmtp()
      await startSmtp()
    },
    deliverBy(transport) {
      run('postconf', '-c', etc, '-e', `virtual_transport=${transport ?? `lmtp:inet:127.0.0.1:${lmtpPort}`}`)
      run('postfix', '-c', etc, 'reload')
    },
    async kill() {
      await Promise.all([killFamily(postfixPid()), killFamily(dovecotPid())])
    },
    hangSignIn(hangs) {
      const auth = familyOf(dovecotPid()!).filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'auth')
      if (auth.length === 0) throw new Error('Dovecot has no process that knows passwords')
      for (const pid of auth) process.kill(pid, hangs ? 'SIGSTOP' : 'SIGCONT')
    },
    setPassword(user, password) {
      passwords.set(user, password)
      writeUsers()
    },
    count: (user) =>
      imap(user, async (client) => ((await client.status('INBOX', { messages: true })) || {}).messages ?? 0),
    read: (user) =>
      imap(user, async (client) => {
        const lock = await client.getMailboxLock('INBOX')
        const held: HeldMessage[] = []
        try {
          if (client.mailbox && client.mailbox.exists > 0)
            for await (const one of client.fetch('1:*', { uid: true, source: true })) {
              const bytes = one.source ?? Buffer.alloc(0)
              const head = bytes.toString('latin1', 0, 4096)
              held.push({
                mailbox: user,
                uid: one.uid,
                bytes,
                queueId: /by primary\.test \(Postfix\) with E?SMTP\S* id (\w+)/.exec(head)?.[1] ?? null,
              })
            }
        } finally {
          lock.release()
        }
        return held
      }),
    log: () => readFileSync(`${postfix}/postfix.log`, 'utf8'),
    queued: () => queueLines().length,
    explain: () =>
      [
        ...queueLines().slice(0, 5),
        ...[`${postfix}/postfix.log`, `${dovecot}/dovecot.log`].map((path) =>
          readFileSync(path, 'utf8').split('\n').slice(-15).join('\n'),
        ),
      ].join('\n'),
    async remove() {
      await primary.kill()
      if (existsSync(folder)) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  await primary.start()
  return primary
}
