/**
 * For developing the pages only: serves web/dist under the real policy, with an organisation in memory behind the same
 * two doors (/api/v1 and JMAP), good enough to look at every scene. `node web/mock/server.mjs [port] [mode]`.
 */
import { readFileSync, existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'

import { appPasswordsApi } from './app-passwords.mjs'
import { bookApi } from './book.mjs'
import { mailboxAccessApi } from './mailbox-access.mjs'
import { contactApi, waysBackApi } from './private-contact.mjs'
import { secondFactorApi } from './second-factor.mjs'
import { directoryApi } from './directory.mjs'
import { diskOf, learnedApi } from './learned.mjs'

const dist = join(import.meta.dirname, '../dist')
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
const messagePolicy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob: https: http:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString()
const html = `<style>.box{background:#fff4d6;padding:12px} h2{color:#0a5}</style><h2>Quarterly figures</h2><p onclick="alert(1)">Hello Alice,</p><p>please find <b>the figures</b> below. <a href="https://example.com/report" onclick="evil()">Open the report</a> or <a href="javascript:alert(1)">this</a>.</p><img src="cid:logo@x" width="120"><img src="https://tracker.example/pixel.gif"><div class="box" style="background-image:url(https://tracker.example/bg.png)">Revenue grew by 12&nbsp;%.</div><script>parent.document.title='broken'</script><table border="1" cellpadding="6"><tr><th>Quarter</th><th>Revenue</th></tr><tr><td>Q1</td><td>1,204</td></tr></table><p>Kind regards<br>Bob</p>`
const people = [
  ['Bob Müller', 'bob@example.com'],
  ['Claire Dubois-Lefèvre', 'claire@example.com'],
  ['Newsletter of the Federation of Harbour Authorities', 'news@harbour.example.org'],
  [null, 'no-reply@shop.example'],
]
const subjects = [
  'Quarterly figures',
  'Re: Lunch on Thursday?',
  'Die Donaudampfschifffahrtsgesellschaft hat den Liegeplatz geändert',
  'Invoice 2026-1187',
  'Réunion de coordination reportée',
  'Server maintenance this weekend',
]
const folders = [
  ['m1', 'Inbox', 'inbox'],
  ['m2', 'Drafts', 'drafts'],
  ['m3', 'Sent', 'sent'],
  ['m4', 'Trash', 'trash'],
  ['m5', 'Junk', 'junk'],
  ['m6', 'Archive', 'archive'],
  ['m7', 'Projects', null],
]
const blobs = new Map([
  [
    'logo',
    Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    ),
  ],
])
let later = [
  ['w0', 0.4, 'Minutes of the board, and what was decided about the new berths', 'board@example.com'],
  ['w1', 26, 'Happy birthday!', 'dora@example.com'],
].map(([id, hours, subject, email]) => ({
  id: `s${id}`,
  emailId: id,
  undoStatus: 'pending',
  sendAt: `${new Date(Date.now() + hours * 3_600_000).toISOString().slice(0, 19)}Z`,
  subject,
  email,
}))
let mails = Array.from({ length: 240 }, (_, at) => {
  const [name, email] = people[at % people.length]
  return {
    id: `e${at}`,
    at: ago(7 + at * 47),
    from: [{ name, email }],
    to: [
      { name: 'Alice Martin', email: 'alice@example.com' },
      ...(at % 5 ? [] : [{ name: 'Dora', email: 'dora@example.com' }]),
    ],
    subject: at === 9 ? '' : subjects[at % subjects.length],
    folder: at % 11 === 10 ? 'm6' : at % 17 === 16 ? 'm3' : 'm1',
    keywords:
      at > 4 || at === 2
        ? { $seen: true, ...(at % 8 ? {} : { $flagged: true }), ...(at % 7 ? {} : { $answered: true }) }
        : {},
    html: at % 2 ? null : html,
    text: `Hello Alice,\n\nthis is message ${at}. See https://example.com/page?x=${at} for more.\n\n> You wrote something before\n> and it is quoted here.\n\nKind regards\n${name ?? email}`,
    files:
      at % 3
        ? []
        : [
            {
              name: `Figures ${at} – final version of the very long name.pdf`,
              type: 'application/pdf',
              size: 182_000 + at,
            },
          ],
  }
})
for (const { emailId, subject, email } of later)
  mails.push({
    id: emailId,
    at: ago(3),
    from: [{ name: 'Alice Martin', email: 'alice@example.com' }],
    to: [{ name: null, email }],
    subject,
    folder: 'm2',
    keywords: { $seen: true, $draft: true },
    html: null,
    text: 'Later.',
    files: [],
  })
