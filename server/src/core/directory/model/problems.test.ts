import fc from 'fast-check'
import { expect, test } from 'vitest'
import { noNames, unknownNames } from './named.ts'
import { nameProblems } from './paths.ts'
import { checkDeclaration } from './problems.ts'

const good = {
  slug: 'harbour',
  name: 'Harbour',
  routes: [{ name: 'primary', settings: { hosts: [{ host: 'mail.a.test' }] } }],
  domains: [{ name: 'a.test', route: 'primary' }],
  people: [{ name: 'Alice', addresses: ['alice@a.test'] }],
}
const check = (more: object) => {
  const checked = checkDeclaration({ organisations: [{ ...good, ...more }] })
  if ('problems' in checked) return checked.problems
  return nameProblems(
    [...unknownNames(checked.declaration.organisations[0]!, 'organisations.0', noNames)],
    checked.declaration,
  )
}

test('a good file has no problems', () => expect(check({})).toEqual([]))

test.each([
  ['primary', 'primary', 'is for ways to the outside'],
  ['smarthost', 'outside', 'names the route itself'],
  ['smarthost', 'primary', 'is not a smarthost'],
  ['smarthost', 'primry', 'did you mean "primary"?'],
])('of a %s, the second exit "%s" %s', (kind, secondExit, text) => {
  const outside = { name: 'outside', kind, settings: { ...good.routes[0]!.settings, secondExit } }
  expect(check({ routes: [...good.routes, outside] })).toContainEqual({
    path: 'organisations[harbour].routes[outside].settings.secondExit',
    text: expect.stringContaining(text),
  })
})

test('a second exit that speaks another protocol is refused: its notices of success would say what is not so', () => {
  const [{ settings }] = good.routes as [(typeof good.routes)[0]]
  const routes = [
    ...good.routes,
    { name: 'outside', kind: 'smarthost', settings: { ...settings, protocol: 'lmtp', secondExit: 'other' } },
    { name: 'other', kind: 'smarthost', settings },
  ]
  expect(check({ routes })).toEqual([
    {
      path: 'organisations[harbour].routes[outside].settings.secondExit',
      text: '"other" speaks SMTP, this one LMTP',
    },
  ])
})

test.each(['none', 'opportunistic', 'required'])('a username with tls %s is no contradiction', (tls) => {
  const settings = { ...good.routes[0]!.settings, username: 'relay', tls }
  expect(check({ routes: [{ name: 'primary', settings, password: 'x' }] })).toEqual([])
})

test.each([
  [{ peple: [] }, 'organisations[harbour].peple', 'did you mean "people"?'],
  [
    { routes: [{ ...good.routes[0], setings: {} }] },
    'organisations[harbour].routes[primary].setings',
    'did you mean "settings"?',
  ],
  [
    { routes: [{ name: 'primary', settings: { hosts: [{ hots: 'x', host: 'y' }] } }] },
    'organisations[harbour].routes[primary].settings.hosts[y].hots',
    'did you mean "host"?',
  ],
  [
    { routes: [{ name: 'primary' }] },
    'organisations[harbour].routes[primary].settings.hosts',
    'name at least one host',
  ],
  [
    { routes: [...good.routes, { name: 'outside', kind: 'mx', settings: { username: 'relay' } }] },
    'organisations[harbour].routes[outside].settings.username',
    'a server that wants a name is a smarthost',
  ],
  [
    { routes: [{ ...good.routes[0], passwordFile: 'secret' }] },
    'organisations[harbour].routes[primary]',
    'settings.username is missing',
  ],
  [
    { domains: [{ name: 'a.test', route: 'primry' }] },
    'organisations[harbour].domains[a.test].route',
    'did you mean "primary"?',
  ],
  [
    { domains: [...good.domains, { name: 'A.TEST' }] },
    'organisations[harbour].domains[A.TEST #2].name',
    'is there already: organisations[harbour].domains[a.test #1].name',
  ],
  [
    { domains: [...good.domains, { name: 'not a domain' }] },
    'organisations[harbour].domains[not a domain].name',
    'is not a domain name',
  ],
  [
    { domains: [...good.domains, { name: 'b.test', kind: 'aliasOf' }] },
    'organisations[harbour].domains[b.test].aliasOf',
    'belongs to kind aliasOf',
  ],
  [
    { people: [{ name: 'A', addresses: ['alice@a.test', 'ALICE@a.test'] }] },
    'organisations[harbour].people[alice@a.test].addresses[ALICE@a.test #2]',
    'already',
  ],
  [
    { people: [{ name: 'A', addresses: ['a@b.test'] }] },
    'organisations[harbour].people[a@b.test].addresses[a@b.test]',
    'b.test is not among',
  ],
  [{ people: [{ name: 'A\0', addresses: ['a@a.test'] }] }, 'organisations[harbour].people[a@a.test].name', 'NUL'],
  [
    { people: [{ name: 'A', addresses: ['a@a.test'], group: 'x' }] },
    'organisations[harbour].people[a@a.test].group',
    'there is no group "x"',
  ],
  [
    { people: [{ name: 'A', addresses: ['a@a.test'], invite: true, password: 'x' }] },
    'organisations[harbour].people[a@a.test]',
    'one of password',
  ],
  [
    { people: [{ name: 'A', addresses: [] }] },
    'organisations[harbour].people[A].addresses',
    'must have at least 1 entry',
  ],
  [
    { people: [{ name: '\n', addresses: [7] }] },
    'organisations[harbour].people[#1].addresses[#1]',
    'must be text, not',
  ],
  [
    { routes: [{ name: 'primary', settings: { hosts: [{ host: 'y', port: 99999 }] } }] },
    'organisations[harbour].routes[primary].settings.hosts[y].port',
    'must be at most 65535',
  ],
  [{ name: 'n'.repeat(201) }, 'organisations[harbour].name', 'must have at most 200 characters'],
  [
    { routes: [{ ...good.routes[0], kind: 'x' }] },
    'organisations[harbour].routes[primary].kind',
    'one of primary, smarth',
  ],
  [{ domains: [{}] }, 'organisations[harbour].domains[#1].name', 'is needed, and missing'],
  [{ slug: 'Not Short' }, 'organisations[Not Short].slug', 'short name'],
])('%j is named', (more, path, text) => {
  const found = check(more)
  expect(found.map((problem) => problem.path)).toContain(path)
  expect(found.find((problem) => problem.path === path)!.text).toContain(text)
})

