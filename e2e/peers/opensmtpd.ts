/**
 * A real OpenSMTPD on loopback, without PIPELINING, CHUNKING and SMTPUTF8, as it is. It keeps messages with its own trace
 * headers before them, and adds Date and Message-ID where they are missing. Needs root.
 */
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { selfSigned } from '../../server/src/platform/certificate.ts'
import { UNPACKED, besideDaemon } from './beside.ts'
import { ITS_PEOPLE, MOST_MESSAGES, readMaildir } from './mail-server.ts'
import type { MailServer, MailServerOptions } from './mail-server.ts'
import { freePort, peerFolder, waitForPort } from './processes.ts'

const ROOT = `${UNPACKED}/opensmtpd/usr`
/** An empty file would be taken for a table of another kind. */
const NOBODY = 'nobody@nowhere.test\n'
const accounts = { opensmtpd: 61_902, opensmtpq: 61_903, hfmailboxes: 61_904 }

const config = (at: string, port: number, { hostname, smartHost }: MailServerOptions): string => `
pki ${hostname} cert "${at}/cert.pem"
pki ${hostname} key "${at}/key.pem"
table mailboxes file:${at}/mailboxes
table owner file:${at}/owner
table later file:${at}/later
table refused file:${at}/refused
smtp max-message-size 50M
smtp limit max-mails ${MOST_MESSAGES}
filter "later" phase rcpt-to match rcpt-to <later> reject "450 4.7.1 Greylisted, try again later"
filter "refused" phase rcpt-to match rcpt-to <refused> reject "550 5.2.1 Mailbox disabled"
filter "answers" chain { "later", "refused" }
listen on 127.0.0.1 port ${port} tls pki ${hostname} hostname ${hostname} filter "answers"
action "mailbox" maildir "${at}/mail/%{dest.user:lowercase}@%{dest.domain:lowercase}" virtual <owner>
action "out" relay host "smtp://127.0.0.1:${smartHost.port}" src ${smartHost.from}
match from any for rcpt-to <mailboxes> action "mailbox"
match from src ${ITS_PEOPLE} for any action "out"
match from local for any action "out"
`

export async function startOpenSmtpd(options: MailServerOptions): Promise<MailServer> {
  const at = peerFolder('opensmtpd')
  const port = await freePort()
  const pem = selfSigned([options.hostname], Date.now())
  // the folders it is built for
  for (const name of ['var/spool', 'var/run', 'var/tmp', 'var/mail', 'var/lib/opensmtpd/empty', 'libexec', 'mail'])
    mkdirSync(join(at, name), { recursive: true, mode: 0o755 })
  symlinkSync(`${ROOT}/libexec/opensmtpd`, join(at, 'libexec/opensmtpd'))
  chownSync(join(at, 'mail'), accounts.hfmailboxes, accounts.hfmailboxes)
  const files = {
    'cert.pem': pem.cert,
    'key.pem': pem.key,
    'smtpd.conf': config(at, port, options),
    'mailboxes': options.mailboxes.map((one) => `${one}\n`).join(''),
    'owner': '@ hfmailboxes\n',
    'later': NOBODY,
    'refused': NOBODY,
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(at, name), text)
  chmodSync(join(at, 'key.pem'), 0o600)
  // it speaks to the server only as a member of this group
  const smtpctl = join(at, 'smtpctl')
  copyFileSync(`${ROOT}/sbin/smtpctl`, smtpctl)
  chownSync(smtpctl, 0, accounts.opensmtpq)
  chmodSync(smtpctl, 0o2755)
  const said = join(at, 'said')
  const daemon = besideDaemon({
    folder: at,
    accounts,
    folders: { '/var': join(at, 'var'), '/usr/libexec': join(at, 'libexec') },
    program: `${ROOT}/sbin/smtpd`,
    args: ['-d', '-f', join(at, 'smtpd.conf')],
    said,
  })
  const log = (): string => readFileSync(said, 'utf8')
  const start = async (): Promise<void> => {
    if (daemon.running()) return
    daemon.start()
    await waitForPort(port).catch((error: unknown) => {
      throw new Error(`OpenSMTPD did not start: ${log()}`, { cause: error })
    })
  }
  await start()
  const answers = { later: new Set<string>(), refused: new Set<string>() }
  return {
    port,
    start,
    stop: () => daemon.stop(),
    answer(address, how) {
      for (const name of ['later', 'refused'] as const) {
        if (name === how) answers[name].add(address)
        else answers[name].delete(address)
        writeFileSync(join(at, name), NOBODY + [...answers[name]].map((one) => `${one}\n`).join(''))
        daemon.inside(smtpctl, 'update', 'table', name)
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
