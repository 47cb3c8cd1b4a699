/**
 * `holdfast demo`: a whole day of an outage on one machine. Starts the real server with its own database in a folder of
 * the demo, a stand-in primary with a switch, a sink for what leaves, an organisation with three people and thirty
 * messages of history that come through the MX door. Everything listens on loopback. Data stays for the next run.
 *
 * Failures: a port that is taken is replaced and printed; a folder that is not a demo's is refused; if the server ends,
 * the demo ends with its reason.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tryLock } from '../src/platform/data-folder.ts'
import { openLine, greet, transact } from '../testkit/smtp-send.ts'
import { startStandIn } from '../testkit/stand-in/stand-in.ts'
import type { StandIn } from '../testkit/stand-in/stand-in.ts'
import { defaultFolder, lookIntoFolder, openDemoFolder, writeMarker } from './folder.ts'
import type { Marker } from './folder.ts'
import { compose, history } from './history.ts'
import { startPage } from './page.ts'
import { administrator, demoDomain } from './people.ts'
import { choosePort } from './ports.ts'
import { runCommand, startProduct } from './product.ts'
import type { ProductPlace } from './product.ts'
import { freshCommand, organisationFile, quickNumbers, shownJson, shownText } from './story.ts'
import type { DemoPorts, Shown } from './story.ts'

export interface DemoOptions {
  data?: string
  fresh?: boolean
  json?: boolean
}

const wishes: DemoPorts = { mx: 2525, http: 8080, primary: 2526, sink: 2527, page: 8081 }
const names: Record<keyof DemoPorts, string> = {
  mx: 'mail (MX)',
  http: 'Holdfast',
  primary: "the stand-in primary's SMTP",
  sink: 'the outbound sink',
  page: "the stand-in's page",
}

/** Last run's ports first, so that links and client settings go on working. */
async function choosePorts(marker: Marker): Promise<DemoPorts> {
  const ports = { ...wishes }
  const taken = new Set<number>()
  for (const key of Object.keys(wishes) as (keyof DemoPorts)[]) {
    let port = await choosePort(marker.ports[key] ?? wishes[key])
    while (taken.has(port)) port = await choosePort(0)
    taken.add(port)
    ports[key] = port
  }
  return ports
}

/** bin/holdfast.js, from the bundle (dist/demo.js) as from the sources. */
function programFile(): string {
  for (const path of ['../bin/holdfast.js', '../../bin/holdfast.js']) {
    const file = fileURLToPath(new URL(path, import.meta.url))
    if (existsSync(file)) return file
  }
  throw new Error('bin/holdfast.js is not where it should be')
}

async function sendHistory(port: number, primary: StandIn): Promise<void> {
  const session = openLine(port)
  await greet(session, 'history.outside.test')
  const now = Date.now()
  for (const mail of history) {
    const { from, to, bytes } = await compose(mail, now)
    const sent = await transact(session, { from, to }, bytes)
    if (!sent.ok) throw new Error(`the history could not be sent: ${JSON.stringify(sent)}`)
  }
  session.write('QUIT\r\n')
  session.socket.end()
  // a message to three people may come in one transaction or in three
  const come = new Set<string>()
  const everybody = (): boolean => {
    for (const mail of primary.store.all()) {
      const id = /^Message-ID: <(\S+)@history/im.exec(mail.bytes.toString('latin1', 0, 8192))?.[1]
      if (id) come.add(id)
    }
    return come.size >= history.length
  }
  await primary.store.waitFor(everybody, 20_000)
}

async function makeAdministrator(httpPort: number, setupLink: string): Promise<void> {
  const token = setupLink.split('#')[1] ?? ''
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/v1/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, ...administrator }),
  })
  if (!response.ok) throw new Error(`the administrator could not be made: ${response.status} ${await response.text()}`)
}

