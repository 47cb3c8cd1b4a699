/** Made-up lists of people: one source that is well, one that asks, one that is silent. */
const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString()
const counts = { entries: 214, creations: 2, changes: 1, removals: 39, same: 172, kept: 1, problems: 1, withheld: 0 }
const none = { entries: 214, creations: 0, changes: 0, removals: 0, same: 214, kept: 0, problems: 0, withheld: 0 }
const run = (id, source, state, minutes, more) => ({
  ...{ id, source, state, startedBy: 'engine', startedAt: ago(minutes), decidedBy: null, decidedAt: null },
  ...{ digest: 'd', counts: none, why: '', ...more },
})
let runs = [
  run('dr1', 'Staff', 'asks', 4, { counts, why: '39 people would go within a day, and 35 may without a question' }),
  run('dr2', 'Branch offices', 'failed', 190, {
    why: 'No server gave a whole list. dc7.branch-offices.harbour-authority.example:636: it cannot be reached within 2.5 s',
  }),
  run('dr3', 'Staff', 'applied', 64, { decidedBy: 'engine', decidedAt: ago(64), why: 'nothing to change' }),
]
const item = (act, name, words) => ({ act, externalId: name, name, row: null, words })
const items = [
  item('disable', 'Bernadette von Lichtenstein-Hohenfels', ['a shared mailbox', 'may not sign in any more']),
  item('missing', 'Anna Lind', ['not in the list any more; removed after 14 days of that']),
  item('create', 'Carol Novak', [
    'carol@example.com',
    'signs in as carol@corp.example',
    'title: none -> Head of sales',
  ]),
  item('change', 'Bob Rower', ['main address: bob@example.com -> bob.rower@example.com']),
]
const problems = [
  {
    row: 17,
    code: 'address-taken',
    text: '"office@example.com" belongs to "Office"',
    remedy: 'Take the address away from its owner first, or out of this row.',
  },
]
const base = '/organisations/o1/directory-runs'
const source = (id, name, kind, more) => ({
  ...{ id, name, kind, everyMinutes: 60, dueAt: ago(-56), listedAt: ago(4), failures: 0, failedAt: null },
  ...{ failedWhy: '', waitingRunId: null, isRefused: false, ...more },
})

export const directoryApi = {
  'GET /organisations/o1/directory-sources': () => [
    source('ds1', 'Staff', 'ldap', { waitingRunId: runs[0].state === 'asks' ? 'dr1' : null }),
    source('ds2', 'Branch offices', 'ldap', {
      listedAt: ago(250),
      failures: 5,
      failedAt: ago(20),
      failedWhy: runs[1].why,
    }),
    source('ds3', 'Pensioners', 'csv', { everyMinutes: null, dueAt: null, listedAt: ago(90_000) }),
  ],
  [`GET ${base}`]: () => ({ items: runs, next: null }),
  ...Object.fromEntries(
    runs.map(({ id }) => [
      `GET ${base}/${id}`,
      () => ({
        ...runs.find((one) => one.id === id),
        ...(id === 'dr1' ? { items, problems } : { items: [], problems: [] }),
      }),
    ]),
  ),
  ...Object.fromEntries(
    ['confirm', 'refuse'].map((act) => [
      `POST ${base}/dr1/${act}`,
      () => {
        const state = act === 'confirm' ? 'applied' : 'refused'
        runs = runs.map((one) => (one.id === 'dr1' ? { ...one, state, decidedAt: ago(0) } : one))
        return { ...runs[0], items, problems }
      },
    ]),
  ),
}
