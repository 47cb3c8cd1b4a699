/** MIME: reading the structure of messages, decoding headers and contents, building new messages. */
export { parseAddresses, parseGroups, readAddressList, type MailAddress } from './addresses.ts'
export { bodyLists, hasAttachment, type BodyLists } from './body-parts.ts'
export { arrangeParts, buildMessage, newPart, type NewMessage, type NewPart } from './build.ts'
export { decodeCharset } from './charset.ts'
export { dateText, parseDate } from './date.ts'
export { headerMessageIds, headerText, headerUrls } from './header-forms.ts'
export { htmlToText, previewOf } from './html-text.ts'
export { mimeLimits } from './limits.ts'
export { parseStructured } from './parameters.ts'
export { headerEnd, removeFields } from './remove-header.ts'
export { convertToSevenBit, planSevenBit, type SevenBitPlan } from './seven-bit.ts'
export {
  createStructureParser,
  findPart,
  lastHeader,
  leafParts,
  parseStructure,
  type HeaderField,
  type MimePart,
  type MimeStructure,
} from './structure.ts'
export { decodeTransfer, transferDecoder } from './transfer.ts'
export { withoutTurns, withTurnsSeen } from './words.ts'
