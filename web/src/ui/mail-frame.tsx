/**
 * Shows foreign HTML in a document of its own: a sandboxed frame in which no script can run (no `allow-scripts`, and its
 * policy has no script source). It is of our origin only so that the page can fill it, measure it and hand its keys on;
 * without scripts nobody inside can use that. Its documents (public/message*.html) carry their own policy: pictures from
 * the internet can only load in the one that the person asked for.
 */
import { useEffect, useRef, useState } from 'react'

export function MailFrame({ html, pictures, title }: { html: string; pictures: boolean; title: string }) {
  const frame = useRef<HTMLIFrameElement>(null)
  const [ready, setReady] = useState(0)
  const [height, setHeight] = useState(120)

  useEffect(() => {
    const inside = frame.current?.contentDocument
    if (!inside || ready === 0) return undefined
    inside.body.innerHTML = html
    const measure = () =>
      setHeight(
        Math.min(60_000, Math.ceil(Math.max(inside.body.scrollHeight, inside.documentElement.offsetHeight)) + 8),
      )
    measure()
    const watch = new ResizeObserver(measure)
    watch.observe(inside.body)
    inside.addEventListener('load', measure, true)
    // Keys pressed while the frame has the focus belong to the page: j, k, e … go on working.
    const hand = (event: KeyboardEvent) => {
      const copy = new KeyboardEvent('keydown', {
        key: event.key,
        ctrlKey: event.ctrlKey,
        metaKey: event.metaKey,
        altKey: event.altKey,
        shiftKey: event.shiftKey,
        bubbles: true,
        cancelable: true,
      })
      if (!document.dispatchEvent(copy)) event.preventDefault()
    }
    inside.addEventListener('keydown', hand)
    return () => {
      watch.disconnect()
      inside.removeEventListener('load', measure, true)
      inside.removeEventListener('keydown', hand)
    }
  }, [html, ready])

  return (
    <iframe
      ref={frame}
      className="mail-frame"
      title={title}
      src={pictures ? '/message-pictures.html' : '/message.html'}
      sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"
      referrerPolicy="no-referrer"
      onLoad={() => setReady((count) => count + 1)}
      style={{ height }}
    />
  )
}
