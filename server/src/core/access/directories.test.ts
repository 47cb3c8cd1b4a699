/** Directories that are slow, down, or back: who waits for how long, on the fake clock. */
import { expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { OddEntryError, type Verdict } from '../../clients/ldap/answer.ts'
import type { LdapServer } from '../../clients/ldap/dial.ts'
import { silentLog } from '../../platform/log.ts'
import { createDirectories } from './directories.ts'

type Say = (server: LdapServer, name: string) => Promise<Verdict>
const never = (): Promise<never> => new Promise(() => undefined)
const down: Say = () => Promise.reject(new Error('connect ECONNREFUSED'))
const good: Say = async () => 'good'

function stage(first: Say, hosts = ['one']) {
  const clock = fakeClock()
  const asked: string[] = []
  const stands = { say: first, aborted: 0 }
  const directories = createDirectories({
    clock,
    log: silentLog,
    ask: (_, server, _directory, { name }, signal) => {
      asked.push(server.host)
      signal.addEventListener('abort', () => {
        stands.aborted++
      })
      return stands.say(server, name)
    },
  })
  const servers = hosts.map((host) => ({ host, port: 636, tls: 'ldaps' as const }))
  const directory = { servers, bindDn: 'cn=x', bindPassword: 'x', baseDn: 'dc=x', filter: '(mail={name})' }
  const ask = (name = 'alice', organisationId = 'org', network = '192.0.2.1', password = 'pw') =>
    directories.ask(organisationId, directory, { name, password, network })
  return { clock, asked, stands, ask, directories }
}

test('an empty password is wrong and asked of nobody', async () => {
  const { ask, asked } = stage(good)
  expect(await ask('alice', 'org', '192.0.2.1', '')).toEqual({ verdict: 'wrong' })
  expect(asked).toEqual([])
})

test('what the first server says counts; where it cannot be asked, the next; it rests then, and is tried again', async () => {
  const { ask, asked, stands, clock } = stage(
    (server) => (server.host === 'one' ? down(server, '') : good(server, '')),
    ['one', 'two'],
  )
  expect(await ask()).toEqual({ verdict: 'good' })
  expect(await ask()).toEqual({ verdict: 'good' })
  expect(asked).toEqual(['one', 'two', 'two'])
  stands.say = good
  await clock.advance(5_000)
  await ask()
  await ask()
  expect(asked.slice(3)).toEqual(['one', 'one'])
  // A refusal is an answer: nobody else is asked.
  stands.say = async () => 'wrong'
  expect(await ask()).toEqual({ verdict: 'wrong' })
  expect(asked.slice(5)).toEqual(['one'])
})

test('one that says nothing costs its limit, then the other is asked; all in all five seconds', async () => {
  const { ask, asked, stands, clock } = stage(never, ['one', 'two'])
  const answer = ask()
  await clock.advance(2_999)
  expect(asked).toEqual(['one'])
  await clock.advance(1)
  expect(asked).toEqual(['one', 'two'])
  await clock.advance(2_000)
  expect(await answer).toEqual({ verdict: 'unavailable', reason: 'no answer within 2 s' })
  // Nothing goes on behind it.
  expect(stands.aborted).toBe(2)
  expect(clock.pending()).toBe(0)
})

test('a crowd while it is down waits for it once, and rests grow', async () => {
  const { ask, asked, stands, clock } = stage(never)
  const crowd = Promise.all(Array.from({ length: 100 }, (_, i) => ask(`p${i}`)))
  await clock.advance(5_000)
  expect((await crowd).every(({ verdict }) => verdict === 'unavailable')).toBe(true)
  expect(asked.length).toBe(4)
  // At once while it rests.
  expect(await ask()).toMatchObject({ verdict: 'unavailable' })
  expect(asked.length).toBe(4)
  await clock.advance(5_000)
  // One tries, the others go by.
  const trial = ask()
  await clock.advance(0)
  expect((await Promise.all([ask(), ask()])).map(({ verdict }) => verdict)).toEqual(['unavailable', 'unavailable'])
  expect(asked.length).toBe(5)
  await clock.advance(5_000)
  await trial
  await clock.advance(9_999)
  await ask()
  expect(asked.length).toBe(5)
  stands.say = good
  await clock.advance(1)
  expect(await ask()).toEqual({ verdict: 'good' })
  expect(await ask()).toEqual({ verdict: 'good' })
})

test('who waits for a turn waits no longer than for an answer, and one network not for the crowd of another', async () => {
  const open: (() => void)[] = []
  const { ask, clock, asked } = stage(() => new Promise((resolve) => open.push(() => resolve('good'))))
  const crowd = Array.from({ length: 50 }, (_, i) => ask(`p${i}`))
  await clock.advance(0)
  const single = ask('alice', 'org', '198.51.100.7')
  await clock.advance(1_000)
  expect(asked.length).toBe(4)
  open.shift()!()
  open.shift()!()
  await clock.advance(0)
  for (const go of open.splice(0)) go()
  expect(await single).toEqual({ verdict: 'good' })
  // Those whose turn never comes are told so.
  await clock.advance(5_000)
  const verdicts = (await Promise.all(crowd)).map(({ verdict }) => verdict)
  expect(new Set(verdicts)).toEqual(new Set(['good', 'unavailable']))
})

test('a slow directory is nothing to another organisation', async () => {
  const { ask, clock } = stage((_, name) => (name === 'slow' ? never() : Promise.resolve('good')))
  const slow = Array.from({ length: 20 }, () => ask('slow', 'slow org'))
  expect(await ask('alice', 'other org')).toEqual({ verdict: 'good' })
  await clock.advance(5_000)
  await Promise.all(slow)
})

test('a queue that is full says so to the network that filled it', async () => {
  const { ask, clock } = stage(never)
  const crowd = Array.from({ length: 205 }, () => ask())
  await clock.advance(0)
  expect(await crowd.at(-1)).toEqual({ verdict: 'unavailable', reason: 'too many ask at once' })
  await clock.advance(5_000)
  await Promise.all(crowd)
})

test('at the end nobody waits', async () => {
  const { ask, directories, stands, clock } = stage((_server, _name) => never())
  stands.say = () => Promise.reject(new Error('aborted'))
  directories.stop()
  expect(await ask()).toEqual({ verdict: 'unavailable', reason: 'shutting down' })
  expect(clock.pending()).toBe(0)
})

test('one entry that cannot be judged keeps nobody else from being asked', async () => {
  const odd: Say = async (_, name) => {
    if (name === 'odd') throw new OddEntryError('result 118', {})
    return 'good'
  }
  const { ask, asked } = stage(odd, ['one', 'two'])
  expect(await ask('odd')).toEqual({ verdict: 'unavailable', reason: 'result 118' })
  expect(await ask()).toEqual({ verdict: 'good' })
  expect(asked).toEqual(['one', 'one'])
})
