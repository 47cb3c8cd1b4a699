/**
 * The control panel in a real browser, in each language and on both widths: the first administrator by the printed link,
 * a switch by hand with its reason, what waits, the trace of one message, the way home and its ledger.
 */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { operator } from './kit/operator.ts'
import { startBrowserStage } from './kit/browser-stage.ts'
import type { BrowserStage } from './kit/browser-stage.ts'
import { passwordFor } from './kit/organisation.ts'
import { accessible, noSidewaysScroll, nothingCutOff, signInPage, wordsOf } from './kit/pages.ts'
import type { Locale } from './kit/pages.ts'
import { openScreen } from './peers/chromium.ts'
import { missing } from './peers/needs.ts'

const skip = missing('chromium')
let stage: BrowserStage

beforeAll(async () => {
  if (!skip)
    stage = await startBrowserStage({
      domain: 'panel.test',
      people: ['alice', 'bob'],
      operator: false,
      route: { retryFirst: 1, retryMax: 3 },
    })
})
afterAll(async () => {
  if (!skip) await stage.close()
})

const mail = (subject: string): string =>
  `From: Customer <customer@outside.test>\r\nTo: alice@panel.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replaceAll(' ', '-')}@outside.test>\r\n\r\nA question.\r\n`
const send = async (subject: string): Promise<void> => {
  const { ok } = await sendMail(
    stage.server.ports.mx,
    { from: 'customer@outside.test', to: ['alice@panel.test'] },
    mail(subject),
  )
  expect(ok).toBe(true)
}

/** What every page must be; its heading tells that it is there, not only its frame. */
async function sound(page: Page, scene: string): Promise<void> {
  await page.locator('main h1, h1').first().waitFor()
  await page.waitForFunction(
    () => (globalThis as any).document.querySelector('[aria-busy=true], .mantine-Skeleton-root') === null,
  )
  await noSidewaysScroll(page)
  await nothingCutOff(page, scene)
  await accessible(page, scene)
}

async function speak(page: Page, locale: Locale): Promise<void> {
  const name = { en: 'English', fr: 'Français', de: 'Deutsch' }[locale]
  if ((await page.locator('html').getAttribute('lang')) === locale) return
  await page.locator('header button').last().click()
  await page.getByRole('menuitem', { name }).click()
  await page.locator(`html[lang=${locale}]`).waitFor()
}

