/**
 * A real Exim on loopback: STARTTLS, CHUNKING, PRDR, DSN, SMTPUTF8 and PIPELINING, each as Exim has it. It keeps and sends
 * messages as they came, with its Received line before them. Needs root.
 */
import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { selfSigned } from '../../server/src/platform/certificate.ts'
import { UNPACKED, besideDaemon } from './beside.ts'
import { ITS_PEOPLE, MOST_MESSAGES, SIGN_IN, readMaildir } from './mail-server.ts'
import type { MailServer, MailServerOptions } from './mail-server.ts'
import { freePort, peerFolder, waitForPort } from './processes.ts'

const PROGRAM = `${UNPACKED}/exim/usr/sbin/exim4`
const ACCOUNT = 61_901

const config = (at: string, port: number, { hostname, smartHost }: MailServerOptions): string => `
exim_path = ${PROGRAM}
spool_directory = ${at}/spool
log_file_path = ${at}/log/%slog
pid_file_path = ${at}/spool/exim.pid
primary_hostname = ${hostname}
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
smtp_accept_max = 200
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = ${MOST_MESSAGES}
deliver_drop_privilege = true
keep_environment =
host_lookup =
rfc1413_hosts =
tls_advertise_hosts = *
tls_certificate = ${at}/cert.pem
tls_privatekey = ${at}/key.pem
chunking_advertise_hosts = *
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
prdr_enable = true
accept_8bitmime = true
message_size_limit = 50M
log_selector = +received_recipients +8bitmime +smtp_protocol_error +smtp_syntax_error
acl_smtp_rcpt = rcpt
acl_smtp_data = accept

begin acl
rcpt:
  defer message = 450 4.7.1 Greylisted, try again later
        condition = \${lookup{$local_part@$domain}lsearch{${at}/later}{yes}{no}}
  deny  message = 550 5.2.1 Mailbox disabled
        condition = \${lookup{$local_part@$domain}lsearch{${at}/refused}{yes}{no}}
  deny  message = 550 5.7.1 Only for those who signed in
        condition = \${lookup{$local_part@$domain}lsearch{${at}/signed-in}{yes}{no}}
        !authenticated = *
  accept condition = \${lookup{$local_part@$domain}lsearch{${at}/mailboxes}{yes}{no}}
  accept hosts = ${ITS_PEOPLE}
  deny message = 550 5.1.1 No such user here

begin routers
mailbox:
  driver = accept
  address_data = \${lookup{$local_part@$domain}lsearch{${at}/mailboxes}{$value}fail}
  transport = mailbox
out:
  driver = manualroute
  route_list = * 127.0.0.1::${smartHost.port}
  self = send
  transport = out

begin transports
mailbox:
  driver = appendfile
  directory = ${at}/mail/$address_data
  maildir_format
  use_crlf
  create_directory
out:
  driver = smtp
  interface = ${smartHost.from}
  tls_verify_certificates =
  hosts_try_prdr = *

begin retry
* * F,1h,1s

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = \${if and{{eq{$auth2}{${SIGN_IN.username}}}{eq{$auth3}{${SIGN_IN.password}}}}}
  server_set_id = $auth2
  server_advertise_condition = \${if def:tls_in_cipher}
`

export async function startExim(options: MailServerOptions): Promise<MailServer> {
  const at = peerFolder('exim')
  const port = await freePort()
  const pem = selfSigned([options.hostname], Date.now())
  const files = { 'cert.pem': pem.cert, 'key.pem': pem.key, 'exim.conf': config(at, port, options) }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(at, name), text)
  chownSync(join(at, 'key.pem'), ACCOUNT, ACCOUNT)
  for (const name of ['spool', 'log', 'mail']) {
    mkdirSync(join(at, name))
    chownSync(join(at, name), ACCOUNT, ACCOUNT)
  }
  const lists: Record<'mailboxes' | 'signed-in' | 'later' | 'refused', Set<string>> = {
    'mailboxes': new Set([...options.mailboxes, ...(options.signedIn ?? [])]),
    'signed-in': new Set(options.signedIn),
    'later': new Set(),
    'refused': new Set(),
  }
  const save = (name: keyof typeof lists): void =>
    writeFileSync(join(at, name), [...lists[name]].map((one) => `"${one}": ${one}\n`).join(''))
  for (const name of Object.keys(lists)) save(name as keyof typeof lists)
  const daemon = besideDaemon({
    folder: at,
    accounts: { 'Debian-exim': ACCOUNT },
    program: PROGRAM,
    args: ['-C', join(at, 'exim.conf'), '-bdf', '-q1s'],
    said: join(at, 'said'),
  })
  const log = (): string => {
    try {
      return readFileSync(join(at, 'log/mainlog'), 'utf8')
    } catch {
      return readFileSync(join(at, 'said'), 'utf8')
    }
  }
  const start = async (): Promise<void> => {
    if (daemon.running()) return
    daemon.start()
    await waitForPort(port).catch((error: unknown) => {
      throw new Error(`Exim did not start: ${log()}`, { cause: error })
    })
  }
  await start()
  return {
    port,
    start,
    stop: () => daemon.kill(),
    answer(address, how) {
      for (const name of ['later', 'refused'] as const) {
        if (name === how) lists[name].add(address)
        else lists[name].delete(address)
        save(name)
      }
    },
    read: (address) => readMaildir(join(at, 'mail', address)),
    log,
    async remove() {
      await daemon.kill()
      rmSync(at, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
