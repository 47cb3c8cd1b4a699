/**
 * The attributes that are kept, as RFC 7643 defines them: the User and its enterprise extension, and the Group. One table,
 * by which bodies, paths and filters are read, and which /Schemas tells. What it has not is ignored wherever it comes.
 */

export interface Attribute {
  name: string
  type: 'string' | 'boolean' | 'reference' | 'dateTime' | 'complex'
  multiValued: boolean
  required: boolean
  caseExact: boolean
  mutability: 'readWrite' | 'readOnly'
  uniqueness: 'none' | 'server'
  returned: 'default' | 'always'
  subAttributes: readonly Attribute[]
}

const attribute = (name: string, more: Partial<Attribute> = {}): Attribute => ({
  name,
  type: 'string',
  multiValued: false,
  required: false,
  caseExact: false,
  mutability: 'readWrite',
  uniqueness: 'none',
  returned: 'default',
  subAttributes: [],
  ...more,
})
const strings = (...names: string[]): Attribute[] => names.map((name) => attribute(name))
const complex = (name: string, subAttributes: Attribute[], more: Partial<Attribute> = {}): Attribute =>
  attribute(name, { type: 'complex', subAttributes, ...more })
const primary = attribute('primary', { type: 'boolean' })
const reference = attribute('$ref', { type: 'reference', caseExact: true })
const plural = (name: string, value: Attribute = attribute('value')): Attribute =>
  complex(name, [value, ...strings('display', 'type'), primary], { multiValued: true })

const userAttributes: readonly Attribute[] = [
  attribute('userName', { required: true, uniqueness: 'server' }),
  complex('name', strings('formatted', 'familyName', 'givenName', 'middleName', 'honorificPrefix', 'honorificSuffix')),
  ...strings('displayName', 'nickName'),
  attribute('profileUrl', { type: 'reference' }),
  ...strings('title', 'userType', 'preferredLanguage', 'locale', 'timezone'),
  attribute('active', { type: 'boolean' }),
  plural('emails'),
  plural('phoneNumbers'),
  plural('ims'),
  plural('photos', attribute('value', { type: 'reference' })),
  complex(
    'addresses',
    [...strings('formatted', 'streetAddress', 'locality', 'region', 'postalCode', 'country', 'type'), primary],
    { multiValued: true },
  ),
  complex('groups', [attribute('value', { caseExact: true }), reference, ...strings('display', 'type')], {
    multiValued: true,
    mutability: 'readOnly',
  }),
  plural('entitlements'),
  plural('roles'),
]

const enterpriseAttributes: readonly Attribute[] = [
  ...strings('employeeNumber', 'costCenter', 'organization', 'division', 'department'),
  complex('manager', [attribute('value', { caseExact: true }), reference, attribute('displayName')]),
]

const groupAttributes: readonly Attribute[] = [
  attribute('displayName', { required: true }),
  complex('members', [attribute('value', { caseExact: true }), reference, ...strings('display', 'type')], {
    multiValued: true,
  }),
]

/** Of every resource (RFC 7643 section 3.1). */
export const commonAttributes: readonly Attribute[] = [
  attribute('schemas', {
    type: 'reference',
    multiValued: true,
    caseExact: true,
    mutability: 'readOnly',
    returned: 'always',
  }),
  attribute('id', { caseExact: true, mutability: 'readOnly', returned: 'always' }),
  attribute('externalId', { caseExact: true }),
  complex(
    'meta',
    [
      attribute('resourceType', { caseExact: true }),
      attribute('created', { type: 'dateTime' }),
      attribute('lastModified', { type: 'dateTime' }),
      attribute('location', { type: 'reference', caseExact: true }),
      attribute('version', { caseExact: true }),
    ],
    { mutability: 'readOnly' },
  ),
]

export const ENTERPRISE_URN = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

export interface Schema {
  urn: string
  name: string
  description: string
  attributes: readonly Attribute[]
}

export interface ResourceKind {
  name: 'User' | 'Group'
  endpoint: '/Users' | '/Groups'
  /** what a person calls it, and how it is found: unique for users alone */
  naming: 'userName' | 'displayName'
  core: Schema
  extensions: readonly Schema[]
}

export const userKind: ResourceKind = {
  name: 'User',
  endpoint: '/Users',
  naming: 'userName',
  core: {
    urn: 'urn:ietf:params:scim:schemas:core:2.0:User',
    name: 'User',
    description: 'A person',
    attributes: userAttributes,
  },
  extensions: [
    { urn: ENTERPRISE_URN, name: 'EnterpriseUser', description: 'A person at work', attributes: enterpriseAttributes },
  ],
}

export const groupKind: ResourceKind = {
  name: 'Group',
  endpoint: '/Groups',
  naming: 'displayName',
  core: {
    urn: 'urn:ietf:params:scim:schemas:core:2.0:Group',
    name: 'Group',
    description: 'People who belong together',
    attributes: groupAttributes,
  },
  extensions: [],
}

export const resourceKinds = [userKind, groupKind] as const

export interface Target {
  /** the extension it belongs to; null: the resource itself */
  urn: string | null
  attribute: Attribute
  sub: Attribute | null
}

/** Names are compared without case (RFC 7643 section 2.1). */
export function namedOf(attributes: readonly Attribute[], name: string): Attribute | null {
  const wanted = name.toLowerCase()
  return attributes.find((one) => one.name.toLowerCase() === wanted) ?? null
}

/** The schema whose URN `text` begins with, and what follows it. */
export function schemaOf(
  kind: ResourceKind,
  text: string,
): { schema: Schema; isExtension: boolean; rest: string } | null {
  const lower = text.toLowerCase()
  for (const schema of [kind.core, ...kind.extensions]) {
    const urn = schema.urn.toLowerCase()
    if (lower === urn || lower.startsWith(`${urn}:`))
      return { schema, isExtension: schema !== kind.core, rest: text.slice(urn.length + 1) }
  }
  return null
}

/** `attribute`, `attribute.sub`, either with its schema's URN before it; null: nothing of that name is kept. */
export function targetOf(kind: ResourceKind, text: string): Target | null {
  const prefixed = schemaOf(kind, text)
  const rest = prefixed?.rest ?? text
  const [name = '', subName, ...more] = rest.split('.')
  if (more.length > 0) return null
  const attributes = prefixed ? prefixed.schema.attributes : [...commonAttributes, ...kind.core.attributes]
  const found = namedOf(attributes, name)
  if (found === null) return null
  const urn = prefixed?.isExtension ? prefixed.schema.urn : null
  if (subName === undefined) return { urn, attribute: found, sub: null }
  const sub = namedOf(found.subAttributes, subName)
  return sub && { urn, attribute: found, sub }
}