let count = 1000
let mode = process.argv[3] ?? 'emergency'
/** the organisation asks for a private address */
let asked = false
let signed = null
const sources = new Set()
const alice = {
  kind: 'person',
  id: 'p1',
  name: 'Alice Martin',
  address: 'alice@example.com',
  addresses: ['alice@example.com'],
  organisation: { id: 'o1', name: 'Example' },
  role: 'admin',
  locale: '',
  abilities: [
    'account',
    'mail',
    'organisations:see',
    'board:see',
    'board:pin',
    'queue:see',
    'queue:act',
    'parking:see',
    'parking:act',
    'returns:see',
    'trace:see',
    'quiet:see',
    'quiet:act',
    'people:see',
    'people:act',
    'people:reset',
    'mailbox:see',
    'mailbox:ask',
    'mailbox:decide',
    'audit:see',
  ],
  csrf: 'c',
  version: '1',
  mustChangePassword: false,
  choosesPassword: false,
  get askedForContact() {
    return asked
  },
  lacksSecondFactor: false,
}
const quiet = () => {
  const exempt = { senders: ['boss@example.com'], recipients: [], subjects: [], priorities: ['high'] }
  const days = ['mon', 'tue', 'wed', 'thu', 'fri']
  const span = (from, until) => ({ from: ago(-from), until: ago(-until) })
  const base = {
    ...{ provider: false, target: 'all', targetId: null, targetName: null, open: null, next: null, week: [] },
    ...{ releasedUntil: null, extendedUntil: null, held: 0, setBy: 'person:p1', setAt: ago(9000) },
  }
  const hours = { from: '22:00', to: '06:00' }
  const plan = { zone: 'Europe/Berlin', except: [], also: [], exempt, modes: 'judged' }
  return [
    {
      ...base,
      ...{ id: 'w1', name: 'Night', plan: { ...plan, weekly: { days, ...hours } } },
      ...{ open: span(-290, 190), next: span(1150, 1630), held: 4, target: 'group', targetId: 'g1' },
      targetName: 'Field engineers and their substitutes',
      week: [0, 1, 2, 3, 4].map((day) => span(day * 1440 - 290, day * 1440 + 190)),
    },
    {
      ...base,
      ...{ id: 'w2', name: 'Patch night', provider: true, next: span(4000, 4240), week: [span(4000, 4240)] },
      plan: { ...plan, monthly: { nth: 2, day: 'tue', from: '22:00', to: '02:00' }, modes: 'stay' },
    },
    {
      ...base,
      ...{ id: 'w3', name: 'Move to the new building', target: 'route', targetId: 'r1', targetName: 'primary' },
      plan: { ...plan, once: { from: '2026-11-20T18:00', to: '2026-11-22T06:00' }, modes: 'emergency' },
    },
  ]
}
const progress = () => (mode === 'recovering' ? { total: 1204, home: 431, pending: 773 } : null)
const queued = Array.from({ length: 60 }, (_, at) => ({
  deliveryId: `d${at}`,
  messageId: `x${at}`,
  recipient: at % 2 ? 'alice@example.com' : 'bernadette.lichtenstein@example.com',
  from: people[at % 4][1],
  subject: subjects[at % 6],
  state: ['deferred', 'ready', 'unsure'][at % 3],
  reason: ['connect-timeout', 'route-closed', 'final-reply-lost'][at % 3],
  attempts: at % 4,
  nextAttemptAt: at % 3 === 1 ? null : ago(-2),
  acceptedAt: ago(3 + at),
  size: 4200 + at * 311,
  route: 'primary',
}))
let parked = queued.slice(0, 3).map((item, at) => ({
  ...item,
  state: 'parked',
  ...(at === 2
    ? { reason: 'unknown-recipient-parked', recipient: 'accounts.old@example.com', lastAttempt: null, seenBy: null }
    : {
        reason: 'sender-not-aligned',
        lastAttempt: {
          at: ago(9),
          reason: 'recipient-refused',
          reply: '550 5.1.1 <alice@example.com>: Recipient address rejected: User unknown in virtual mailbox table',
        },
        seenBy: 'The Boss',
      }),
  parkedAt: ago(9),
  seenAt: null,
}))
const route = () => ({
  id: 'r1',
  name: 'mail.example.com',
  kind: 'primary',
  mode,
  since: ago(28),
  cause: mode === 'normal' ? 'first-seen' : 'evidence-worse',
  detail:
    mode === 'normal'
      ? 'everything due has gone home'
      : '6 failures in 2 s, no health between them; last: 451 4.3.2 try later',
  pin:
    mode === 'hold' ? { kind: 'hold', reason: 'Somebody broke into the server', author: 'admin', until: null } : null,
  version: 3,
  open: 1204,
  held: 1190,
  oldestOpenAt: ago(31),
  parked: 2,
  sensitivity: { name: 'quick', suspectAfter: 3, emergencyAfter: 10, recoverAfter: 8, probeEvery: 2 },
  evidence: [
    { kind: 'timeout', count: 14, lastText: 'no greeting after 10 s' },
    { kind: 'connectRefused', count: 41, lastText: '127.0.0.1:2600 refused' },
    { kind: 'probeBad', count: 12, lastText: null },
  ],
  probe: { lastAt: ago(0.1), lastText: 'connection refused', good: false },
  hosts: [
    {
      host: 'mx1.example.test:25',
      last: { good: true, since: ago(4000), at: ago(0), text: 'mx1.example.test:25 250 2.1.5 Ok' },
    },
    {
      host: 'mx2.example.test:25',
      last: {
        good: false,
        since: ago(75),
        at: ago(0),
        text: 'mx2.example.test:25 connect ECONNREFUSED 192.0.2.8:25 (at connect)',
      },
    },
    { host: 'mx3.example.test:25', last: null },
  ],
  reach: [
    {
      name: 'there and back',
      kind: 'roundTrip',
      last: { at: ago(2), outcome: 'good', text: 'in the Inbox after 3.4 s' },
    },
    { name: 'Outlook on the web', kind: 'https', last: { at: ago(0.2), outcome: 'good', text: 'it answers 200' } },
    { name: 'sign-in', kind: 'oidc', last: { at: ago(0.3), outcome: 'bad', text: 'no answer for 10 s' } },
    {
      name: 'phones',
      kind: 'imap',
      last: { at: ago(9), outcome: 'refused', text: 'signing in was answered: [AUTHENTICATIONFAILED] no' },
    },
    { name: 'mail.example.com', kind: 'dns', last: null },
  ],
  reports: mode === 'normal' ? null : { signed: 3, claimed: 11, needed: 5, lastAt: ago(0.4) },
  blind: mode === 'suspect' ? { since: ago(1), why: 'probe: connect ENETUNREACH (our own trouble)' } : null,
  acceptsAll: { since: ago(3000), askedAt: ago(3) },
  mailboxes:
    mode === 'normal' || mode === 'recovering'
      ? {
          isPart: true,
          failing: 2,
          people: ['bob@example.com', 'bernadette.von.lichtenstein-hohenfels@example.com'].map((name, at) => ({
            personId: `p${at}`,
            name,
            since: ago(12 + at),
            failures: 5,
            lastText: '<user> Temporary internal error',
            nextTryAt: ago(-2),
          })),
        }
      : { isPart: false, failing: 0, people: [] },
  returnEvent: progress() && { id: 'v1', startedAt: ago(2), unsure: 2, refused: 0, cancelled: 1, ...progress() },
})
const notices = () => [
  {
    ...{ routeId: 'r1', routeName: 'mail.example.com', automatic: true, afterMinutes: 10, people: 214, hasUrl: true },
    dueAt: mode === 'emergency' && !suppressed ? ago(-4) : null,
    outage:
      mode === 'normal'
        ? null
        : {
            ...{ beganAt: ago(28), overAt: null, failed: 1, overTold: 0, total: 214 },
            ...(mode !== 'recovering'
              ? { toldAt: null, toldBy: null, told: 0 }
              : { toldAt: ago(18), toldBy: 'engine', told: 131 }),
            ...{ suppressedAt: suppressed ? ago(1) : null, isDone: false },
          },
  },
]
let suppressed = false
const ledger = Array.from({ length: 30 }, (_, at) => ({
  ledgerId: `l${at}`,
  at: ago(2 - at / 30),
  person: 'Alice Martin',
  recipient: 'alice@example.com',
  subject: subjects[at % 6],
  outcome: at % 9 ? 'delivered' : 'deferred',
  proof: at % 9 ? `250 2.0.0 Ok: queued as 4F${at}C2D` : '451 4.3.2 Try later',
  attemptNo: 1,
  kind: 'delivery',
}))

