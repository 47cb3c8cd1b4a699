// @vitest-environment jsdom
/** Hostile HTML: nothing runs, nothing loads, nothing leaves; what is harmless stays. */
import { expect, test } from 'vitest'
import { cleanHtml, htmlToText } from './html-mail.ts'

const clean = (html: string, pictures = false, cids: [string, string][] = []) =>
  cleanHtml(html, { pictures, cids: new Map(cids) })
const body = (html: string) => {
  const root = document.createElement('div')
  root.innerHTML = html
  return root
}

test.each([
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<svg onload=alert(1)><script>alert(1)</script></svg>',
  '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>',
  '<iframe src="https://evil.example"></iframe>',
  '<object data="x"></object><embed src="x">',
  '<form action="https://evil.example"><input name=p><button>go</button></form>',
  '<base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=https://evil.example">',
  '<link rel=stylesheet href="https://evil.example/x.css">',
  '<a href="javascript:alert(1)">x</a><a href=" java\nscript:alert(1)">y</a><a href="data:text/html,<script>1</script>">z</a>',
  '<a href="vbscript:x">x</a><area href="javascript:alert(1)">',
  '<div style="behavior:url(x);-moz-binding:url(y);width:expression(alert(1))">x</div>',
  '<video poster="https://evil.example/p"><source src="https://evil.example/v"></video>',
  '<img src="data:text/html,<script>1</script>"><img src="blob:https://evil.example/1"><img src="/api/v1/session">',
  '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
  '<template><img src=x onerror=alert(1)></template>',
  '<b id="subject" name="x" tabindex="1" accesskey="j" autofocus contenteditable>x</b>',
  '<a ping="https://evil.example" href="https://ok.example">x</a>',
])('%s is harmless', (html) => {
  const root = body(clean(html).html)
  expect(
    root.querySelector(
      'script, svg, math, iframe, object, embed, form, input, button, base, meta, link, video, source, template, noscript',
    ),
  ).toBeNull()
  for (const node of root.querySelectorAll('*'))
    for (const { name, value } of node.attributes) {
      expect(name).not.toMatch(
        /^on|^(?:id|name|ping|action|autofocus|contenteditable|tabindex|accesskey|srcset|poster)$/,
      )
      if (name === 'href') expect(value).toMatch(/^(?:https?:|mailto:|tel:)/)
      if (name === 'src') expect(value).toMatch(/^data:image\//)
      if (name === 'style') expect(value).not.toMatch(/expression|binding|behavior|url\((?!data)/i)
    }
})

test('nothing of the internet is loaded before the person asks, and it is counted', () => {
  const html = `<style>@import url(https://t.example/a.css); .a{background:url("https://t.example/1")}</style>
    <img src="https://t.example/2"><img src="//t.example/3" srcset="https://t.example/4 2x">
    <table background="https://t.example/5"><tr><td style="background:url(https://t.example/6)">x</td></tr></table>`
  const { html: quiet, blocked } = clean(html)
  expect(quiet).not.toContain('t.example')
  expect(blocked).toBe(5)
  const loud = clean(html, true)
  expect(loud.blocked).toBe(0)
  expect(loud.html).toContain('src="https://t.example/2"')
  expect(loud.html).toContain('src="https://t.example/3"')
  expect(loud.html).not.toContain('srcset')
  expect(loud.html).not.toContain('@import')
})

test('pictures that came with the message are shown, unknown ones are blank', () => {
  const { html, blocked } = clean('<img src="cid:a@x"><img src="CID:b%40x"><img src="cid:%zz">', false, [
    ['a@x', 'blob:1'],
    ['b@x', 'blob:2'],
  ])
  const sources = [...body(html).querySelectorAll('img')].map((each) => each.getAttribute('src'))
  expect(sources.slice(0, 2)).toEqual(['blob:1', 'blob:2'])
  expect(sources[2]).toMatch(/^data:image\/gif/)
  expect(blocked).toBe(0)
})

test('links open elsewhere and tell nobody where from', () => {
  const link = body(clean('<a href="https://x.example/a?b=1" target="_top" rel="opener">x</a>').html).querySelector(
    'a',
  )!
  expect([link.target, link.rel, link.getAttribute('href')]).toEqual([
    '_blank',
    'noopener noreferrer nofollow',
    'https://x.example/a?b=1',
  ])
})

test('what is harmless stays: structure, styles, tables', () => {
  const html =
    '<table width="600" bgcolor="#ffffff"><tbody><tr><td align="center" style="color:red">Hi <b>you</b></td></tr></tbody></table>'
  expect(clean(html).html).toBe(html)
  expect(clean('<html><head><style>p{color:red}</style></head><body><p>x</p></body></html>').html).toContain(
    'p{color:red}',
  )
})

test('one cleaning does not change the next', () => {
  clean('<img src="https://t.example/1">')
  expect(clean('<img src="https://t.example/1">').blocked).toBe(1)
})

test('text from HTML keeps lines, lists and quotes readable, and no style or script', () => {
  expect(
    htmlToText(
      '<style>p{}</style><p>Hello&nbsp;you,</p><p>one<br>two</p><ul><li>a</li><li>b</li></ul><script>x</script><table><tr><td>1</td><td>2</td></tr></table>',
    ),
  ).toBe('Hello you,\n\none\ntwo\n\n• a\n• b\n\n1 2')
  expect(htmlToText('')).toBe('')
})

test.each([
  ['spaces', 'url(' + ' '.repeat(5_000)],
  ['one after the other', 'url('.repeat(100_000)],
  ['quotes', 'url("'.repeat(100_000)],
])('a style of url( and %s without an end takes no time and loads nothing', (_, evil) => {
  const began = performance.now()
  const { html } = clean(`<style>p{background:${evil}</style><p>x</p>`)
  expect(performance.now() - began).toBeLessThan(5000)
  expect(html).not.toContain('url(')
})

test('a picture in quotes with a bracket inside stays', () => {
  expect(clean(`<style>p{background:url("data:image/svg+xml,rotate(1)")}</style><p>x</p>`).html).toContain('rotate(1)')
})

test('in our own document no style of a stranger stands', () => {
  const evil = `<style>body{display:none}</style><div class="mail-frame" style="position:fixed;inset:0">pay</div>`
  const { html } = cleanHtml(evil, { pictures: false, cids: new Map(), styles: false })
  expect(html).toBe('<div>pay</div>')
})
