/**
 * May this sender post to the list? Asked at RCPT, so by the envelope's sender alone, which a stranger can make up: where the
 * organisation has named its own systems, a sender of its domains counts only from those and from people signed in here.
 * Pure.
 */
import { ListPosting } from '../../platform/codes.ts'
import { WireError } from '../../platform/errors.ts'
import { foldAddress, type MailingList } from '../directory/index.ts'

export interface Poster {
  /** '' is the null sender */
  from: string
  /** of a domain of the list's organisation */
  isOwn: boolean
  /** where it is: it came from one of the organisation's systems, or from somebody signed in */
  isVouched: boolean
}

/** null: they may. */
export function refusalOf(list: MailingList, { from, isOwn, isVouched }: Poster): WireError | null {
  const refused = (why: string): WireError => new WireError('list-closed', why)
  // Automatic answers to all members would answer each other.
  if (from === '') return refused('it takes no notices (null sender)')
  if (list.posting === ListPosting.anyone) return null
  if (isOwn && !isVouched) return refused("a sender of its own organisation must come from that organisation's systems")
  const sender = foldAddress(from)
  if (list.posting === ListPosting.organisation) return isOwn ? null : refused('only its own organisation may')
  if (list.posting === ListPosting.named)
    return sender !== null && list.posters.includes(sender) ? null : refused('only those named for it may')
  const isMember =
    sender !== null &&
    (list.paused.includes(sender) ||
      list.members.some((one) => one.folded === sender || foldAddress(one.address) === sender))
  return isMember ? null : refused('only its members may')
}