const email = (mail) => {
  const files = mail.files.map((file, at) => ({
    partId: `f${at}`,
    blobId: file.blobId ?? 'logo',
    charset: null,
    disposition: 'attachment',
    cid: null,
    ...file,
  }))
  const inline = mail.html?.includes('cid:logo')
    ? [
        {
          partId: 'l',
          blobId: 'logo',
          size: 100,
          name: 'logo.png',
          type: 'image/png',
          charset: null,
          disposition: 'inline',
          cid: 'logo@x',
        },
      ]
    : []
  const part = (partId, type) => ({
    partId,
    blobId: partId,
    size: 1,
    name: null,
    type,
    charset: 'utf-8',
    disposition: null,
    cid: null,
  })
  return {
    id: mail.id,
    threadId: mail.id,
    blobId: `M${mail.id}`,
    mailboxIds: { [mail.folder]: true },
    keywords: mail.keywords,
    from: mail.from,
    to: mail.to,
    cc: mail.cc ?? [],
    bcc: mail.bcc ?? null,
    replyTo: null,
    sender: null,
    subject: mail.subject,
    receivedAt: mail.at,
    sentAt: mail.at,
    preview: mail.text.replace(/\s+/g, ' ').slice(0, 120),
    hasAttachment: files.length > 0,
    size: 5000,
    messageId: [`${mail.id}@example`],
    inReplyTo: null,
    references: null,
    headers: [
      { name: 'From', value: ' Bob' },
      { name: 'Received', value: ' from mx.example.org by holdfast; Mon, 2 Mar 2026 09:32:11 +0000' },
      { name: 'DKIM-Signature', value: ` v=1; ${'a'.repeat(180)}` },
    ],
    textBody: [part('t', 'text/plain')],
    htmlBody: [mail.html ? part('h', 'text/html') : part('t', 'text/plain')],
    attachments: [...files, ...inline],
    bodyValues: {
      t: { value: mail.text, isTruncated: false, isEncodingProblem: false },
      ...(mail.html ? { h: { value: mail.html, isTruncated: false, isEncodingProblem: false } } : {}),
    },
  }
}
const push = () =>
  sources.forEach((answer) => answer.write('event: state\ndata: {"@type":"StateChange","changed":{}}\n\n'))
