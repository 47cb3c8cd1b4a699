/** A name with addresses of both families: whatever one of them does, the other is reached, and failures say why. */
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fakeClock } from '../../../testkit/fake-clock.ts'
import { systemClock } from '../../platform/clock.ts'
import { dial, inTurns, type DialOptions } from './dial.ts'

const six = { address: '::1', family: 6 }
const four = { address: '127.0.0.1', family: 4 }
const opened: net.Socket[] = []
let server: net.Server
let port: number
beforeEach(async () => {
  server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.write('220 hello\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterEach(async () => {
  for (const socket of opened.splice(0)) socket.destroy()
  const closed = new Promise((resolve) => server.close(resolve))
  await closed
})

/** Never answers. */
const blackHole = (): net.Socket => new net.Socket()
const to = async (options: Partial<DialOptions> & { found?: (typeof six)[] } = {}): Promise<string> => {
  const { found = [six, four], ...rest } = options
  const socket = await dial('host.test', port, {
    clock: systemClock,
    timeoutMs: 5_000,
    lookUp: () => Promise.resolve(found),
    ...rest,
  })
  opened.push(socket)
  // What the server says at once is not lost.
  const [greeting] = (await once(socket, 'data')) as [Buffer]
  expect(greeting.toString()).toBe('220 hello\r\n')
  return socket.remoteAddress!
}

describe('one family is dead', () => {
  test('refused: the other at once', async () => {
    const began = Date.now()
    expect(await to()).toBe('127.0.0.1')
    expect(Date.now() - began).toBeLessThan(200)
  })
  test('a black hole: the other after a quarter of a second', async () => {
    const began = Date.now()
    const holes: net.Socket[] = []
    const open = (address: string): net.Socket => {
      if (address !== '::1') return net.connect({ host: address, port })
      holes.push(blackHole())
      return holes[0]!
    }
    expect(await to({ open })).toBe('127.0.0.1')
    expect(Date.now() - began).toBeGreaterThanOrEqual(245)
    expect(holes[0]!.destroyed).toBe(true)
  })
  test('slow on one, dead on the other: it is waited for', async () => {
    const open = (address: string): net.Socket => {
      const socket = new net.Socket()
      if (address === '127.0.0.1') setTimeout(() => socket.connect({ host: address, port }), 600)
      else setTimeout(() => socket.destroy(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })), 300)
      return socket
    }
    expect(await to({ found: [four, six], open })).toBe('127.0.0.1')
  })
})

test('all refuse: the error says so', async () => {
  const closed = await new Promise<number>((resolve) => {
    const one = net.createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = one.address() as AddressInfo
      one.close(() => resolve(free))
    })
  })
  await expect(
    dial('host.test', closed, { clock: systemClock, timeoutMs: 5_000, lookUp: () => Promise.resolve([six, four]) }),
  ).rejects.toMatchObject({ code: 'ECONNREFUSED', message: expect.stringMatching(/ECONNREFUSED \S+:\d+/) as string })
})

test('no uplink for one family is not what is said of a host that refuses on the other', async () => {
  const fails: Record<string, string> = { '::1': 'ENETUNREACH', '127.0.0.1': 'ECONNREFUSED' }
  const open = (address: string): net.Socket => {
    const socket = new net.Socket()
    setImmediate(() => socket.destroy(Object.assign(new Error(fails[address]), { code: fails[address]! })))
    return socket
  }
  await expect(to({ open })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await expect(to({ open, found: [six] })).rejects.toMatchObject({ code: 'ENETUNREACH' })
})

test('nobody answers, or the name is not answered: an end after the time given, and nothing stays', async () => {
  const clock = fakeClock()
  const holes: net.Socket[] = []
  const open = (): net.Socket => {
    holes.push(blackHole())
    return holes.at(-1)!
  }
  const failed = to({ clock, timeoutMs: 10_000, open }).catch((error: unknown) => error)
  const unnamed = to({ clock, timeoutMs: 10_000, lookUp: () => new Promise(() => undefined) }).catch(
    (error: unknown) => error,
  )
  await clock.advance(10_000)
  expect(await failed).toMatchObject({ code: 'ETIMEDOUT', message: 'no answer for 10 s' })
  expect(await unnamed).toMatchObject({ code: 'ETIMEDOUT' })
  expect(holes.map((one) => one.destroyed)).toEqual([true, true])
  expect(clock.pending()).toBe(0)
})

test.each([
  [[], []],
  [
    ['6a', '6b', '4a', '4b', '4c'],
    ['6a', '4a', '6b', '4b', '4c'],
  ],
  [
    ['4a', '6a', '6b'],
    ['4a', '6a', '6b'],
  ],
  [
    ['4a', '4b'],
    ['4a', '4b'],
  ],
])('%j in turns', (found, turns) => {
  expect(inTurns(found.map((address) => ({ address, family: Number(address[0]) })))).toEqual(turns)
})

test('a name that does not exist', async () => {
  const lookUp = (): Promise<never> => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }))
  await expect(to({ lookUp })).rejects.toMatchObject({ code: 'ENOTFOUND' })
  await expect(to({ found: [] })).rejects.toMatchObject({ code: 'ENOTFOUND' })
})

describe('from an address of ours', () => {
  const seenFrom = async (from: string[], found = [six, four]): Promise<string> => {
    const came = once(server, 'connection') as Promise<[net.Socket]>
    await to({ from, found })
    return (await came)[0].remoteAddress!
  }
  test('the one that was asked for', async () => {
    expect(await seenFrom(['127.0.0.2'])).toBe('127.0.0.2')
    expect(await seenFrom(['127.0.0.3', '::1'], [four])).toBe('127.0.0.3')
  })
  test('a host of another family alone is not tried', async () => {
    await expect(to({ from: ['127.0.0.2'], found: [six] })).rejects.toThrow('no address of the family we come from')
  })
  test('one that is not ours says so', async () => {
    await expect(to({ from: ['192.0.2.1'], found: [four] })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' })
  })
})
