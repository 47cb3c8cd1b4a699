/** Which parts are the text, the HTML and the attachments: the algorithm of RFC 8621 section 4.1.4. */
import type { MimePart } from './structure.ts'

export interface BodyLists {
  textBody: MimePart[]
  htmlBody: MimePart[]
  attachments: MimePart[]
}

const isInlineMedia = (type: string): boolean => /^(image|audio|video)\//.test(type)

function isInline(part: MimePart, index: number, multipartType: string): boolean {
  const isMedia = isInlineMedia(part.type)
  return (
    part.disposition !== 'attachment' &&
    (part.type === 'text/plain' || part.type === 'text/html' || isMedia) &&
    (index === 0 || (multipartType !== 'related' && (isMedia || !part.name)))
  )
}

interface Lists {
  textBody: MimePart[] | null
  htmlBody: MimePart[] | null
  attachments: MimePart[]
}

function walk(parts: readonly MimePart[], multipartType: string, inAlternative: boolean, lists: Lists): void {
  const { attachments } = lists
  let { textBody, htmlBody } = lists
  const textLength = textBody?.length ?? -1
  const htmlLength = htmlBody?.length ?? -1
  for (const [i, part] of parts.entries()) {
    if (part.partId === null) {
      const subtype = part.type.slice('multipart/'.length)
      walk(part.subParts, subtype, inAlternative || subtype === 'alternative', { textBody, htmlBody, attachments })
      continue
    }
    if (!isInline(part, i, multipartType)) {
      attachments.push(part)
      continue
    }
    if (multipartType === 'alternative') {
      const list = part.type === 'text/plain' ? textBody : part.type === 'text/html' ? htmlBody : attachments
      list?.push(part)
      continue
    }
    // Inside an alternative a text of one kind is not shown with the other.
    if (inAlternative && part.type === 'text/plain') htmlBody = null
    if (inAlternative && part.type === 'text/html') textBody = null
    textBody?.push(part)
    htmlBody?.push(part)
    if ((!textBody || !htmlBody) && isInlineMedia(part.type)) attachments.push(part)
  }
  if (multipartType === 'alternative' && textBody && htmlBody) complete(textBody, htmlBody, textLength, htmlLength)
}

/** Found only one of the two: it serves for both. */
function complete(textBody: MimePart[], htmlBody: MimePart[], textLength: number, htmlLength: number): void {
  if (textLength === textBody.length && htmlLength !== htmlBody.length) textBody.push(...htmlBody.slice(htmlLength))
  else if (htmlLength === htmlBody.length && textLength !== textBody.length)
    htmlBody.push(...textBody.slice(textLength))
}

export function bodyLists(root: MimePart): BodyLists {
  const lists: BodyLists = { textBody: [], htmlBody: [], attachments: [] }
  walk([root], 'mixed', false, lists)
  return lists
}

/** RFC 8621 section 4.1.4, hasAttachment: something that is not just part of how the text looks. */
export function hasAttachment(lists: BodyLists): boolean {
  return lists.attachments.some(
    ({ disposition, cid, type }) =>
      disposition === 'attachment' || (disposition !== 'inline' && !(cid !== null && isInlineMedia(type))),
  )
}
