/** A directory in memory: what store/directory.ts would answer, for tests of the look-up. */
import type { Sql } from '../src/platform/db/database.ts'
import type { AddressRow, DomainRow, KnownRow } from '../src/store/directory.ts'

export interface World {
  domains: DomainRow[]
  addresses: AddressRow[]
  known: KnownRow[]
}

/** Answers the three questions of store/directory.ts from memory. */
export function worldSql(world: World): Sql {
  return {
    async query<Row extends object>(_text: string, values: readonly unknown[] = [], name?: string): Promise<Row[]> {
      if (name === 'directory-domain') return world.domains.filter((row) => row.name === values[0]) as object[] as Row[]
      if (name === 'directory-addresses')
        return world.addresses.filter((row) => (values[0] as string[]).includes(row.address)) as object[] as Row[]
      if (name === 'directory-known')
        return world.known.filter((row) => (values[1] as string[]).includes(row.address)) as object[] as Row[]
      return world.domains.slice(0, 1) as object[] as Row[]
    },
  }
}

export const domain = (name: string, fields: Partial<DomainRow> = {}): DomainRow => ({
  organisationId: 'org',
  domainId: `d-${name}`,
  name,
  kind: 1,
  aliasOf: null,
  otherRouteId: null,
  catchAll: null,
  separator: '+',
  routeId: 'route-domain',
  complete: true,
  unknownPolicy: 1,
  callouts: true,
  acceptsAll: null,
  filtering: true,
  rollingCopy: true,
  emergency: true,
  retentionDays: 14,
  outboundRouteId: 'route-out',
  ...fields,
})
export const person = (address: string, fields: Partial<AddressRow> = {}): AddressRow => ({
  address,
  organisationId: 'org',
  personId: `p-${address}`,
  redirect: null,
  routeId: null,
  filtering: null,
  rollingCopy: null,
  emergency: null,
  ...fields,
})
export const world = (fields: Partial<World>): World => ({ domains: [], addresses: [], known: [], ...fields })

/** The row of an address that stands for others. */
export const redirect = (
  address: string,
  targets: string[],
  fields: Partial<AddressRow> & { keepCopy?: boolean } = {},
) => {
  const { keepCopy = true, ...row } = fields
  return person(address, { personId: null, ...row, redirect: { id: `r-${address}`, address, targets, keepCopy } })
}

/** The row of a list. */
export const list = (address: string, targets: string[], fields: Partial<AddressRow> = {}, paused: string[] = []) => {
  const facts = { name: 'List', posting: 1, posters: [], help: null, unsubscribe: null, paused }
  return person(address, {
    personId: null,
    ...fields,
    redirect: { id: `l-${address}`, address, targets, keepCopy: false, list: facts },
  })
}
