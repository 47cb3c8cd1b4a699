/**
 * Readable text out of HTML, for previews and search: not for display and not a sanitizer. One pass, linear, no
 * recursion; scripts, styles and comments are left out.
 */
const SKIPPED = new Set(['script', 'style', 'head', 'title', 'template', 'svg', 'noscript'])
const BREAKS = new Set([
  'br',
  'p',
  'div',
  'tr',
  'li',
  'ul',
  'ol',
  'table',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'hr',
  'blockquote',
  'pre',
  'section',
  'article',
  'header',
  'footer',
  'td',
  'th',
])
const NAMED: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  ndash: '–',
  mdash: '—',
  hellip: '…',
  euro: '€',
  copy: '©',
  auml: 'ä',
  ouml: 'ö',
  uuml: 'ü',
  Auml: 'Ä',
  Ouml: 'Ö',
  Uuml: 'Ü',
  szlig: 'ß',
  eacute: 'é',
  egrave: 'è',
  agrave: 'à',
  ecirc: 'ê',
  ccedil: 'ç',
  laquo: '«',
  raquo: '»',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  zwnj: '',
  zwj: '',
  shy: '',
}

function entities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(
    /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,10}));?/g,
    (whole, dec: string | undefined, hex: string | undefined, name: string | undefined) => {
      if (name !== undefined) return Object.hasOwn(NAMED, name) ? NAMED[name]! : whole
      const code = dec !== undefined ? Number(dec) : parseInt(hex!, 16)
      return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : ''
    },
  )
}

export function htmlToText(html: string, most = 1_000_000): string {
  let out = ''
  let at = 0
  const lower = html.slice(0, most).toLowerCase()
  const end = lower.length
  while (at < end) {
    const open = html.indexOf('<', at)
    if (open < 0 || open >= end) {
      out += html.slice(at, end)
      break
    }
    out += html.slice(at, open)
    if (html.startsWith('<!--', open)) {
      const close = html.indexOf('-->', open + 4)
      at = close < 0 ? end : close + 3
      continue
    }
    const close = html.indexOf('>', open + 1)
    if (close < 0) break
    const tag = /^<(\/?)([a-z][a-z0-9]*)/.exec(lower.slice(open, open + 30))
    at = close + 1
    if (!tag) continue
    const name = tag[2]!
    if (tag[1] === '' && SKIPPED.has(name)) {
      const finish = lower.indexOf(`</${name}`, at)
      const after = finish < 0 ? -1 : html.indexOf('>', finish)
      at = after < 0 ? end : after + 1
    } else if (BREAKS.has(name)) out += '\n'
  }
  return entities(out)
    .replace(/[ \t\u00a0]+/g, ' ')
    .replace(/ ?\r?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}

/** RFC 8621 section 4.1.4: at most 256 characters of plain text; quoted lines and signatures tell nothing new. */
export function previewOf(text: string): string {
  const lines = text.split(/\r?\n/)
  const own: string[] = []
  for (const line of lines) {
    if (line === '-- ') break
    if (!line.startsWith('>')) own.push(line)
  }
  const flat = (own.join(' ').trim() === '' ? lines : own)
    .join(' ')
    .replace(/[\s\u200b-\u200f\u034f\u00ad\ufeff]+/g, ' ')
    .trim()
  const cut = flat.slice(0, 256)
  // Not through the middle of a character outside the BMP.
  return (cut.isWellFormed() ? cut : cut.slice(0, -1)).toWellFormed()
}
