/**
 * SMTP smuggling through Holdfast to real next hops, of which some take a bare line feed for a line end: whatever look-alike of
 * an end of data a message holds, wherever it is cut, and whoever sends it, one message arrives or none. Nothing that was
 * hidden in it is ever carried out.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { greet, openLine } from '../server/testkit/smtp-send.ts'
import type { LineSession } from '../server/testkit/smtp-send.ts'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { startExim } from './peers/exim.ts'
import { missing } from './peers/needs.ts'
import { startOpenSmtpd } from './peers/opensmtpd.ts'
import { startPrimary } from './peers/postfix-dovecot.ts'
import { until } from './peers/processes.ts'

const skip = missing('postfix', 'dovecot', 'exim', 'opensmtpd', 'root')
const OWN = '127.0.0.5'
const STRANGER = '127.0.0.6'

const lookAlikes = [
  '\n.\n',
  '\r.\r',
  '\r\n.\n',
  '\n.\r\n',
  '\r\n.\r',
  '\r.\r\n',
  '\n.\r',
  '\r.\n',
  '\n\n.\r\n',
  '\r\r\n.\r\r\n',
  '\r\n\0.\r\n',
  '\r\n.\0\r\n',
  '\n\0.\n',
]

interface Hop {
  port: number
  read(address: string): Promise<Buffer[]>
  remove(): Promise<void>
}
const hops: Record<string, (mailboxes: string[]) => Promise<Hop>> = {
  // told to take bare line feeds, as Postfix did for decades
  async postfix(mailboxes) {
    const primary = await startPrimary(mailboxes)
    return {
      port: primary.smtpPort,
      read: async (address) => (await primary.read(address)).map(({ bytes }) => bytes),
      remove: () => primary.remove(),
    }
  },
  async exim(mailboxes) {
    const smartHost = { port: 9, from: '127.0.0.1' }
    const server = await startExim({ hostname: 'exim.test', mailboxes, smartHost })
    return { port: server.port, read: async (address) => server.read(address), remove: () => server.remove() }
  },
  async opensmtpd(mailboxes) {
    const smartHost = { port: 9, from: '127.0.0.1' }
    const server = await startOpenSmtpd({ hostname: 'opensmtpd.test', mailboxes, smartHost })
    return { port: server.port, read: async (address) => server.read(address), remove: () => server.remove() }
  },
}
const names = Object.keys(hops)

describe.skipIf(skip)('smuggling', () => {
  let installation: Installation
  let server: RunningHoldfast
  let sink: StandIn
  const there: Record<string, Hop> = {}
  beforeAll(async () => {
    sink = await startStandIn()
    installation = createInstallation({ name: 'smuggling', config: { smtp: { errors: 1000 } } })
    server = await installation.start()
    for (const name of names) {
      there[name] = await hops[name]!([`alice@${name}.test`, `bob@${name}.test`])
      await declareOrganisation(installation, {
        domain: `${name}.test`,
        people: ['alice', 'bob'],
        primaryPort: there[name].port,
        outboundPort: sink.port,
        ...(name === names[0] ? { organisation: { outboundSources: [{ networks: [OWN] }] } } : {}),
      })
    }
  })
  afterAll(async () => {
    await server.stop()
    await installation.remove()
    for (const hop of Object.values(there)) await hop.remove()
    await sink.close()
  })

  const nonceOf = (bytes: Buffer): string | undefined => /^X-Nonce: (\S+)/m.exec(bytes.toString('latin1'))?.[1]
  let count = 0

  /** One message with the look-alike and commands behind it; where and how it is cut differs. Resolves with the last reply. */
  async function smuggle(
    line: LineSession,
    name: string,
    end: string,
    how: 'whole' | 'cut' | 'chunks',
  ): Promise<[string, number]> {
    const nonce = `n${++count}`
    const hidden = `MAIL FROM:<evil@outside.test>\r\nRCPT TO:<bob@${name}.test>\r\nDATA\r\nX-Nonce: smuggled\r\n\r\nforged\r\n`
    const text = `X-Nonce: ${nonce}\r\nSubject: a letter\r\n\r\nwords${end}${hidden}`
    const middle = text.indexOf(end) + Math.ceil(end.length / 2)
    for (const command of ['MAIL FROM:<a@outside.test>', `RCPT TO:<alice@${name}.test>`])
      expect((await line.command(command)).code).toBe(250)
    if (how === 'chunks') {
      line.write(Buffer.from(`BDAT ${middle}\r\n${text.slice(0, middle)}`, 'latin1'))
      line.write(Buffer.from(`BDAT ${text.length - middle} LAST\r\n${text.slice(middle)}`, 'latin1'))
      await line.reply()
    } else {
      expect((await line.command('DATA')).code).toBe(354)
      for (const piece of how === 'cut' ? [text.slice(0, middle), text.slice(middle)] : [text]) {
        line.write(Buffer.from(piece, 'latin1'))
        await new Promise((resolve) => setImmediate(resolve))
      }
      line.write('.\r\n')
    }
    const { code } = await line.reply()
    // the next command is answered as the next command: nothing of the message was taken for one
    expect((await line.command('NOOP')).code).toBe(250)
    return [nonce, code]
  }

  test.each(names)('to %s: refused from strangers; from an own system one mended message, once', async (name) => {
    const hop = there[name]!
    const accepted: string[] = []
    for (const from of [STRANGER, OWN]) {
      const line = openLine(server.ports.mx, { localAddress: from })
      await greet(line)
      for (const end of lookAlikes)
        for (const how of ['whole', 'cut', 'chunks'] as const) {
          const [nonce, code] = await smuggle(line, name, end, how)
          // NUL is mended for nobody
          const taken = from === OWN && !end.includes('\0')
          expect([JSON.stringify(end), how, from, code]).toEqual([JSON.stringify(end), how, from, taken ? 250 : 550])
          if (taken) accepted.push(nonce)
        }
      // something ordinary last, so that what came before has been looked at when it is there
      const [nonce, code] = await smuggle(line, name, '\r\n', 'whole')
      expect(code).toBe(250)
      accepted.push(nonce)
      line.close()
    }
    const held = await until('all that was accepted', async () => {
      const found = await hop.read(`alice@${name}.test`)
      return found.length >= accepted.length ? found : null
    })
    expect(held.map(nonceOf).sort()).toEqual([...accepted].sort())
    for (const bytes of held) {
      const text = bytes.toString('latin1')
      expect(text).toContain('MAIL FROM:<evil@outside.test>')
      expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    }
    expect(await hop.read(`bob@${name}.test`)).toEqual([])
  })

  test('every invariant holds afterwards, and nothing left for the world', async () => {
    expect(sink.store.all()).toEqual([])
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
