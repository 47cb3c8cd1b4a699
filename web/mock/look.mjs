/**
 * Looks at the pages: takes screenshots of the main scenes in both sizes, schemes and three languages, and fails when a
 * page reports an error, breaks the policy, or is wider than the screen. `node web/mock/look.mjs [folder] [runs] [scenes]`,
 * the last two as regular expressions.
 */
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const out = process.argv[2] ?? '/tmp/holdfast-look'
const filter = new RegExp(process.argv[3] ?? '.')
const onlyScenes = new RegExp(process.argv[4] ?? '.')
const port = 8123
mkdirSync(out, { recursive: true })
const server = spawn(process.execPath, [join(import.meta.dirname, 'server.mjs'), String(port)], { stdio: 'ignore' })
await new Promise((resolve) => setTimeout(resolve, 500))
const base = `http://127.0.0.1:${port}`
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
})
const sizes = {
  phone: { width: 360, height: 740 },
  narrow: { width: 320, height: 640 },
  tablet: { width: 820, height: 1000 },
  desktop: { width: 1280, height: 800 },
}
const scenes = {
  inbox: ['/mail/m1', '.mail-row'],
  reader: ['/mail/m1?id=e0', '.mail-frame'],
  plain: ['/mail/m1?id=e1', '.mail-plain'],
  reply: ['/mail/m1?id=e0&compose=reply', '.compose-text'],
  search: ['/mail/m1?q=figures&all=true', '.mail-row'],
  drafts: ['/mail/m2', '.mail-row'],
  later: ['/mail/m1?later=true', '.later'],
  waits: ['/mail/m2?id=w1&compose=draft', '.compose-body .notice'],
  sendLater: ['/mail/m1?id=e0&compose=reply', '.compose-text', 'Control+Shift+Enter', '.later-offers'],
  empty: ['/mail/m5', '.state'],
  book: ['/address-book', '.book-row'],
  bookCard: ['/address-book?id=b3', '.book-card'],
  bookList: ['/address-book?id=b2', '.book-card'],
  bookNone: ['/address-book?q=nobody', '.state'],
  offers: ['/mail/m1?compose=new', '#compose-to', 'a', '.book-offer'],
  shared: ['/mail/m1', '.mail-row'],
  lent: ['/mail/m1', '.notice-warn'],
  access: ['/admin/o1/access', '.table'],
  accessApprove: ['/admin/o1/access', '.access-approve', 'Enter', '.mantine-Modal-body textarea'],
  askMailbox: ['/admin/o1/people', '.table .ask-mailbox', 'Enter', '.mantine-Modal-body textarea'],
  password: ['/password', '.door-card'],
  appPasswords: ['/app-passwords', '.app-list'],
  waysBack: ['/ways-back', '.ways'],
  twoStep: ['/two-step', 'input[type=password]'],
  twoStepOffer: ['/two-step', 'input[type=password]', 'Enter', 'svg[role=img]'],
  passkeys: ['/two-step', '.app-list button', 'Enter', '.app-list form'],
  sessions: ['/sessions', '.app-list'],
  revoke: ['/app-passwords', '.app-revoke', 'Enter', '.mantine-Modal-body button'],
  board: ['/admin/o1/board', '.route'],
  notices: ['/admin/o1/board', '.notices button', 'Enter', '.mantine-Modal-body textarea'],
  switchFor: ['/admin/o1/board', '.pins-switch', 'Enter', '.pin-choice'],
  queue: ['/admin/o1/queue', '.table'],
  alarms: ['/admin/o1/alarms', '.table'],
  parking: ['/admin/o1/parking', '.table'],
  assign: ['/admin/o1/parking', '.parking-assign', 'Enter', '.mantine-Modal-body input'],
  returns: ['/admin/o1/returns', '.table'],
  ledger: ['/admin/o1/returns/v1', '.table'],
  quiet: ['/admin/o1/quiet', '.quiet-week'],
  trace: ['/admin/o1/trace/x0', '.attempts'],
  traces: ['/admin/o1/trace?q=alice', '.table'],
  people: ['/admin/o1/people', '.table'],
  waysBackAsk: ['/admin/o1/people', '.ways-back-begin', 'Enter', '.mantine-Modal-body input'],
  waysBackPanel: ['/admin/o1/people', '.ways-back-begin'],
  asked: ['/mail', '.asked-bar'],
  signInHelp: ['/admin/o1/people', '.table .sign-in-help', 'Enter', '.mantine-Modal-body select'],
  directory: ['/admin/o1/directory', '.table'],
  directoryRun: ['/admin/o1/directory', '.row-act', 'Enter', '.mantine-Modal-body ul'],
  learned: ['/admin/o1/learned', '.table'],
  forget: ['/admin/o1/learned', '.table .row-act', 'Enter', '.mantine-Modal-body button'],
  audit: ['/admin/o1/audit', '.table'],
  design: ['/design', '.design'],
}
// The browser reports what it did not run while foreign HTML was parsed for cleaning: that is the wall at work.
const parsed = (text) => /hashes do not apply to event handlers|Executing inline event handler|sha256-jqzoKb/.test(text)
let faults = 0
const fault = (text) => {
  faults++
  console.log(`FAULT ${text}`)
}
async function shots(size, scheme, locale, names, mode) {
  await fetch(`${base}/mock/mode?${mode}`)
  await fetch(`${base}/api/v1/session`, { method: 'DELETE' })
  const context = await browser.newContext({
    viewport: sizes[size],
    colorScheme: scheme,
    locale,
    deviceScaleFactor: 1,
    reducedMotion: 'reduce',
  })
  const page = await context.newPage()
  page.setDefaultTimeout(8_000)
  const tag = `${size}-${scheme}-${locale}`
  page.on(
    'console',
    (message) =>
      ['error', 'warning'].includes(message.type()) &&
      !/401/.test(message.text()) &&
      !parsed(message.text()) &&
      fault(`${tag} ${page.url()}: ${message.text()}`),
  )
  page.on('pageerror', (error) => fault(`${tag} ${page.url()}: ${error.message}`))
  await page.goto(base)
  await page.waitForSelector('input[name=username]')
  if (names.includes('sign-in')) {
    await page.fill('input[name=username]', 'alice@example.com')
    await page.fill('input[name=password]', 'wrong')
    await page.click('button[type=submit]')
    await page.waitForSelector('.notice')
    await page.screenshot({ path: `${out}/sign-in-${tag}.png` })
    await page.click('.door-card > button:last-child')
    await page.waitForSelector('.cant-reach')
    await page.screenshot({ path: `${out}/cant-reach-${tag}.png` })
    await page.click('.cant-reach button[type=submit]')
    await page.waitForSelector('.notice-good')
    await page.screenshot({ path: `${out}/cant-reach-done-${tag}.png` })
  }
  if (names.includes('secondStep')) {
    await page.goto(base)
    await page.fill('input[name=username]', 'alice@example.com')
    await page.fill('input[name=password]', 'second step')
    await page.click('button[type=submit]')
    await page.waitForSelector('input[name=code]')
    await page.screenshot({ path: `${out}/secondStep-${tag}.png` })
    await page.goto(base)
  }
  if (names.includes('factor')) {
    await page.fill('input[name=username]', 'alice@example.com')
    await page.fill('input[name=password]', 'lacking')
    await page.click('button[type=submit]')
    await page.waitForSelector('.app-list')
    await page.screenshot({ path: `${out}/factor-${tag}.png` })
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    if (wide > 0) fault(`${tag} factor: ${wide} px wider than the screen`)
    await fetch(`${base}/api/v1/session`, { method: 'DELETE' })
    await page.goto(base)
    await page.waitForSelector('input[name=username]')
  }
  if (names.includes('provider')) {
    for (const domain of ['id', 'away']) {
      await page.fill('input[name=username]', `alice@${domain}.example`)
      await page.waitForSelector(domain === 'id' ? '.provider-way button' : '.provider-way .notice')
      await page.waitForTimeout(300)
      await page.screenshot({ path: `${out}/provider-${domain}-${tag}.png`, fullPage: true })
    }
    await page.goto(`${base}/sign-in/provider?code=x&state=y`)
    await page.waitForSelector('.notice')
    await page.screenshot({ path: `${out}/provider-back-${tag}.png` })
    await page.goto(base)
    await page.waitForSelector('input[name=username]')
  }
  await page.fill('input[name=username]', 'alice@example.com')
  await page.fill('input[name=password]', 'right')
  await page.click('button[type=submit]')
  await page.waitForSelector('.mail-row')
  for (const name of names.filter((each) => scenes[each])) {
    if (name === 'shared') await page.evaluate(() => sessionStorage.setItem('holdfast.mailbox', 'p3'))
    if (name === 'asked') await Promise.all([fetch(`${base}/mock/asked?yes`), fetch(`${base}/mock/mode?normal`)])
    if (name === 'lent') await page.evaluate(() => sessionStorage.setItem('holdfast.mailbox', 'p4'))
    await page.goto(base + scenes[name][0])
    await page.waitForSelector(scenes[name][1])
    if (scenes[name][2]) {
      await page.focus(scenes[name][1])
      if (name === 'offers') await page.keyboard.type('al')
      else await page.keyboard.press(scenes[name][2])
      await page.waitForSelector(scenes[name][3])
    }
    if (name === 'waysBackPanel') await page.locator(scenes[name][1]).scrollIntoViewIfNeeded()
    await page.waitForTimeout(350)
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    if (wide > 0) fault(`${tag} ${name}: ${wide} px wider than the screen`)
    const cutOff = await page.evaluate(() =>
      [...document.querySelectorAll('button, .mantine-Button-label, .mail-folder, label, .mode-word, .admin-tabs a')]
        .filter(
          (each) =>
            each.getClientRects().length &&
            each.scrollWidth > each.clientWidth + 1 &&
            getComputedStyle(each).overflow !== 'visible',
        )
        .map((each) => each.textContent),
    )
    if (cutOff.length) fault(`${tag} ${name}: cut off: ${cutOff.join(' | ')}`)
    if (name === 'offers') await page.keyboard.press('ArrowDown')
    await page.screenshot({ path: `${out}/${name}-${tag}.png`, fullPage: name === 'design' })
    if (name === 'asked') await Promise.all([fetch(`${base}/mock/asked?no`), fetch(`${base}/mock/mode?${mode}`)])
    if (name === 'shared' || name === 'lent') await page.evaluate(() => sessionStorage.removeItem('holdfast.mailbox'))
  }
  await context.close()
}
const all = Object.keys(scenes)
const mail = ['inbox', 'reader', 'reply', 'board']
/** how somebody gets in, and what they find of others */
const personal = [
  ...[
    'secondStep',
    'factor',
    'provider',
    'twoStep',
    'twoStepOffer',
    'passkeys',
    'waysBack',
    'waysBackPanel',
    'waysBackAsk',
    'asked',
    'signInHelp',
  ],
  ...['book', 'bookCard', 'bookList', 'offers', 'shared', 'people'],
  ...['lent', 'access', 'accessApprove', 'askMailbox'],
]
const runs = [
  ['desktop', 'light', 'en', ['sign-in', 'secondStep', 'factor', 'provider', ...all], 'emergency'],
  ['phone', 'light', 'de', ['sign-in', 'secondStep', 'factor', 'provider', ...all], 'emergency'],
  ['desktop', 'dark', 'fr', ['sign-in', ...mail, 'later', 'sendLater', 'trace', 'design', ...personal], 'recovering'],
  ['phone', 'dark', 'fr', [...mail, ...personal], 'recovering'],
  ['narrow', 'light', 'de', ['secondStep', 'factor', 'provider', ...all], 'hold'],
  ['tablet', 'light', 'en', ['inbox', 'reader', 'board', 'queue'], 'normal'],
]
for (const run of runs)
  if (filter.test(run.slice(0, 3).join('-')))
    await shots(
      ...run.with(
        3,
        run[3].filter((name) => onlyScenes.test(name)),
      ),
    ).catch((error) => fault(`${run.slice(0, 3).join('-')}: ${error.message.slice(0, 300)}`))
await browser.close()
server.kill()
console.log(`${faults} faults, pictures in ${out}`)
process.exitCode = faults ? 1 : 0
