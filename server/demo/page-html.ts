/** The markup of the stand-in's page: one document, no framework, text set as text (never as HTML). */
export const pageHtml = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stand-in primary</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { margin: 0 auto; max-width: 64rem; padding: 1rem; }
  h1 { font-size: 1.4rem; margin: 0 0 .25rem; }
  h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
  .switch { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
  button, select { font: inherit; padding: .5rem 1rem; min-height: 2.75rem; }
  button[aria-pressed=true] { font-weight: bold; outline: 3px solid currentColor; }
  .boxes { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); }
  section.box { border: 1px solid #8888; border-radius: .5rem; padding: .75rem; }
  section.box h3 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
  ul { margin: 0; padding: 0 0 0 1.1rem; max-height: 20rem; overflow: auto; }
  li { overflow-wrap: anywhere; }
  small { opacity: .75; }
  #trouble { border-left: 4px solid #c33; padding-left: .75rem; }
</style>
</head>
<body>
<h1>Stand-in primary</h1>
<p>This page plays the organisation's own mail system. It belongs to the demo, not to Holdfast. <a id="holdfast">Open Holdfast</a></p>
<div class="switch" role="group" aria-label="State of the primary">
  <button id="on">On</button>
  <button id="off">Off</button>
  <label>Faulty: <select id="faulty"></select></label>
  <strong id="state" role="status"></strong>
</div>
<p id="trouble" role="alert" hidden></p>
<h2>Mailboxes at the primary</h2>
<div class="boxes" id="boxes"></div>
<h2>Outbound sink: what left to the outside world (<span id="sink-count">0</span>)</h2>
<ul id="sink"></ul>
<h2>Quick numbers</h2>
<ul id="numbers"></ul>
<script>
const $ = (id) => document.getElementById(id)
const make = (tag, text) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; return e }
const line = (kind, mail) => {
  const item = make('li'), link = make('a', mail.subject)
  link.href = '/' + kind + '/' + mail.id
  item.append(link, make('br'), make('small', mail.from + ' to ' + mail.to.join(', ') + ', ' + new Date(mail.at).toLocaleTimeString() + (kind === 'sink' ? (mail.dkim ? ', DKIM-Signature present' : ', NO DKIM-Signature') : '')))
  return item
}
let shown = ''
function show(state) {
  const text = JSON.stringify(state)
  if (text === shown) return
  shown = text
  const fault = state.primary.fault
  $('state').textContent = fault === null ? 'on, port ' + state.primary.port : fault + ': ' + state.faults.find((f) => f.name === fault).text
  $('trouble').textContent = state.primary.trouble
  $('trouble').hidden = state.primary.trouble === ''
  $('on').setAttribute('aria-pressed', fault === null)
  $('off').setAttribute('aria-pressed', fault === 'off')
  if (!$('faulty').options.length) {
    $('faulty').append(new Option('choose', ''))
    for (const f of state.faults) if (f.name !== 'off') $('faulty').append(new Option(f.text, f.name))
  }
  $('faulty').value = fault === null || fault === 'off' ? '' : fault
  $('boxes').replaceChildren(...state.mailboxes.map((box) => {
    const section = make('section'), list = make('ul')
    section.className = 'box'
    list.append(...box.mails.map((mail) => line('mail', mail)))
    section.append(make('h3', box.address + ' (' + box.count + ')'), list)
    return section
  }))
  $('sink-count').textContent = state.sink.count
  $('sink').replaceChildren(...(state.sink.mails.length ? state.sink.mails.map((mail) => line('sink', mail)) : [make('li', 'nothing yet')]))
  $('numbers').replaceChildren(...state.numbers.map((text) => make('li', text)))
  $('holdfast').href = state.holdfastUrl
}
const press = async (name) => show(await (await fetch('/fault?set=' + encodeURIComponent(name), { method: 'POST', headers: { 'X-Demo': '1' } })).json())
$('on').onclick = () => press('on')
$('off').onclick = () => press('off')
$('faulty').onchange = (e) => { if (e.target.value) press(e.target.value) }
const poll = async () => { try { show(await (await fetch('/state.json')).json()) } catch { $('state').textContent = 'the demo has stopped' } setTimeout(poll, 1000) }
poll()
</script>
</body>
</html>
`
