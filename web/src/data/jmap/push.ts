/**
 * New mail arrives by itself: the event source of RFC 8620 section 7.3, and a slow poll beside it, because a proxy may
 * swallow events. `changed` is called at most once a second; after the connection was lost it is called once, since
 * something may have been missed.
 */
import { expand, jmap, sameOrigin } from './client.ts'

export function watchMail(changed: () => void, pollMs = 20_000): () => void {
  let source: EventSource | null = null
  let stopped = false
  let alive = false
  let timer: ReturnType<typeof setTimeout> | null = null
  const soon = () => {
    timer ??= setTimeout(() => {
      timer = null
      if (!stopped) changed()
    }, 400)
  }
  const open = async () => {
    const session = await jmap.session()
    if (stopped) return
    source = new EventSource(expand(sameOrigin(session.eventSourceUrl), { types: '*', closeafter: 'no', ping: '30' }))
    source.addEventListener('state', soon)
    source.onopen = () => {
      if (!alive) soon()
      alive = true
    }
    source.onerror = () => {
      alive = false
    }
  }
  open().catch(() => undefined)
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
    document.removeEventListener('visibilitychange', back)
    window.removeEventListener('online', soon)
  }
}
