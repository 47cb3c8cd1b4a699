/**
 * In a browser with an authenticator of its own (Chromium's virtual one): where a second factor is required somebody is led to set
 * one up, a passkey or an authenticator app; signs out, and in again by the passkey alone, by password and passkey, by password and
 * code. There is no mail system behind it.
 */
import { createHmac } from 'node:crypto'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation, passwordFor } from './kit/organisation.ts'
import { accessible, noSidewaysScroll, wordsOf } from './kit/pages.ts'
import { openScreen, startBrowser } from './peers/chromium.ts'
import { missing } from './peers/needs.ts'
import { freePort } from './peers/processes.ts'

const t = wordsOf('en')

/** The code that an app shows, `ahead` steps of 30 seconds from now (RFC 6238). */
function codeOf(secret: string, ahead: number): string {
  const bits = Array.from(secret, (one) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(one).toString(2).padStart(5, '0'))
  const bytes = bits.join('').match(/.{8}/g)!
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead))
  const key = Buffer.from(bytes.map((eight) => parseInt(eight, 2)))
  const mac = createHmac('sha1', key).update(counter).digest()
  const at = mac[19]! & 15
  return String((mac.readUInt32BE(at) & 0x7fff_ffff) % 1_000_000).padStart(6, '0')
}

describe.skipIf(missing('chromium'))('passkeys and two-step sign-in in a browser', () => {
  let installation: Installation
  let server: RunningHoldfast
  let browser: Browser
  let publicUrl: string

  beforeAll(async () => {
    const port = await freePort()
    publicUrl = `http://localhost:${port}`
    installation = createInstallation({
      name: 'passkeys',
      config: { publicUrl, listen: { http: { host: '127.0.0.1', port } } },
    })
    server = await installation.start()
    await declareOrganisation(installation, {
      ...{ domain: 'corp.test', people: ['alice', 'bob'], primaryPort: 1, outboundPort: 1, probe: false },
      organisation: { signIn: { secondFactor: 'required' } },
    })
    browser = await startBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await server.stop()
    await installation.remove()
  })

  async function byPassword(page: Page, name: string): Promise<void> {
    await page.goto(publicUrl)
    await page.getByLabel(t('signIn.name')).fill(`${name}@corp.test`)
    await page.locator('input[name=password]').fill(passwordFor(name))
    await page.getByRole('button', { name: t('signIn.submit'), exact: true }).click()
  }
  const inside = (page: Page) => page.waitForURL(`${publicUrl}/mail/**`)
  async function out(page: Page): Promise<void> {
    await page.getByRole('button', { name: t('app.account') }).click()
    await page.getByRole('menuitem', { name: t('app.signOut') }).click()
    await page.getByRole('button', { name: t('signIn.submit'), exact: true }).waitFor()
  }

  test('a passkey: added where one is required, then it signs in alone, and after the password', async () => {
    const screen = await openScreen(browser, 1280, 860)
    const { page } = screen
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('WebAuthn.enable')
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        ...{ protocol: 'ctap2', transport: 'internal', automaticPresenceSimulation: true },
        ...{ hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
      },
    })
    await byPassword(page, 'alice')
    await page.getByRole('heading', { name: t('factorSetup.title') }).waitFor()
    expect(await page.evaluate(async () => (await fetch('/api/v1/me/standing')).status)).toBe(403)
    const form = page.getByRole('form', { name: t('passkey.add') })
    await form.getByLabel(t('passkey.name')).fill('This computer')
    await form.locator('input[type=password]').fill(passwordFor('alice'))
    await accessible(page, 'second factor required')
    await form.getByRole('button', { name: t('passkey.add') }).click()
    await inside(page)
    await out(page)
    await accessible(page, 'sign-in with passkeys')
    await page.getByRole('button', { name: t('passkey.signIn') }).click()
    await inside(page)
    const account = await page.evaluate(async () => (await fetch('/api/v1/session')).json())
    expect(account).toMatchObject({ address: 'alice@corp.test', lacksSecondFactor: false })
    await out(page)
    await byPassword(page, 'alice')
    await page.getByText(t('secondStep.leadPasskey')).waitFor()
    await accessible(page, 'second step by a passkey')
    await page.getByRole('button', { name: t('passkey.use') }).click()
    await inside(page)
    await page.goto(`${publicUrl}/two-step`)
    await page.getByText('This computer').waitFor()
    await accessible(page, 'own passkeys')
    // The pages by another name, and a person who has none: nothing to press that would not work.
    await page.goto(publicUrl.replace('localhost', '127.0.0.1'))
    await page.getByLabel(t('signIn.name')).waitFor()
    expect(await page.getByRole('button', { name: t('passkey.signIn') }).count()).toBe(0)
    expect(screen.errors).toEqual([])
    await screen.close()
  })

  test('an authenticator app: set up on a telephone, then the code is asked for after the password', async () => {
    const screen = await openScreen(browser, 360, 740)
    const { page } = screen
    await byPassword(page, 'bob')
    await page.getByRole('heading', { name: t('factorSetup.title') }).waitFor()
    const form = page.locator('form').filter({ hasText: t('twoStep.begin') })
    await form.locator('input[type=password]').fill(passwordFor('bob'))
    await noSidewaysScroll(page)
    await form.getByRole('button', { name: t('twoStep.begin') }).click()
    const secret = (await page.locator('form code').textContent())!.replaceAll(' ', '')
    await page.getByLabel(t('twoStep.code')).fill(codeOf(secret, 0))
    await page.getByRole('button', { name: t('twoStep.confirm') }).click()
    await inside(page)
    await page.context().clearCookies()
    await byPassword(page, 'bob')
    await page.getByText(t('secondStep.lead')).waitFor()
    await page.locator('input[name=code]').fill('000000')
    await page.getByRole('button', { name: t('secondStep.submit'), exact: true }).click()
    await page.getByText(t('secondStep.wrong')).waitFor()
    // The one that confirmed it was used up.
    await page.locator('input[name=code]').fill(codeOf(secret, 1))
    await page.getByRole('button', { name: t('secondStep.submit'), exact: true }).click()
    await inside(page)
    expect(screen.errors).toEqual([])
    await screen.close()
  })

  test('every invariant holds', async () => {
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
