/** What the server says of itself (RFC 7644 section 4): what it can, which resources there are, what of them is kept. */
import { MOST_PAGE } from './present.ts'
import { resourceKinds, type Attribute, type ResourceKind, type Schema } from './schema.ts'

const SCHEMA_URN = 'urn:ietf:params:scim:schemas:core:2.0:'

export const serviceProviderConfig = (base: string) => ({
  schemas: [`${SCHEMA_URN}ServiceProviderConfig`],
  patch: { supported: true },
  bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
  filter: { supported: true, maxResults: MOST_PAGE },
  changePassword: { supported: false },
  sort: { supported: false },
  etag: { supported: true },
  authenticationSchemes: [
    {
      type: 'oauthbearertoken',
      name: 'Bearer token',
      description: 'A token made by "holdfast admin scim --new", in the Authorization field.',
      specUri: 'https://www.rfc-editor.org/info/rfc6750',
      primary: true,
    },
  ],
  meta: { resourceType: 'ServiceProviderConfig', location: `${base}/ServiceProviderConfig` },
})

export const resourceType = (kind: ResourceKind, base: string) => ({
  schemas: [`${SCHEMA_URN}ResourceType`],
  id: kind.name,
  name: kind.name,
  endpoint: kind.endpoint,
  description: kind.core.description,
  schema: kind.core.urn,
  schemaExtensions: kind.extensions.map(({ urn }) => ({ schema: urn, required: false })),
  meta: { resourceType: 'ResourceType', location: `${base}/ResourceTypes/${kind.name}` },
})

const attributeBody = ({ subAttributes, ...attribute }: Attribute): object => ({
  ...attribute,
  ...(attribute.type === 'complex' ? { subAttributes: subAttributes.map(attributeBody) } : {}),
})

const schemaBody = ({ urn, name, description, attributes }: Schema, base: string) => ({
  schemas: [`${SCHEMA_URN}Schema`],
  id: urn,
  name,
  description,
  attributes: attributes.map(attributeBody),
  meta: { resourceType: 'Schema', location: `${base}/Schemas/${urn}` },
})

export const schemaBodies = (base: string) =>
  resourceKinds.flatMap((kind) => [kind.core, ...kind.extensions].map((schema) => schemaBody(schema, base)))
