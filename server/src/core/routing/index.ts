/** Routing: who gets a message, by which way, and where it is kept (routing.ts); how we know our own mail (own-id.ts). */
export { CANARY_MARK, createOwnId, type OwnId } from './own-id.ts'
export { mailDate } from '../../protocols/mime/date.ts'
export { receivedLine, type Hop } from './received.ts'
export { createReturnPaths, mayBeReturned, memberKey, type ReturnPaths } from './return-paths.ts'
export { copyFor, keepsCopy, threadIdOf } from './copies.ts'
export {
  createRouting,
  type Posting,
  type Routed,
  type RoutedRecipient,
  type RouteInput,
  type Routing,
} from './routing.ts'
export { FINALS_PER_MESSAGE, originalOf } from './spread.ts'
