/**
 * The stand-in's page: a switch for the primary, what its mailboxes hold, what left to the outside world, and the
 * numbers behind the quick setting. A switch that could not be made is said, and the state stays the true one. Served by the demo on loopback; the product knows nothing of it. A change needs a
 * header that no foreign page can send, and a Host of ours, so that a browser tab from elsewhere can't press the switch.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FaultName } from '../testkit/stand-in/faults.ts'
import { faultNames, faults } from '../testkit/stand-in/faults.ts'
import type { StoredMail } from '../testkit/stand-in/mail-store.ts'
import type { StandIn } from '../testkit/stand-in/stand-in.ts'
import { pageHtml } from './page-html.ts'
import { listenSomewhere } from './ports.ts'

export interface PageOptions {
  port: number
  primary: StandIn
  sink: StandIn
  /** shown whatever else has come */
  mailboxes: readonly string[]
  /** sentences with numbers in seconds */
  numbers: readonly string[]
  holdfastUrl: string
}

const decodeWord = (text: string): string =>
  text.replace(/=\?([\w-]+)\?([bq])\?([^?]*)\?=\s*/gi, (_, charset: string, kind: string, data: string) => {
    const bytes =
      kind.toLowerCase() === 'b'
        ? Buffer.from(data, 'base64')
        : Buffer.from(
            data
              .replaceAll('_', ' ')
              .replace(/=([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
            'latin1',
          )
    return charset.toLowerCase() === 'utf-8' ? bytes.toString('utf8') : bytes.toString('latin1')
  })

function header(mail: StoredMail, name: string): string {
  const text = mail.bytes.toString('utf8', 0, 65_536)
  const head = text.slice(0, Math.max(0, text.indexOf('\r\n\r\n'))).replace(/\r\n[ \t]+/g, ' ')
  const found = new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(head)
  return decodeWord(found?.[1]?.trim() ?? '')
}

const brief = (mail: StoredMail) => ({
  id: mail.id,
  at: new Date(mail.at).toISOString(),
  from: header(mail, 'From') || mail.envelopeFrom || '(empty sender)',
  to: mail.recipients,
  subject: header(mail, 'Subject') || '(no subject)',
  size: mail.bytes.length,
  dkim: header(mail, 'DKIM-Signature') !== '',
})

/** What came of the last press of the switch; empty: it did as told. */
interface Switching {
  trouble: string
}

function demoState(options: PageOptions, { trouble }: Switching) {
  const { primary, sink } = options
  const boxes = new Map(options.mailboxes.map((address) => [address, [] as StoredMail[]]))
  for (const [address, mails] of primary.store.mailboxes()) boxes.set(address, mails)
  return {
    primary: { port: primary.port, fault: primary.fault, connections: primary.connections, trouble },
    faults: faultNames.map((name) => ({ name, text: faults[name].text })),
    mailboxes: [...boxes].map(([address, mails]) => ({
      address,
      count: mails.length,
      mails: mails.slice(-30).reverse().map(brief),
    })),
    sink: { port: sink.port, count: sink.store.all().length, mails: sink.store.all().slice(-50).reverse().map(brief) },
    numbers: options.numbers,
    holdfastUrl: options.holdfastUrl,
  }
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy':
      "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; form-action 'none'",
  })
  response.end(body)
}

/** Presses the switch. The port of a primary that was off may be taken by another program meanwhile. */
async function press({ primary }: PageOptions, fault: FaultName | null): Promise<string> {
  try {
    await primary.setFault(fault)
    return ''
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'EADDRINUSE'
      ? `It stays off: port ${primary.port} was taken by another program meanwhile. Stop that one (find it: ss -ltnp 'sport = :${primary.port}') and press On again.`
      : `It stays off: ${message}`
  }
}

async function answer(
  options: PageOptions,
  switching: Switching,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const state = (): string => JSON.stringify(demoState(options, switching))
  const host = request.headers.host?.replace(/:\d+$/, '')
  if (host !== '127.0.0.1' && host !== 'localhost')
    return send(response, 403, 'text/plain', 'only by its loopback address\n')
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (request.method === 'GET' && url.pathname === '/') return send(response, 200, 'text/html; charset=utf-8', pageHtml)
  if (request.method === 'GET' && url.pathname === '/state.json')
    return send(response, 200, 'application/json', state())
  const raw = /^\/(mail|sink)\/(\d+)$/.exec(url.pathname)
  if (request.method === 'GET' && raw) {
    const mail = (raw[1] === 'mail' ? options.primary : options.sink).store
      .all()
      .find((one) => one.id === Number(raw[2]))
    return mail
      ? send(response, 200, 'text/plain; charset=utf-8', mail.bytes)
      : send(response, 404, 'text/plain', 'no such message\n')
  }
  if (request.method === 'POST' && url.pathname === '/fault') {
    if (request.headers['x-demo'] !== '1') return send(response, 403, 'text/plain', 'needs the header X-Demo: 1\n')
    const wish = url.searchParams.get('set') ?? ''
    if (wish !== 'on' && !(faultNames as string[]).includes(wish))
      return send(response, 400, 'text/plain', `unknown; one of: on, ${faultNames.join(', ')}\n`)
    switching.trouble = await press(options, wish === 'on' ? null : (wish as FaultName))
    return send(response, switching.trouble === '' ? 200 : 409, 'application/json', state())
  }
  return send(response, 404, 'text/plain', 'not here\n')
}

export async function startPage(options: PageOptions): Promise<{ port: number; close(): Promise<void> }> {
  const switching: Switching = { trouble: '' }
  const server: Server = createServer((request, response) => {
    answer(options, switching, request, response).catch((error: unknown) =>
      send(response, 500, 'text/plain', `${String(error)}\n`),
    )
  })
  await listenSomewhere(server, options.port)
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
