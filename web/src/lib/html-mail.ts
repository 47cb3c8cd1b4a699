/**
 * Foreign HTML made harmless. Four walls, each enough alone: DOMPurify here; a document of its own in a sandboxed frame
 * (ui/mail-frame.tsx) that never runs a script; that document's Content-Security-Policy (public/message.html); the
 * policy of the page. Pictures from the internet stay away until the person asks; pictures that came with the message
 * (`cid:`, RFC 2392) are shown.
 */
import createPurify from 'dompurify'
import type { WindowLike } from 'dompurify'

export interface Cleaned {
  html: string
  /** pictures from the internet that were left out */
  blocked: number
}

const blank = 'data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=='
const forbiddenTags = [
  'script',
  'iframe',
  'object',
  'embed',
  'form',
  'input',
  'button',
  'select',
  'textarea',
  'link',
  'meta',
  'base',
  'svg',
  'math',
  'audio',
  'video',
  'source',
  'track',
  'dialog',
  'template',
  'noscript',
  'portal',
  'marquee',
]
const remote = /^(?:https?:)?\/\//i
/** Every url(…) as `change` wants it. By hand and in one pass: expressions for it take hours on the right million characters. */
function withoutUrls(style: string, change: (url: string) => string): string {
  const lower = style.toLowerCase()
  let out = ''
  let at = 0
  for (let open = lower.indexOf('url('); open >= 0; open = lower.indexOf('url(', at)) {
    let inside = open + 4
    while (/\s/.test(style[inside] ?? '')) inside++
    const quote = style[inside]
    const after = quote === '"' || quote === "'" ? style.indexOf(quote, inside + 1) : inside
    const close = after < 0 ? -1 : style.indexOf(')', after)
    // One that does not end takes the rest with it.
    const end = close < 0 ? style.length : close + 1
    out += style.slice(at, open) + change(style.slice(open, end))
    at = end
  }
  return out + style.slice(at)
}
/** What a style may not do even inside the frame: leave it, or load. */
function cleanStyle(style: string, count: () => void): string {
  return withoutUrls(style.replace(/@import[^;]*;?/gi, ''), (url) => {
    if (/^url\(\s*["']?\s*data:image\//i.test(url)) return url
    count()
    return 'none'
  }).replace(/expression\s*\(|-moz-binding|behavior\s*:/gi, '')
}

export function cleanHtml(
  html: string,
  options: { pictures: boolean; cids: ReadonlyMap<string, string>; styles?: boolean },
  window: WindowLike = globalThis,
): Cleaned {
  const purify = createPurify(window)
  let blocked = 0
  const block = () => {
    blocked++
  }
  purify.addHook('afterSanitizeAttributes', (node) => {
    const tag = node.nodeName.toLowerCase()
    if (tag === 'a' || tag === 'area') {
      const href = node.getAttribute('href')?.trim() ?? ''
      if (!/^(?:https?:|mailto:|tel:)/i.test(href)) node.removeAttribute('href')
      node.setAttribute('target', '_blank')
      node.setAttribute('rel', 'noopener noreferrer nofollow')
    }
    node.removeAttribute('srcset')
    node.removeAttribute('ping')
    if (tag === 'img') {
      const src = node.getAttribute('src')?.trim() ?? ''
      if (/^cid:/i.test(src)) {
        let cid = src.slice(4)
        try {
          cid = decodeURIComponent(cid)
        } catch {
          // A stray % is not an encoding; the name stands as it is.
        }
        node.setAttribute('src', options.cids.get(cid) ?? blank)
      } else if (remote.test(src)) {
        if (!options.pictures) {
          block()
          node.setAttribute('src', blank)
        } else if (src.startsWith('//')) node.setAttribute('src', `https:${src}`)
      } else if (!/^data:image\//i.test(src)) node.removeAttribute('src')
    }
    const background = node.getAttribute('background')
    if (background !== null && !(options.pictures && remote.test(background))) {
      if (remote.test(background)) block()
      node.removeAttribute('background')
    }
    const style = node.getAttribute('style')
    if (style && !options.pictures) node.setAttribute('style', cleanStyle(style, block))
  })
  purify.addHook('uponSanitizeElement', (node, data) => {
    if (data.tagName === 'style' && node.textContent)
      node.textContent = options.pictures
        ? node.textContent.replace(/@import[^;]*;?/gi, '')
        : cleanStyle(node.textContent, block)
  })
  const body = purify.sanitize(html, {
    // In our own document a style of a stranger could cover the whole page.
    FORBID_TAGS: options.styles === false ? [...forbiddenTags, 'style'] : forbiddenTags,
    FORBID_ATTR: [
      ...(options.styles === false ? ['style', 'class', 'background'] : []),
      'action',
      'formaction',
      'autofocus',
      'contenteditable',
      'id',
      'name',
      'tabindex',
      'accesskey',
      'popover',
      'popovertarget',
    ],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    FORCE_BODY: true,
  })
  return { html: body, blocked }
}

/** For quoting and for the plain view of a message that has only HTML. */
export function htmlToText(html: string, window: WindowLike = globalThis): string {
  const { html: clean } = cleanHtml(html, { pictures: false, cids: new Map() }, window)
  const parsed = new (window as unknown as { DOMParser: typeof DOMParser }).DOMParser().parseFromString(
    clean,
    'text/html',
  )
  for (const each of parsed.querySelectorAll('style, title')) each.remove()
  for (const each of parsed.querySelectorAll('br')) each.replaceWith('\n')
  for (const each of parsed.querySelectorAll('li')) each.prepend('• ')
  for (const each of parsed.querySelectorAll('p, div, tr, li, h1, h2, h3, h4, h5, h6, blockquote, pre, table, ul, ol'))
    each.append('\n')
  for (const each of parsed.querySelectorAll('p, h1, h2, h3, blockquote')) each.append('\n')
  for (const each of parsed.querySelectorAll('td, th')) each.append(' ')
  return parsed.body.textContent
    .replace(/[ \t\u00a0]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}
