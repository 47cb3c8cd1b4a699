/** The address book of the mock server. */
const entry = (id, kind, name, more = {}) => ({
  id,
  kind,
  name,
  address: kind === 'group' ? null : `${name.toLowerCase().replace(/[^a-z]+/g, '.')}@example.com`,
  title: null,
  department: null,
  photo: null,
  ...more,
})
const all = [
  entry('b1', 'person', 'Alice Martin', { title: 'Harbour master', department: 'Operations' }),
  entry('b2', 'list', 'All the crew of Harbour Office'),
  entry('b3', 'person', 'Bob van der Schilderswijk-Oudekerk', {
    title: 'Second engineer for cranes, lifting gear and everything that moves',
    department: 'Maintenance of quays and buildings',
  }),
  entry('b4', 'group', 'Night watch'),
  entry('b5', 'person', 'Carol Meyer', { department: 'Accounts', photo: '0123456789abcdef' }),
]
const details = (one) => ({
  ...one,
  addresses: one.address === null ? [] : [one.address, ...(one.id === 'b3' ? ['cranes@example.com'] : [])],
  office: one.kind === 'person' ? 'Quay 3, room 214' : null,
  phones:
    one.kind === 'person'
      ? [
          { kind: 'work', number: '+49 30 1234-567' },
          { kind: 'mobile', number: '+49 170 5555555' },
        ]
      : [],
  manager: one.id === 'b3' ? { id: 'b1', name: 'Alice Martin' } : null,
  members:
    one.kind === 'person' ? null : { entries: [all[0], all[2]], others: ['pilot@elsewhere.example'], more: false },
})
const search = (_, url) => {
  const q = (url?.searchParams.get('q') ?? '').toLowerCase()
  return { items: all.filter(({ name }) => name.toLowerCase().includes(q)), next: null }
}

export const bookApi = {
  'GET /me/address-book': search,
  ...Object.fromEntries(all.map((one) => [`GET /me/address-book/${one.id}`, () => details(one)])),
}