test('any value gets an answer', () => {
  fc.assert(
    fc.property(fc.anything(), fc.dictionary(fc.string(), fc.anything()), (value, fields) => {
      for (const each of [value, { organisations: value }, { organisations: [{ ...good, ...fields }] }]) {
        const checked = checkDeclaration(each)
        if ('problems' in checked)
          for (const problem of checked.problems) expect(problem.path.length).toBeGreaterThan(0)
      }
    }),
  )
})

test.each<[object, object, string, string]>([
  [{ tls: 'dane', hosts: [{ host: '192.0.2.1' }] }, {}, '.settings.hosts', 'give its name, not its address'],
  [{ tls: 'pinned' }, {}, '.settings.tlsPins', 'at least one pin'],
  [{ tls: 'pinned', tlsPins: ['abc'] }, {}, '.settings.tlsPins[abc]', 'is not a SHA-256 in base64'],
  [{ tlsPins: [`${'A'.repeat(43)}=`] }, {}, '.settings.tlsPins', 'belongs to tls pinned'],
  [{ tlsName: 'mail.test' }, {}, '.settings.tlsName', 'belongs to tls required'],
  [{}, { caFile: 'ca.pem' }, '.caFile', 'belongs to tls required'],
  [{ tls: 'required', tlsCa: 'x' }, { caFile: 'ca.pem' }, '.caFile', 'not both'],
  [{}, { clientKeyFile: 'key.pem' }, '', 'go together'],
  [
    { tls: 'none' },
    { clientKeyFile: 'key.pem', clientCertificateFile: 'own.pem' },
    '.clientCertificateFile',
    'nobody would see it',
  ],
  [{ tls: 'pinned' }, { kind: 'mx' }, '.settings.tls', 'whose keys nobody knows'],
])('TLS settings %j beside %j are named', (settings, more, path, text) => {
  const [route] = good.routes
  const found = check({ routes: [{ ...route, settings: { ...route!.settings, ...settings }, ...more }] })
  expect(found.map((problem) => problem.path)).toContain(`organisations[harbour].routes[primary]${path}`)
  expect(found.map((problem) => problem.text).join('\n')).toContain(text)
})

const imap = { name: 'phones', kind: 'imap', host: 'mail.a.test', username: 'probe@a.test' }
const password = { probe: 'phones', password: 'x' }
test.each<[object, string, string]>([
  [{ settings: { reach: [imap] } }, '.settings.reach[phones]', 'its password is missing'],
  [{ reachPasswords: [password] }, '.reachPasswords[#1].probe', 'no probe of settings.reach that signs in'],
  [
    { settings: { reach: [imap] }, reachPasswords: [{ ...password, passwordFile: 'y' }] },
    '.reachPasswords[#1]',
    'one of password and passwordFile',
  ],
  [
    { settings: { reach: [imap, imap] }, reachPasswords: [password] },
    '.settings.reach',
    'two of them have the same name',
  ],
  [
    { settings: { reach: [{ name: 'web', kind: 'https', url: 'http://mail.a.test/' }] } },
    '.settings.reach[web].url',
    'is not an https:// address',
  ],
  [{ kind: 'smarthost', settings: { reach: [imap] }, reachPasswords: [password] }, '.settings.reach', 'only a primary'],
])('reach probes %j are named', (more, path, text) => {
  const [route] = good.routes
  const settings = { ...route!.settings, ...(more as { settings?: object }).settings }
  const found = check({ routes: [{ ...route, ...more, settings }] })
  expect(found.map((problem) => problem.path)).toContain(`organisations[harbour].routes[primary]${path}`)
  expect(found.map((problem) => problem.text).join('\n')).toContain(text)
})