const ids = new Map()
const methods = {
  'Mailbox/get': () => ({
    state: 's',
    notFound: [],
    list: folders.map(([id, name, role], at) => ({
      id,
      name,
      role,
      parentId: null,
      sortOrder: at,
      totalEmails: mails.filter((mail) => mail.folder === id).length,
      unreadEmails: mails.filter((mail) => mail.folder === id && !mail.keywords.$seen).length,
    })),
  }),
  'Identity/get': () => ({
    state: 's',
    notFound: [],
    list: [
      {
        id: 'i1',
        name: 'Alice Martin',
        email: 'alice@example.com',
        replyTo: null,
        textSignature: '',
        htmlSignature: '',
      },
    ],
  }),
  'Email/query'({ filter = {}, position = 0, limit = 50 }) {
    const found = mails
      .filter(
        (mail) =>
          (!filter.inMailbox || mail.folder === filter.inMailbox) &&
          !(filter.inMailboxOtherThan ?? []).includes(mail.folder) &&
          (!filter.text || JSON.stringify(mail).toLowerCase().includes(filter.text.toLowerCase())),
      )
      .sort((a, b) => (a.at < b.at ? 1 : -1))
    return {
      queryState: 'q',
      position,
      total: found.length,
      ids: found.slice(position, position + limit).map(({ id }) => id),
    }
  },
  'Email/get': (args) => ({
    state: 's',
    notFound: [],
    list: args.ids.flatMap((id) => mails.filter((mail) => mail.id === id).map(email)),
  }),
  'Email/set'(args) {
    const created = {}
    for (const [key, each] of Object.entries(args.create ?? {})) {
      const id = `e${++count}`
      ids.set(`#${key}`, id)
      mails.push({
        id,
        at: new Date().toISOString(),
        from: each.from,
        to: each.to,
        cc: each.cc,
        bcc: each.bcc,
        subject: each.subject,
        folder: Object.keys(each.mailboxIds)[0],
        keywords: each.keywords,
        text: each.bodyValues.text.value,
        html: each.bodyValues.html?.value ?? null,
        files: (each.attachments ?? []).map((file) => ({ size: 1000, ...file })),
      })
      created[key] = { id }
    }
    for (const [id, patch] of Object.entries(args.update ?? {})) {
      const mail = mails.find((each) => each.id === (ids.get(id) ?? id))
      for (const [path, value] of Object.entries(mail ? patch : {})) {
        const [group, name] = path.split('/')
        if (group === 'keywords') value ? (mail.keywords[name] = true) : delete mail.keywords[name]
        else if (value) mail.folder = name
      }
    }
    mails = mails.filter(({ id }) => !(args.destroy ?? []).includes(id))
    setTimeout(push, 50)
    return { newState: 's', created, updated: {}, destroyed: args.destroy ?? [] }
  },
  'EmailSubmission/query': () => ({ queryState: 's', position: 0, ids: later.map(({ id }) => id) }),
  'EmailSubmission/get': (args) => ({
    state: 's',
    notFound: [],
    list: later.filter(({ id }) => args.ids.includes(id)),
  }),
  'EmailSubmission/set'(args) {
    for (const [id] of Object.entries(args.update ?? {})) {
      later = later.filter((each) => each.id !== id)
      return { newState: 's', updated: { [id]: null } }
    }
    const { emailId, envelope } = args.create.sending
    const held = envelope?.mailFrom.parameters
    if (held) {
      const wait = { id: `s${++count}`, emailId: ids.get(emailId) ?? emailId }
      const sendAt = held.HOLDUNTIL ?? new Date(Date.now() + held.HOLDFOR * 1000).toISOString()
      later.push({ ...wait, sendAt, undoStatus: 'pending' })
      setTimeout(push, 50)
      return { newState: 's', created: { sending: { ...wait, sendAt, undoStatus: 'pending' } } }
    }
    for (const [key, patch] of Object.entries(args.onSuccessUpdateEmail ?? {}))
      methods['Email/set']({
        update: { [ids.get(args.create[key.slice(1)].emailId) ?? args.create[key.slice(1)].emailId]: patch },
      })
    return { newState: 's', created: { sending: { id: 'x' } } }
  },
}
const refusal = (id, minutes, what) => ({
  id: `019ae0c2-0000-7000-8000-0000000000${id.replace(/\D/, 'a')}`,
  at: ago(minutes),
  during: 'RCPT',
  from: null,
  recipient: null,
  signIn: null,
  messageIdHeader: null,
  clientIp: '192.0.2.25',
  helo: 'mail.shop.example',
  tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
  times: 1,
  ...what,
})
const page = (items) => ({ items, next: null })
const api = {
  ...mailboxAccessApi,
  'GET /session': () => signed ?? [401, { error: { code: 'signed-out', text: 'Please sign in' } }],
  'POST /session': ({ name, password }) =>
    password === 'wrong' || password === 'second step'
      ? [
          401,
          password === 'wrong'
            ? { error: { code: 'sign-in-failed', text: '' } }
            : { error: { code: 'second-factor-needed', text: '', detail: 'app passkey' } },
        ]
      : (signed =
          name === 'operator'
            ? { ...alice, kind: 'operator', role: 'operator', organisation: null, address: null }
            : { ...alice, lacksSecondFactor: password === 'lacking' }),
  'DELETE /session': () => void (signed = null),
  'PATCH /me': () => undefined,
  'GET /setup/good': () => ({ valid: true }),
  'GET /me/standing': () => ({
    mode,
    since: ago(28),
    pin: null,
    cause: 'evidence-worse',
    primaryName: 'mail.example.com',
    waitingHere: 12,
    parkedHere: mode === 'normal' ? 2 : 0,
    deletedButOwed: 0,
    sentHere: mode === 'normal' ? 0 : 3,
    return: progress(),
    now: ago(0),
  }),
  'GET /organisations': () => [
    { id: 'o1', name: 'Example' },
    { id: 'o2', name: 'Harbour' },
  ],
  'GET /organisations/o1/notices': () => notices(),
  'POST /organisations/o1/routes/r1/notices/suppress': () => {
    suppressed = true
    return notices()[0]
  },
  'POST /organisations/o1/routes/r1/notices': () => notices()[0],
  'POST /reports': () => ({}),
  'POST /me/report': () => ({}),
  'GET /organisations/o1/routes': () => [
    route(),
    {
      ...route(),
      id: 'r2',
      name: 'internet',
      kind: 'mx',
      mode: 'normal',
      open: 0,
      held: 0,
      oldestOpenAt: null,
      evidence: [],
      probe: null,
      hosts: [],
      reach: [],
      acceptsAll: null,
      mailboxes: { isPart: false, failing: 0, people: [] },
      returnEvent: null,
      cause: 'first-seen',
    },
  ],
  'GET /organisations/o1/pins': () => ({
    pins: [
      {
        target: 'domain',
        targetId: 'd1',
        name: 'example.com',
        kind: 'hold',
        reason: 'broken into',
        author: 'Op',
        since: ago(30),
        until: null,
        version: 3,
      },
      {
        target: 'person',
        targetId: 'p1',
        name: 'bernadette.von.lichtenstein-hohenfels@example.com',
        kind: 'emergency',
        reason: 'her account moves this afternoon',
        author: 'Op',
        since: ago(5),
        until: ago(-90),
        version: 4,
      },
    ],
    targets: [
      { target: 'organisation', id: 'o1', name: 'Example' },
      { target: 'domain', id: 'd1', name: 'example.com' },
      { target: 'group', id: 'g1', name: 'Office' },
    ],
  }),
  'POST /organisations/o1/routes/r1/pin': ({ pin }) => ((mode = pin ?? 'normal'), route()),
  'GET /organisations/o1/quiet': () => quiet(),
  'GET /organisations/o1/quiet-held': () =>
    page(
      queued.slice(0, 4).map(({ deliveryId, messageId, recipient, from, subject, acceptedAt }) => ({
        ...{ deliveryId, messageId, recipient, from, subject, acceptedAt },
        windowId: 'w1',
        window: 'Night',
        since: acceptedAt,
        until: ago(-190),
      })),
    ),
  'GET /organisations/o1/queue': () => page(queued),
  'GET /organisations/o1/alarms': () => ({
    items: [
      {
        id: 'al2',
        kind: 'ask-away',
        routeId: 'r1',
        routeName: 'exchange',
        probe: '',
        source: '',
        detail: '12 failures in 34 s, no health between them; last: mx1.corp.example:25 connection refused',
        openedAt: ago(8),
        endedAt: null,
        acknowledgedAt: null,
        acknowledgedBy: '',
        told: 1,
        answerable: true,
      },
      {
        id: 'al1',
        kind: 'probe-refused',
        routeId: 'r1',
        routeName: 'exchange',
        probe: 'Webmail',
        source: '',
        detail: 'NO [AUTHENTICATIONFAILED]',
        openedAt: ago(3000),
        endedAt: ago(2000),
        acknowledgedAt: ago(2900),
        acknowledgedBy: 'Ada Lind',
        told: 2,
        answerable: false,
      },
    ],
    next: null,
  }),
  'GET /organisations/o1/parking': () => page(parked),
  'POST /organisations/o1/parking/d2/assign': ({ address }) => {
    if (address !== 'alice@example.com')
      return [404, { error: { code: 'unknown-recipient', text: 'There is nobody with this address here' } }]
    parked = parked.filter(({ deliveryId }) => deliveryId !== 'd2')
    return { address, outcome: mode === 'normal' ? 'queued' : 'waits' }
  },
  'GET /organisations/o1/returns': () =>
    page([
      {
        id: 'v1',
        routeId: 'r1',
        routeName: 'mail.example.com',
        startedAt: ago(28),
        returningAt: ago(2),
        endedAt: null,
        total: 1206,
        home: 431,
        pending: 773,
        unsure: 2,
        refused: 0,
        cancelled: 0,
      },
      {
        id: 'v0',
        routeId: 'r1',
        routeName: 'mail.example.com',
        startedAt: ago(3028),
        returningAt: ago(3002),
        endedAt: ago(3000),
        total: 4,
        home: 3,
        pending: 0,
        unsure: 0,
        refused: 0,
        cancelled: 1,
      },
    ]),
  'GET /organisations/o1/returns/v1/ledger': () => page(ledger),
  'GET /organisations/o1/refusals': () =>
    page([
      refusal('r0', 4, {
        from: 'newsletter@shop.example',
        recipient: 'alcie@harbour.example',
        reply: '550 5.1.1 There is nobody with this address here',
      }),
      refusal('r1', 55, {
        during: 'message',
        from: '',
        recipient: 'accounts@harbour.example',
        messageIdHeader: '<20261102.9f3a-7c41@out.partner-with-a-long-name.example>',
        clientIp: '2001:db8::25',
        helo: 'out.partner-with-a-long-name.example',
        tls: null,
        reply: '552 5.3.4 The message is too large: at most 157286400 octets',
        times: 3,
      }),
      refusal('r2', 70, {
        during: 'AUTH',
        signIn: 'alice@harbour.example',
        clientIp: '198.51.100.77',
        helo: '[192.168.1.20]',
        reply: '535 5.7.8 That is not right: check name and password',
        times: 4,
      }),
    ]),
  'GET /refusals': () =>
    page([
      refusal('s0', 9, {
        during: 'connect',
        helo: '',
        reply: '421 4.7.0 Too many connections from your address. Please try again',
        times: 212,
      }),
    ]),
  'GET /organisations/o1/trace': () =>
    page(
      queued.slice(0, 12).map((item) => ({
        ...item,
        ownId: 'hf-77-0af3',
        messageIdHeader: '<a@example>',
        direction: 'inbound',
        recipients: [item.recipient],
      })),
    ),
  'GET /organisations/o1/trace/x0': () => ({
    message: {
      ...queued[0],
      ownId: 'hf-77-0af3',
      messageIdHeader: '<a@example>',
      direction: 'inbound',
      recipients: [queued[0].recipient],
      digest: 'f'.repeat(64),
      clientIp: '192.0.2.7',
      helo: 'mx.example.org',
      tls: 'TLSv1.3',
      mended: { rule: 'bare-line-ends', count: 212, digest: '3'.repeat(64) },
    },
    deliveries: [
      {
        ...queued[0],
        finishedAt: null,
        via: null,
        sender: null,
        proof: null,
        attemptRows: [1, 2].map((attemptNo) => ({
          attemptNo,
          at: ago(5 - attemptNo),
          host: 'mail.example.com:25',
          tls: null,
          outcome: 'deferred',
          reason: 'connect-timeout',
          reply: null,
          durationMs: 10_004,
        })),
      },
    ],
    copies: [{ person: 'Alice Martin', source: 'received', expiresAt: ago(-20000), folder: 'Inbox' }],
    ledger: ledger.slice(0, 2),
  }),
  'GET /organisations/o1/people': () =>
    page(
      ['Alice Martin', 'Bernadette von Lichtenstein-Hohenfels'].map((name, at) => ({
        id: `p${at}`,
        name,
        addresses: ['alice@example.com', 'a.martin@example.com'],
        role: 'person',
        protected: true,
        source: 'manual',
        kind: at ? 'shared' : 'person',
        members: at
          ? [
              { name: 'Alice Martin', isGroup: false, access: 'write', send: 'sendAs' },
              { name: 'Night watch', isGroup: true, access: 'read', send: 'no' },
            ]
          : [],
        lastSignInAt: at ? null : ago(5),
        mode: at ? 'emergency' : 'hold',
        decided: at
          ? { by: 'mailbox', reason: '451 4.2.0 Temporary internal error', author: null, until: null }
          : { by: 'domain', reason: 'broken into', author: 'Op', until: ago(-90) },
      })),
    ),
  'GET /me/sessions': () =>
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1',
      null,
    ].map((userAgent, at) => ({
      id: String(at).repeat(24),
      createdAt: ago(2000 * (at + 1)),
      seenAt: ago(at * 300),
      clientIp: at ? '2001:db8:4711:1234:5678:9abc:def0:1234' : '192.0.2.7',
      userAgent,
      isThis: at === 0,
    })),
  'POST /session/link': () => undefined,
  'POST /session/provider': ({ domain }) => ({
    provider:
      domain === 'away.example'
        ? { name: 'Harbour ID', standing: 'away' }
        : domain === 'id.example'
          ? { name: 'Harbour ID', standing: 'answers' }
          : null,
  }),
  'POST /session/provider/finish': () => [401, { error: { code: 'provider-stranger', text: '' } }],
  'POST /organisations/o1/letters': () => ({ letters: 1, pdf: 'JVBERi0xLjQK' }),
  'POST /organisations/o1/people/p0/password-reset': () => ({ password: 'abcd-efgh-jkmn' }),
  'GET /organisations/o1/stand-ins': () =>
    page([
      {
        id: 's1',
        kind: 'redirect',
        address: 'info@example.com',
        name: null,
        to: ['alice@example.com', 'office@elsewhere.example'],
        more: 0,
        groups: [],
        posting: null,
        bounces: 0,
        paused: 0,
      },
      {
        id: 's2',
        kind: 'list',
        address: 'crew@example.com',
        name: 'The crew of Harbour Office',
        to: ['alice@example.com', 'carol@elsewhere.example'],
        more: 12,
        groups: ['Staff'],
        posting: 'members',
        bounces: 7,
        paused: 1,
      },
    ]),
  'GET /organisations/o1/audit': () =>
    page([
      {
        id: '1',
        at: ago(3),
        actor: 'person:01a21583-ae20-705d-aec8-4ced31ecd59b',
        actorName: 'Alice Martin',
        act: 'pin-set',
        thing: 'route:01a21583-ae20-705d-aec8-4ced31ecd59b',
        thingName: 'mail.example.com',
        reason: 'Exercise',
        details: [
          { name: 'from', value: 'normal' },
          { name: 'to', value: 'emergency' },
          { name: 'cause', value: 'pinned-emergency' },
        ],
      },
      {
        id: '0',
        at: ago(4),
        actor: 'engine',
        actorName: null,
        act: 'mode-changed',
        thing: 'route:01a21583-ae20-705d-aec8-4ced31ecd59b',
        thingName: 'mail.example.com',
        reason: null,
        details: [
          { name: 'from', value: 'suspect' },
          { name: 'to', value: 'emergency' },
          { name: 'cause', value: 'evidence-worse' },
          { name: 'detail', value: '6 failures in 2 s, no health between them; last: connect ECONNREFUSED' },
        ],
      },
    ]),
}

