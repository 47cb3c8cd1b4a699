/** What is measured: Postfix as a plain relay with its safe defaults, and Holdfast with durability on. Same way for both: smtp-source, subject, smtp-sink. */
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInstallation } from '../e2e/kit/holdfast.ts'
import { declareOrganisation } from '../e2e/kit/organisation.ts'
import { findProgram } from '../e2e/peers/needs.ts'
import { freePort, isAlive, killFamily, peerFolder, readPid, waitForPort } from '../e2e/peers/processes.ts'

export interface Subject {
  name: string
  port: number
  stop(): Promise<void>
}

export const recipient = 'alice@bench.test'

/** smtp-sink counts what it gets; its counters come on stdout. */
export async function startSink(): Promise<{ port: number; received(): number; stop(): void }> {
  const port = await freePort()
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn(findProgram('smtp-sink')!, ['-c', ...user, `127.0.0.1:${port}`, '1000'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let received = 0
  const read = (chunk: Buffer): void => {
    for (const [, count] of chunk.toString().matchAll(/mesg=(\d+)/g)) received = Number(count)
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  await waitForPort(port)
  return { port, received: () => received, stop: () => void child.kill() }
}

export async function startPostfixRelay(sinkPort: number): Promise<Subject> {
  const folder = peerFolder('bench-postfix')
  const etc = join(folder, 'etc')
  const port = await freePort()
  for (const path of [etc, join(folder, 'spool'), join(folder, 'data')]) mkdirSync(path, { mode: 0o755 })
  const postfix = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('postfix:'))!
    .split(':')
  chownSync(join(folder, 'data'), Number(postfix[2]), Number(postfix[3]))
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
relay_domains = bench.test
relayhost = [127.0.0.1]:${sinkPort}
smtp_host_lookup = native
smtp_tls_security_level = none
smtpd_tls_security_level = none
`,
  )
  const master = readFileSync('/etc/postfix/master.cf', 'utf8')
  const services = master
    .replace(/^smtp\s+inet.*$/m, `127.0.0.1:${port} inet n - n - - smtpd`)
    .replace(/^(\w+\s+(?:unix|unix-dgram)\s+\S+\s+\S+\s+)y/gm, '$1n')
  writeFileSync(join(etc, 'master.cf'), services)
  execFileSync('postfix', ['-c', etc, 'start'], { stdio: 'ignore' })
  await waitForPort(port)
  return {
    name: 'postfix',
    port,
    async stop() {
      const pid = readPid(join(folder, 'spool/pid/master.pid'))
      if (pid !== null && isAlive(pid)) await killFamily(pid)
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

export async function startHoldfast(sinkPort: number): Promise<Subject> {
  const installation = createInstallation({ name: 'bench', config: { log: { level: 'warn' } } })
  const server = await installation.start()
  await declareOrganisation(installation, {
    domain: 'bench.test',
    people: ['alice'],
    primaryPort: sinkPort,
    outboundPort: sinkPort,
    sensitivity: 'patient',
    probe: false,
  })
  return { name: 'holdfast', port: server.ports.mx, stop: () => installation.remove() }
}