/** Starts all of it; resolves when it has ended. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const folder = resolve(options.data ?? process.env['HOLDFAST_DATA'] ?? defaultFolder())
  lookIntoFolder(folder)
  const lock = tryLock(folder)
  if (!lock) throw new Error(`The demo already runs on ${folder}. Stop it first, or choose another folder with --data.`)
  lock.release()
  const marker = openDemoFolder(folder, options.fresh ?? false)
  const ports = await choosePorts(marker)
  const say = (text: string): void => {
    if (!options.json) process.stdout.write(`${text}\n`)
  }
  const stops: (() => Promise<unknown>)[] = []
  const stopAll = async (): Promise<void> => {
    for (const stop of stops.splice(0).reverse())
      await stop().catch((error: unknown) => process.stderr.write(`${String(error)}\n`))
  }

  try {
    say(`Starting the demo in ${folder} ...`)
    const primary = await startStandIn({
      port: ports.primary,
      hostname: `primary.${demoDomain}`,
      journal: join(folder, 'primary.journal'),
    })
    stops.push(() => primary.close())
    const sink = await startStandIn({
      port: ports.sink,
      hostname: 'outside.test',
      journal: join(folder, 'sink.journal'),
    })
    stops.push(() => sink.close())

    const place: ProductPlace = { program: programFile(), folder, configFile: join(folder, 'holdfast.yaml') }
    const config = {
      hostname: `mx.${demoDomain}`,
      publicUrl: `http://127.0.0.1:${ports.http}`,
      listen: {
        mx: { host: '127.0.0.1', port: ports.mx },
        submission: { port: 0 },
        submissions: { port: 0 },
        http: { host: '127.0.0.1', port: ports.http },
      },
      log: { level: 'warn' },
      // a laptop may be fuller than a mail server should be
      storage: { reserveBytes: 50_000_000 },
      database: { preparedWalBytes: 0 },
    }
    writeFileSync(place.configFile, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
    const product = await startProduct(place).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      // a demo's data is worth nothing: a folder of another version, or a broken one, has a short way out
      const wayOut = marker.history ? ` To start the demo anew: ${freshCommand(folder)}` : ''
      throw new Error(`${reason}${wayOut}`, { cause: error })
    })
    stops.push(() => product.stop())

    const file = join(folder, 'demo.yaml')
    writeFileSync(file, `${JSON.stringify(organisationFile(ports), null, 2)}\n`, { mode: 0o600 })
    await runCommand(place, ['apply', '-f', file, '--json'])
    if (product.setupLink) await makeAdministrator(ports.http, product.setupLink)
    if (!marker.history) {
      say(`Sending ${history.length} messages of history through the MX door ...`)
      await sendHistory(ports.mx, primary)
    }
    writeMarker(folder, { ...marker, ports: { ...ports }, history: true })

    const page = await startPage({
      port: ports.page,
      primary,
      sink,
      mailboxes: mailboxesOf(file),
      numbers: quickNumbers(),
      holdfastUrl: `http://127.0.0.1:${ports.http}/`,
    })
    stops.push(() => page.close())
    ports.page = page.port
    const replaced = (Object.keys(wishes) as (keyof DemoPorts)[])
      .filter((key) => ports[key] !== wishes[key])
      .map((key) => ({ what: names[key], wished: wishes[key], got: ports[key] }))
    const shown: Shown = { folder, ports, replaced, fresh: !marker.history }
    process.stdout.write(options.json ? `${JSON.stringify(shownJson(shown))}\n` : `${shownText(shown)}\n`)

    await new Promise<void>((done) => {
      let asked = false
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
        process.on(signal, () => {
          if (asked) process.exit(1)
          asked = true
          done()
        })
    })
    say('\nStopping ...')
  } finally {
    await stopAll()
  }
}

function mailboxesOf(file: string): string[] {
  const { organisations } = JSON.parse(readFileSync(file, 'utf8')) as {
    organisations: { people: { addresses: string[] }[] }[]
  }
  return organisations.flatMap((one) => one.people.flatMap((person) => person.addresses))
}