Object.assign(api, learnedApi, directoryApi, appPasswordsApi, bookApi, contactApi, waysBackApi, secondFactorApi, {
  'GET /disk': () => diskOf(mode),
})
const body = async (request) => {
  const parts = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts)
}
createServer(async (request, answer) => {
  const { pathname } = new URL(request.url, 'http://x')
  const json = (value, status = 200) =>
    answer
      .writeHead(value === undefined ? 204 : status, { 'content-type': 'application/json' })
      .end(value === undefined ? undefined : JSON.stringify(value))
  if (pathname === '/mock/asked') return ((asked = request.url.split('?')[1] === 'yes'), json({ asked }))
  if (pathname === '/mock/mode') return ((mode = request.url.split('?')[1]), json({ mode }))
  if (pathname === '/.well-known/jmap')
    return json({
      capabilities: {
        'urn:ietf:params:jmap:core': { maxSizeUpload: 50_000_000 },
        'urn:ietf:params:jmap:mail': {},
        'urn:ietf:params:jmap:submission': {},
      },
      accounts: {
        p1: {
          name: 'Alice Martin',
          isReadOnly: false,
          accountCapabilities: { 'urn:ietf:params:jmap:submission': { maxDelayedSend: 2_592_000 } },
        },
        p2: { name: 'Harbour Office', isPersonal: false, isReadOnly: false, accountCapabilities: {} },
        p4: {
          name: 'Bernadette von Lichtenstein-Hohenfels',
          isPersonal: false,
          isReadOnly: true,
          accountCapabilities: {},
        },
        p3: { name: 'Meeting room East', isPersonal: false, isReadOnly: true, accountCapabilities: {} },
      },
      primaryAccounts: { 'urn:ietf:params:jmap:mail': 'p1' },
      username: 'alice',
      apiUrl: '/jmap',
      downloadUrl: '/jmap/download/{accountId}/{blobId}/{name}?type={type}',
      uploadUrl: '/jmap/upload/{accountId}/',
      eventSourceUrl: '/jmap/events?types={types}',
      state: '1',
    })
  if (pathname === '/jmap/events') {
    answer.writeHead(200, { 'content-type': 'text/event-stream' })
    sources.add(answer)
    return request.on('close', () => sources.delete(answer))
  }
  if (pathname.startsWith('/jmap/upload')) {
    const bytes = await body(request)
    const blobId = `U${++count}`
    blobs.set(blobId, bytes)
    return json({ accountId: 'p1', blobId, type: request.headers['content-type'], size: bytes.length }, 201)
  }
  if (pathname.startsWith('/jmap/download'))
    return answer
      .writeHead(200, { 'content-type': 'application/octet-stream' })
      .end(blobs.get(pathname.split('/')[4]) ?? 'x')
  if (pathname === '/jmap') {
    const { methodCalls } = JSON.parse(await body(request))
    const results = []
    for (const [name, args, id] of methodCalls) {
      for (const key of Object.keys(args).filter((each) => each.startsWith('#'))) {
        const [, result] = results.find(([, , of]) => of === args[key].resultOf)
        args[key.slice(1)] = args[key].path === '/ids' ? result.ids : result.list.map(({ emailId }) => emailId)
      }
      results.push([name, methods[name](args), id])
    }
    return json({ methodResponses: results, sessionState: '1' })
  }
  if (pathname.endsWith('/photo'))
    return answer
      .writeHead(200, { 'content-type': 'image/png' })
      .end(
        Buffer.from(
          'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
          'base64',
        ),
      )
  if (pathname.startsWith('/api/v1')) {
    const found = api[`${request.method} ${pathname.slice(7)}`]
    const text = (await body(request)).toString()
    if (!found) return json({ error: { code: 'not-found', text: 'nothing here' } }, 404)
    const result = found(text ? JSON.parse(text) : {}, new URL(request.url, 'http://x'))
    return Array.isArray(result) && typeof result[0] === 'number' ? json(result[1], result[0]) : json(result)
  }
  const file = existsSync(join(dist, pathname)) && extname(pathname) ? pathname : '/index.html'
  answer
    .writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': file.startsWith('/message') ? messagePolicy : policy,
      'x-content-type-options': 'nosniff',
    })
    .end(readFileSync(join(dist, file)))
}).listen(Number(process.argv[2] ?? 8090), '127.0.0.1')