describe.skipIf(skip)('the control panel', () => {
  // for looking into a failure: HOLDFAST_E2E_SHOTS=FOLDER
  afterEach(async ({ task }) => {
    const shots = process.env.HOLDFAST_E2E_SHOTS
    const pages = stage.browser.contexts().flatMap((context) => context.pages())
    if (shots && task.result?.state === 'fail')
      for (const [at, page] of pages.entries())
        await page.screenshot({ path: `${shots}/${task.name.replaceAll(/\W+/g, '-')}-${at}.png` })
    for (const context of stage.browser.contexts()) await context.close()
  })

  test('the first administrator is made by the printed link, once, in the language of the browser', async () => {
    const t = wordsOf('de')
    const screen = await openScreen(stage.browser, 360, 740, 'de-DE')
    const { page, errors } = screen
    await page.goto(stage.server.setupLink!)
    await page.getByRole('heading', { name: t('setup.title') }).waitFor()
    expect(page.url()).not.toContain('#')
    await sound(page, 'setup')
    const submit = page.getByRole('button', { name: t('setup.submit') })
    await page.getByLabel(t('setup.display')).fill(operator.display)
    await page.getByLabel(t('setup.name')).fill(operator.name)
    await page.getByLabel(t('setup.password'), { exact: true }).fill(operator.password)
    await page.getByLabel(t('setup.again')).fill(`${operator.password}x`)
    await submit.click()
    await page.getByText(t('password.differ')).waitFor()
    await page.getByLabel(t('setup.again')).fill(operator.password)
    await submit.click()
    await page.getByRole('heading', { name: t('admin.board') }).waitFor()
    await page.goto(stage.server.setupLink!)
    await page.getByText(t('setup.invalidTitle')).waitFor()
    expect(errors).toEqual([])
    await screen.close()
  })

  test.each([
    ['en', 1280, 860],
    ['fr', 360, 740],
    ['de', 1280, 860],
  ] as const)('a switch by hand, what waits, and the way home, in %s at %i px', async (locale, width, height) => {
    const t = wordsOf(locale)
    const screen = await openScreen(stage.browser, width, height)
    const { page } = screen
    await signInPage(page, stage.server.ports.http, operator.name, operator.password)
    const card = page.getByRole('region', { name: 'primary', exact: true })
    await card.waitFor()
    await speak(page, locale)
    const open = (name: string): Promise<void> =>
      page
        .getByRole('navigation', { name: t('admin.pages') })
        .getByRole('link', { name: t(`admin.${name}`), exact: true })
        .click()

    // the switch asks why, and does nothing without
    await card.getByRole('button', { name: t('board.switch'), exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText(t('board.pinEmergency'), { exact: true }).click()
    await dialog.getByRole('button', { name: t('board.confirm') }).click()
    await dialog.getByText(t('board.reasonMissing')).waitFor()
    await sound(page, `switch dialog, ${locale}`)
    await dialog.getByLabel(t('board.reason')).fill('Patching the store')
    await dialog.getByRole('button', { name: t('board.confirm') }).click()
    await card.getByText(/Patching the store/).waitFor()
    await card.getByText(t('mode.emergency'), { exact: true }).first().waitFor()
    await sound(page, `board, ${locale}`)

    const subject = `panel ${locale} ${width}`
    await send(subject)
    await open('queue')
    await page
      .getByRole('table', { name: t('queue.title') })
      .getByText('alice@panel.test')
      .first()
      .waitFor()
    await page.getByText(t('queue.whenOpen')).first().waitFor()
    await page.getByLabel(t('queue.search')).fill('nobody-of-that-name')
    await page.getByText(t('queue.emptyFilter')).waitFor()
    await page.getByLabel(t('queue.search')).fill(subject)
    await page.getByRole('link', { name: subject }).waitFor()
    await sound(page, `queue, ${locale}`)
    expect(stage.primary.store.all().some((one) => one.bytes.includes(`Subject: ${subject}`))).toBe(false)

    await open('board')
    await card.getByRole('button', { name: t('board.switch'), exact: true }).click()
    await dialog.getByText(t('board.pinNone'), { exact: true }).click()
    await dialog.getByLabel(t('board.reason')).fill('Patched')
    await dialog.getByRole('button', { name: t('board.confirm') }).click()
    await dialog.waitFor({ state: 'hidden' })
    await stage.primary.store.waitFor((one) => one.bytes.includes(`Subject: ${subject}`), 40_000)

    await open('returns')
    const returns = page.getByRole('table', { name: t('admin.returns') })
    await returns.getByRole('link', { name: 'primary' }).first().waitFor()
    await sound(page, `returns, ${locale}`)
    await returns.getByRole('link', { name: 'primary' }).first().click()
    const ledger = page.getByRole('table', { name: t('trace.ledger') })
    await ledger.getByText(subject).first().waitFor({ timeout: 30_000 })
    await ledger
      .getByText(/^250 2\.0\.0 /)
      .first()
      .waitFor()
    await sound(page, `ledger, ${locale}`)

    await open('trace')
    await page.getByLabel(t('trace.search')).fill(`<${subject.replaceAll(' ', '-')}@outside.test>`)
    await page.getByRole('button', { name: t('trace.submit') }).click()
    await sound(page, `trace search, ${locale}`)
    await page.getByRole('link', { name: subject }).click()
    await page
      .getByRole('region', { name: 'alice@panel.test' })
      .getByText(/^250 2\.0\.0 /)
      .first()
      .waitFor()
    await page
      .getByText(t('trace.attempt', { number: '1' }))
      .first()
      .waitFor()
    await sound(page, `trace, ${locale}`)

    for (const name of ['parking', 'people', 'audit']) {
      await open(name)
      await page.getByRole('heading', { name: t(`admin.${name}`), exact: true }).waitFor()
      await sound(page, `${name}, ${locale}`)
    }
    await page
      .getByText(/Patching the store/)
      .first()
      .waitFor()
    expect(screen.errors).toEqual([])
    expect(screen.strangers).toEqual([])
    await speak(page, 'en')
    await screen.close()
  })

  test('two administrators at once: the second is told that somebody was faster', async () => {
    const t = wordsOf('en')
    const [one, two] = [await openScreen(stage.browser, 1280, 860), await openScreen(stage.browser, 1280, 860)]
    const dialogs = []
    for (const { page } of [one, two]) {
      await signInPage(page, stage.server.ports.http, operator.name, operator.password)
      const card = page.getByRole('region', { name: 'primary', exact: true })
      await card.getByText(t('mode.normal'), { exact: true }).first().waitFor({ timeout: 40_000 })
      await card.getByRole('button', { name: t('board.switch'), exact: true }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByRole('radio').nth(1).check()
      await dialog.getByLabel(t('board.reason')).fill('The probe is wrong')
      dialogs.push(dialog)
    }
    await dialogs[0]!.getByRole('button', { name: t('board.confirm') }).click()
    await dialogs[0]!.waitFor({ state: 'hidden' })
    await dialogs[1]!.getByRole('button', { name: t('board.confirm') }).click()
    await dialogs[1]!.getByText(t('board.conflict')).waitFor()
    await one.close()
    await two.close()
  })

  test.each([
    ['fr', 360, 740],
    ['de', 1280, 860],
  ] as const)('a person moves a message in %s at %i px', async (locale, width, height) => {
    const t = wordsOf(locale)
    const screen = await openScreen(stage.browser, width, height)
    const { page } = screen
    const subject = `movable ${locale}`
    await send(subject)
    await signInPage(page, stage.server.ports.http, 'alice@panel.test', passwordFor('alice'))
    const row = page.getByRole('option').filter({ hasText: subject }).first()
    await row.waitFor()
    await speak(page, locale)
    await page.getByRole('region', { name: t('banner.label') }).waitFor()
    await noSidewaysScroll(page)
    await nothingCutOff(page, `list, ${locale}`)
    await accessible(page, `list, ${locale}`)
    await row.click()
    await page
      .getByRole('button', { name: t('mail.moreActions') })
      .filter({ visible: true })
      .first()
      .click()
    await page.getByRole('menuitem', { name: t('folder.archive'), exact: true }).click()
    await page.goto(`http://127.0.0.1:${stage.server.ports.http}/mail`)
    await page.getByRole('option').first().waitFor()
    await row.waitFor({ state: 'detached' })
    if (width < 600)
      await page
        .getByRole('button', { name: t('folder.title') })
        .first()
        .click()
    await page
      .getByRole('link', { name: new RegExp(`^${t('folder.archive')}`) })
      .filter({ visible: true })
      .first()
      .click()
    await row.waitFor()
    await speak(page, 'en')
    expect(screen.errors).toEqual([])
    await screen.close()
  })
})
