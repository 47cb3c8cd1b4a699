/** SCIM 2.0 without a server: schemas, resources, filters, paths, PATCH, answers (RFC 7643, RFC 7644). */
export { resourceType, schemaBodies, serviceProviderConfig } from './about.ts'
export { errorBody, ScimError } from './error.ts'
export { parseFilter, type Filter } from './filter.ts'
export { keyOf, matches, membersAsked, speaksOf, type Key } from './match.ts'
export { applyPatch, type MemberChange } from './patch.ts'
export {
  etagOf,
  listBody,
  namesVersion,
  pageOf,
  resourceOf,
  selected,
  selectionOf,
  wants,
  type Selection,
  type Standing,
} from './present.ts'
export { MOST_MEMBERS, readResource, type Doc, type Member } from './read.ts'
export { ENTERPRISE_URN, groupKind, resourceKinds, userKind, type ResourceKind } from './schema.ts'
