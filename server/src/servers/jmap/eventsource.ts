/** Push by server-sent events (RFC 8620 section 7.3): a StateChange whenever the person's mailbox, or one they share, has changed. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Mailbox, MailOwner } from '../../core/mailbox/index.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'

const TYPES = ['Email', 'EmailDelivery', 'Mailbox', 'Thread'] as const
/** Seconds between pings: asked for, but within these. */
const PING_LEAST = 5
const PING_MOST = 300
/** So often an open stream asks whether its session still is. */
const SESSION_MS = 60_000
/** Changes within this time are told at once. */
const GATHER_MS = 50

export interface Stream {
  write(text: string): void
  end(): void
}

export interface StreamWish {
  types: readonly string[]
  closeAfterState: boolean
  pingSeconds: number
  /** the id of the last event the client saw before it lost the connection */
  lastSeen: string | null
}

export function readWish(query: Record<string, unknown>, lastSeen: string | null): StreamWish {
  const text = (name: string): string => (typeof query[name] === 'string' ? query[name] : '')
  const types = text('types')
  const ping = Number.parseInt(text('ping') || '0', 10)
  return {
    types: types === '' || types === '*' ? TYPES : TYPES.filter((type) => types.split(',').includes(type)),
    lastSeen,
    closeAfterState: text('closeafter') === 'state',
    pingSeconds: Number.isFinite(ping) && ping > 0 ? Math.min(PING_MOST, Math.max(PING_LEAST, ping)) : 0,
  }
}

/** Tells `stream` of changes until the returned function is called, or `isAllowed` says no. */
export function streamChanges(
  deps: { mailbox: Mailbox; clock: Clock; log: Log; isAllowed: () => Promise<boolean> },
  owner: MailOwner,
  wish: StreamWish,
  stream: Stream,
): () => void {
  const { mailbox, clock } = deps
  let known = wish.lastSeen
  let gathering: Timer | null = null
  let ended = false
  // Others end it while one waits for an answer.
  const isOver = (): boolean => ended
  const knownOf = new Map<string, string>()

  async function states(of = owner): Promise<{ email: string; mailbox: string }> {
    const state = await mailbox.state(of)
    return { email: await mailbox.formatState('e', state), mailbox: await mailbox.formatState('b', state) }
  }

  async function tell(): Promise<void> {
    if (!(await deps.isAllowed())) return stop()
    const now = await states()
    if (isOver()) return
    const changed: Record<string, object> = {}
    if (now.email !== known) changed[owner.personId] = wanted(now)
    known = now.email
    for (const other of await shared()) {
      const state = await states(other)
      const before = knownOf.get(other.personId)
      knownOf.set(other.personId, state.email)
      if (before !== undefined && before !== state.email) changed[other.personId] = wanted(state)
    }
    if (isOver() || Object.keys(changed).length === 0) return
    const data = JSON.stringify({ '@type': 'StateChange', changed })
    stream.write(`event: state\nid: ${now.email}\ndata: ${data}\n\n`)
    if (wish.closeAfterState) stop()
  }

  function wanted(now: { email: string; mailbox: string }): Record<string, string> {
    const all: Record<string, string> = {
      Email: now.email,
      EmailDelivery: now.email,
      Mailbox: now.mailbox,
      Thread: now.email,
    }
    return Object.fromEntries(wish.types.map((type) => [type, all[type]!]))
  }

  /** Asked anew each time: what was taken away is told no more. New ones are heard of with the next change, or stream. */
  async function shared(): Promise<MailOwner[]> {
    const list = await mailbox.sharedWith(owner)
    if (ended) return []
    for (const { id } of list) if (!heard.has(id)) heard.set(id, mailbox.hub.subscribe(id, soon))
    return list.map(({ id }) => ({ organisationId: owner.organisationId, personId: id, actorId: owner.personId }))
  }

  const soon = (): void => {
    if (gathering || ended) return
    gathering = clock.after(GATHER_MS, () => {
      gathering = null
      tell().catch((error: unknown) =>
        deps.log.debug({ err: (error as Error).message }, 'push failed; the next change tells'),
      )
    })
  }

  const unsubscribe = mailbox.hub.subscribe(owner.personId, soon)
  const heard = new Map<string, () => void>()
  const watch = clock.every(SESSION_MS, () => {
    deps.isAllowed().then(
      (yes) => {
        if (!yes) stop()
      },
      () => undefined,
    )
  })
  const pings =
    wish.pingSeconds > 0
      ? clock.every(wish.pingSeconds * 1000, () =>
          stream.write(`event: ping\ndata: ${JSON.stringify({ interval: wish.pingSeconds })}\n\n`),
        )
      : null

  function stop(): void {
    if (ended) return
    ended = true
    unsubscribe()
    for (const quiet of heard.values()) quiet()
    pings?.cancel()
    watch.cancel()
    gathering?.cancel()
    stream.end()
  }

  // A client that comes back hears at once of what it missed; a new one knows the state of this moment.
  if (wish.lastSeen !== null) soon()
  else
    states().then(
      (now) => (known ??= now.email),
      () => undefined,
    )
  shared()
    .then(async (others) => {
      for (const other of others) {
        const { email } = await states(other)
        if (!knownOf.has(other.personId)) knownOf.set(other.personId, email)
      }
    })
    .catch((error: unknown) => deps.log.debug({ err: (error as Error).message }, 'shared mailboxes are not watched'))
  return stop
}

export function serveEvents(
  deps: { mailbox: Mailbox; clock: Clock; log: Log },
  owner: MailOwner,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { raw } = reply
  reply.hijack()
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  })
  raw.write(': connected\n\n')
  const lastSeen = request.headers['last-event-id']
  const wish = readWish(request.query as Record<string, unknown>, typeof lastSeen === 'string' ? lastSeen : null)
  const isAllowed = request.stillAllowed ?? (() => Promise.resolve(true))
  const stop = streamChanges({ ...deps, isAllowed }, owner, wish, {
    write: (text) => {
      // A reader that does not read is let go: it comes back and asks for changes.
      if (raw.writableLength > 65_536) raw.destroy()
      else raw.write(text)
    },
    end: () => raw.end(),
  })
  raw.on('close', stop)
  raw.on('error', stop)
}
