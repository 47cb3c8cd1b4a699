/** Postfix as a plain relay with its safe defaults: it syncs its queue files before it says 250. */
import { execFile, execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, isAlive, killFamily, peerFolder, readPid, waitForPort } from '../../e2e/peers/processes.ts'
import { selfSigned } from '../../server/src/platform/certificate.ts'
import { domains, type Subject, type Ways } from './subject.ts'

const run = promisify(execFile)

export async function startPostfix(
  ways: Ways,
  options: {
    /** TLS is offered to senders and used towards the sink where it offers it */
    tls?: boolean
    /** more lines of main.cf */
    config?: string
  } = {},
): Promise<Subject> {
  const folder = peerFolder('bench-postfix')
  const etc = join(folder, 'etc')
  const port = await freePort()
  for (const path of [etc, join(folder, 'spool'), join(folder, 'data')]) mkdirSync(path, { mode: 0o755 })
  const postfix = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('postfix:'))!
    .split(':')
  chownSync(join(folder, 'data'), Number(postfix[2]), Number(postfix[3]))
  if (options.tls) {
    const { key, cert } = selfSigned(['bench.test'], Date.now())
    writeFileSync(join(folder, 'chain.pem'), key + cert, { mode: 0o600 })
  }
  writeFileSync(
    join(etc, 'main.cf'),
    `compatibility_level = 3.6
queue_directory = ${folder}/spool
data_directory = ${folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${folder}/postfix.log
maillog_file_prefixes = ${folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = bench.test
mydestination =
alias_maps =
mynetworks = 127.0.0.0/8
relay_domains = ${Object.values(domains).join(', ')}
relayhost = [127.0.0.1]:${ways.up}
transport_maps = inline:{{${domains.down}=smtp:[127.0.0.1]:${ways.down}}, {${domains.kept}=kept:}, {${domains.gone}=smtp:[127.0.0.1]:1}}
defer_transports = kept
message_size_limit = 209715200
mailbox_size_limit = 0
smtp_host_lookup = native
smtp_tls_security_level = ${options.tls ? 'may' : 'none'}
smtpd_tls_security_level = ${options.tls ? 'may' : 'none'}
${options.tls ? `smtpd_tls_chain_files = ${folder}/chain.pem` : ''}
${options.config ?? ''}
`,
  )
  const master = readFileSync('/etc/postfix/master.cf', 'utf8')
  const services = master
    .replace(/^smtp\s+inet.*$/m, `127.0.0.1:${port} inet n - n - - smtpd`)
    .concat('kept unix - - n - - smtp\n')
    .replace(/^(\w+\s+(?:unix|unix-dgram)\s+\S+\s+\S+\s+)y/gm, '$1n')
  writeFileSync(join(etc, 'master.cf'), services)
  execFileSync('postfix', ['-c', etc, 'start'], { stdio: 'ignore' })
  await waitForPort(port)
  const pid = (): number | null => readPid(join(folder, 'spool/pid/master.pid'))
  return {
    name: 'postfix',
    port,
    roots: () => [pid()].filter((one) => one !== null),
    flush: async () => {
      await run('postqueue', ['-c', etc, '-f'])
    },
    async stop() {
      const master = pid()
      if (master !== null && isAlive(master)) await killFamily(master)
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
