/** Made-up app passwords, which can be made and revoked; the password "wrong" is not taken. */
const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString()
let items = [
  ['Phone', ['submission', 'imap'], 60_000, 55, '203.0.113.7'],
  [
    'Laptop at home, the old one with the broken hinge that still works',
    ['submission'],
    90_000,
    7_000,
    '2001:db8:4d3a:91c0::/64',
  ],
  ['Tablet', ['submission', 'imap', 'pop3'], 30, null, null],
].map(([name, protocols, made, used, lastPlace], at) => ({
  ...{ id: `a${at}`, name, protocols, createdAt: ago(made), lastPlace },
  lastUsedAt: used === null ? null : ago(used),
}))

let next = items.length
const api = {
  'GET /me/app-passwords': () => ({ items, most: 50 }),
  'POST /me/app-passwords'({ name, protocols, current }) {
    if (current === 'wrong') return [401, { error: { code: 'sign-in-failed', text: '' } }]
    const one = { id: `a${next++}`, name, protocols, createdAt: ago(0), lastUsedAt: null, lastPlace: null }
    items = [one, ...items]
    return { ...one, password: 'kzrt-muwe-bqpd-hanx-gvyc-sjfe' }
  },
}
// What the server takes is known from the start: as many as anybody makes while looking.
for (let at = 0; at < 100; at++)
  api[`DELETE /me/app-passwords/a${at}`] = () => void (items = items.filter(({ id }) => id !== `a${at}`))
export const appPasswordsApi = api
