/**
 * New mail arrives by itself: the event source of RFC 8620 section 7.3, and a slow poll beside it, because a proxy may
 * swallow events. `changed` is called at most once a second; after the connection was lost it is called once, since
 * something may have been missed.
 *
 * A browser reopens a stream that broke, but gives one up that was answered with an error (a proxy's 502 while the server
 * starts): that one is opened anew here, later each time. When the sign-in is over nothing is asked any more.
 */
import { ApiError } from '../api.ts'
import { expand, jmap, sameOrigin } from './client.ts'

const FIRST_WAIT_MS = 2_000
const LONGEST_WAIT_MS = 60_000

/** How long until the stream is opened again after so many failures in a row; half of it by chance, so that a thousand windows do not come at once. */
export const waitBeforeOpening = (failures: number, random = Math.random()): number =>
  Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 10)) * (0.5 + random / 2)

export function watchMail(changed: () => void, pollMs = 20_000): () => void {
  let source: EventSource | null = null
  let stopped = false
  let alive = false
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | null = null
  let opening: ReturnType<typeof setTimeout> | null = null
  const soon = () => {
    timer ??= setTimeout(() => {
      timer = null
      if (!stopped) changed()
    }, 400)
  }
  function again(): void {
    alive = false
    source?.close()
    source = null
    if (stopped) return
    failures++
    opening ??= setTimeout(() => {
      opening = null
      open().catch(given)
    }, waitBeforeOpening(failures))
  }
  /** Without a session there is nothing to watch, and the pages say so. */
  const given = (thrown: unknown): void => {
    if (!(thrown instanceof ApiError && [401, 403].includes(thrown.status))) again()
  }
  async function open(): Promise<void> {
    // After a failure the session may have become another one, and it says whether the sign-in is over.
    if (failures > 0) jmap.forget()
    const session = await jmap.session()
    if (stopped) return
    const stream = new EventSource(
      expand(sameOrigin(session.eventSourceUrl), { types: '*', closeafter: 'no', ping: '30' }),
    )
    source = stream
    stream.addEventListener('state', soon)
    stream.onopen = () => {
      failures = 0
      if (!alive) soon()
      alive = true
    }
    stream.onerror = () => {
      alive = false
      if (stream.readyState === EventSource.CLOSED && source === stream) again()
    }
  }
  open().catch(given)
  let quietPolls = 0
  const poll = setInterval(() => {
    // While events flow, only every sixth poll asks.
    if (!document.hidden && (!alive || ++quietPolls % 6 === 0)) soon()
  }, pollMs)
  const back = () => document.hidden || soon()
  document.addEventListener('visibilitychange', back)
  window.addEventListener('online', soon)
  return () => {
    stopped = true
    source?.close()
    clearInterval(poll)
    if (timer) clearTimeout(timer)
    if (opening) clearTimeout(opening)
    document.removeEventListener('visibilitychange', back)
    window.removeEventListener('online', soon)
  }
}
