/** Held back until the header is there: every byte arrives once and in order, however it is cut. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lateSink } from './late-sink.ts'

function recording() {
  const seen = { header: '', decided: 0, bytes: [] as Buffer[], finished: 0, aborted: 0 }
  const sink = lateSink((header) => {
    seen.decided++
    seen.header = header.toString('latin1')
    return {
      write(chunk) {
        seen.bytes.push(chunk)
      },
      finish: () => Promise.resolve({ queueId: String(++seen.finished) }),
      abort() {
        seen.aborted++
      },
    }
  })
  return { seen, sink }
}

test('any message, cut anywhere', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\r', '\n', ':', ' '), maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(6), { maxLength: 40 }), async (message, cuts) => {
      const { seen, sink } = recording()
      let at = 0
      for (const cut of [...cuts, message.length]) {
        await sink.write(Buffer.from(message.slice(at, at + cut)))
        at += cut
        if (at >= message.length) break
      }
      expect(await sink.finish()).toEqual({ queueId: '1' })
      const end = message.indexOf('\r\n\r\n')
      expect(seen.header).toBe(end < 0 ? message : message.slice(0, end + 4))
      expect(Buffer.concat(seen.bytes).toString()).toBe(message)
      expect(seen.decided).toBe(1)
    }),
  )
})

test('what the decision refuses is refused, and nothing is begun', async () => {
  const no = () => {
    throw new Error('not yours')
  }
  expect(() => lateSink(no).write(Buffer.from('a: b\r\n\r\n'))).toThrow('not yours')
  const bare = lateSink(no)
  await bare.write(Buffer.from('no end of a header'))
  await expect(bare.finish()).rejects.toThrow('not yours')
})

test('given up before and after the decision', async () => {
  const early = recording()
  await early.sink.write(Buffer.from('a'))
  early.sink.abort()
  expect(early.seen).toMatchObject({ decided: 0, aborted: 0 })
  const late = recording()
  await late.sink.write(Buffer.from('a: b\r\n\r\nbody'))
  late.sink.abort()
  expect(late.seen).toMatchObject({ decided: 1, aborted: 1, finished: 0 })
})
