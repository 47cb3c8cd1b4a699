/** The lines of a server that speaks IMAP, one by one, within limits of size and time; no literals are expected here. */
import type { Socket } from 'node:net'
import type { Clock } from '../../platform/clock.ts'

export interface Lines {
  /** The next line without its end. Throws when there is none within `ms`, or it is not one. */
  next(ms: number): Promise<string>
  /** Somebody else reads from here on (TLS). What was not read is thrown away. */
  detach(): void
}

const LONGEST = 16_384
const MOST_WAITING = 65_536

export function readLines(socket: Socket, clock: Clock): Lines {
  let text = ''
  let failure: Error | null = null
  let wake: (() => void) | null = null
  const tell = (): void => wake?.()
  const onData = (chunk: Buffer): void => {
    text += chunk.toString('latin1')
    if (text.length > MOST_WAITING || (!text.includes('\n') && text.length > LONGEST))
      failure = new Error('what answers there does not speak IMAP (a line without an end)')
    tell()
  }
  const onError = (error: Error): void => {
    failure ??= error
    tell()
  }
  const onEnd = (): void => onError(new Error('the connection was closed'))
  socket.on('data', onData)
  socket.on('error', onError)
  socket.on('end', onEnd)
  socket.on('close', onEnd)

  return {
    async next(ms) {
      const until = clock.monotonic() + ms
      for (;;) {
        const end = text.indexOf('\n')
        if (end >= 0) {
          const line = text.slice(0, end).replace(/\r$/, '')
          text = text.slice(end + 1)
          return line
        }
        if (failure) throw failure
        const left = until - clock.monotonic()
        if (left <= 0) throw Object.assign(new Error(`no answer for ${Math.round(ms / 1000)} s`), { code: 'ETIMEDOUT' })
        await new Promise<void>((resolve) => {
          const timer = clock.after(left, resolve, { hold: false })
          wake = () => {
            timer.cancel()
            resolve()
          }
        })
        wake = null
      }
    },
    detach() {
      socket.off('data', onData)
      socket.off('end', onEnd)
      socket.off('close', onEnd)
    },
  }
}
