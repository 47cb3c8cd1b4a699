import fc from 'fast-check'
import { expect, test } from 'vitest'
import { noNames, unknownNames } from './named.ts'
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
  return [...unknownNames(checked.declaration.organisations[0]!, 'organisations.0', noNames)]
}

test('a good file has no problems', () => expect(check({})).toEqual([]))

test.each(['none', 'opportunistic', 'required'])('a username with tls %s is no contradiction', (tls) => {
  const settings = { ...good.routes[0]!.settings, username: 'relay', tls }
  expect(check({ routes: [{ name: 'primary', settings, password: 'x' }] })).toEqual([])
})

test.each([
  [{ peple: [] }, 'organisations.0.peple', 'did you mean "people"?'],
  [{ routes: [{ ...good.routes[0], setings: {} }] }, 'organisations.0.routes.0.setings', 'did you mean "settings"?'],
  [
    { routes: [{ name: 'primary', settings: { hosts: [{ hots: 'x', host: 'y' }] } }] },
    'organisations.0.routes.0.settings.hosts.0.hots',
    'did you mean "host"?',
  ],
  [{ routes: [{ name: 'primary' }] }, 'organisations.0.routes.0.settings.hosts', 'name at least one host'],
  [
    { routes: [...good.routes, { name: 'outside', kind: 'mx', settings: { username: 'relay' } }] },
    'organisations.0.routes.1.settings.username',
    'a server that wants a name is a smarthost',
  ],
  [
    { routes: [{ ...good.routes[0], passwordFile: 'secret' }] },
    'organisations.0.routes.0',
    'settings.username is missing',
  ],
  [{ domains: [{ name: 'a.test', route: 'primry' }] }, 'organisations.0.domains.0.route', 'did you mean "primary"?'],
  [
    { domains: [...good.domains, { name: 'A.TEST' }] },
    'organisations.0.domains.1.name',
    'is at organisations.0.domains.0.name already',
  ],
  [{ domains: [...good.domains, { name: 'not a domain' }] }, 'organisations.0.domains.1.name', 'is not a domain name'],
  [
    { domains: [...good.domains, { name: 'b.test', kind: 'aliasOf' }] },
    'organisations.0.domains.1.aliasOf',
    'belongs to kind aliasOf',
  ],
  [
    { people: [{ name: 'A', addresses: ['alice@a.test', 'ALICE@a.test'] }] },
    'organisations.0.people.0.addresses.1',
    'already',
  ],
  [{ people: [{ name: 'A', addresses: ['a@b.test'] }] }, 'organisations.0.people.0.addresses.0', 'b.test is not among'],
  [{ people: [{ name: 'A\0', addresses: ['a@a.test'] }] }, 'organisations.0.people.0.name', 'NUL'],
  [
    { people: [{ name: 'A', addresses: ['a@a.test'], group: 'x' }] },
    'organisations.0.people.0.group',
    'there is no group "x"',
  ],
  [
    { people: [{ name: 'A', addresses: ['a@a.test'], invite: true, password: 'x' }] },
    'organisations.0.people.0',
    'one of password',
  ],
  [{ people: [{ name: 'A', addresses: [] }] }, 'organisations.0.people.0.addresses', ''],
  [{ slug: 'Not Short' }, 'organisations.0.slug', 'short name'],
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
