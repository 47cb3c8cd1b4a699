/** JMAP without a server: requests, references, patches, ids, header properties, errors (RFC 8620, RFC 8621). */
export * from './errors.ts'
export { headerProperty, parseHeaderProperty, type HeaderForm, type HeaderProperty } from './header-property.ts'
export {
  folderNoOf,
  formatBlobId,
  mailboxId,
  parseAnyDate,
  parseBlobId,
  parseUtcDate,
  utcDate,
  type BlobRef,
} from './ids.ts'
export { parseIdSet, parsePatch, type Patch } from './patch.ts'
export { evaluatePointer, resolveReferences, type EarlierResponse } from './references.ts'
export { weigh, type Budget } from './weight.ts'
export {
  isObject,
  parseJson,
  parseRequest,
  type Arguments,
  type Invocation,
  type JmapRequest,
  type Json,
} from './request.ts'
