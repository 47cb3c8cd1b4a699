import { afterEach, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../../../testkit/stand-in/stand-in.ts'
import { systemClock } from '../../platform/clock.ts'
import { openQuestions } from './questions.ts'

let server: StandIn | undefined
afterEach(() => server?.close())

const open = ({ port }: StandIn, timeoutMs = 2_000) =>
  openQuestions({ host: '127.0.0.1', port, tls: 'none', helo: 'mx.test', timeoutMs }, systemClock)

test('several questions in one conversation, each ended with RSET, and QUIT at the end; no message', async () => {
  server = await startStandIn({ mailboxes: ['bob@corp.test'] })
  const line = await open(server)
  const said = [await line.ask('bob@corp.test', 2_000, 'nobody@corp.test'), await line.ask('ghost@corp.test', 2_000)]
  expect(said.map(({ answer, stranger }) => [answer.code, stranger?.code ?? null])).toEqual([
    [250, 550],
    [550, null],
  ])
  expect(line.usable()).toBe(true)
  line.close()
  await expect.poll(() => server!.commands.at(-1)).toBe('QUIT')
  expect(server.connections).toBe(1)
  expect(server.commands.filter((line) => !line.startsWith('EHLO'))).toEqual([
    'MAIL FROM:<>',
    'RCPT TO:<bob@corp.test>',
    'RCPT TO:<nobody@corp.test>',
    'RSET',
    'MAIL FROM:<>',
    'RCPT TO:<ghost@corp.test>',
    'RSET',
    'QUIT',
  ])
})

test('a server that says 421 or nothing: the conversation is over', async () => {
  server = await startStandIn({ mailboxes: [] })
  server.answer('busy@corp.test', { rcpt: '421 4.3.2 closing' })
  const line = await open(server)
  expect((await line.ask('busy@corp.test', 2_000)).answer.code).toBe(421)
  expect(line.usable()).toBe(false)
  await server.setFault('off')
  await expect(open(server)).rejects.toThrow(/ECONNREFUSED/)
})
