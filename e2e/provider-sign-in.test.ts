/**
 * People sign in by their organisation's identity provider, in a browser and through the provider's own pages; while it is down the
 * page says so, and a password of their own lets them in.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startOidcProvider, type RealProvider } from '../server/testkit/oidc-provider.ts'
import { createInstallation, type Installation, type RunningHoldfast } from './kit/holdfast.ts'
import { declareOrganisation, passwordFor } from './kit/organisation.ts'
import { accessible, wordsOf } from './kit/pages.ts'
import { openScreen, startBrowser } from './peers/chromium.ts'
import { missing } from './peers/needs.ts'
import { freePort, sleep } from './peers/processes.ts'

const secret = 'brass & copper kettle'
const t = wordsOf('en')

describe.skipIf(missing('chromium'))('sign-in by an identity provider', () => {
  let provider: RealProvider
  let installation: Installation
  let server: RunningHoldfast
  let browser: Browser
  let publicUrl: string

  beforeAll(async () => {
    const port = await freePort()
    publicUrl = `http://127.0.0.1:${port}`
    const redirectUri = `${publicUrl}/sign-in/provider`
    provider = await startOidcProvider({ clientId: 'holdfast', clientSecret: secret, redirectUri })
    installation = createInstallation({ name: 'provider', config: { publicUrl, listen: { http: { port } } } })
    server = await installation.start()
    writeFileSync(join(installation.data, 'client-secret'), `${secret}\n`, { mode: 0o600 })
    const signIn = {
      provider: {
        ...{ name: 'Corp ID', issuer: provider.issuer, clientId: 'holdfast' },
        ...{ passwordFile: 'client-secret', insecureLoopback: true },
      },
    }
    await declareOrganisation(installation, {
      ...{ domain: 'corp.test', people: ['alice', 'bob'], primaryPort: 1, outboundPort: 1 },
      organisation: { signIn },
    })
    browser = await startBrowser()
  })
  afterAll(async () => {
    await browser.close()
    await server.stop()
    await installation.remove()
    await provider.stop()
  })

  test('through the pages of the provider and back, signed in; then it is away, and a password does', async () => {
    const examined = installation.cli(['doctor', '--json'])
    const screen = await openScreen(browser, 1280, 860)
    const { page } = screen
    // The provider's pages for developers ask for a font of the world.
    await page.route(/^https?:\/\/(?!127\.0\.0\.1)/, (route) => route.abort())
    await page.goto(publicUrl)
    await page.getByLabel(t('signIn.name')).fill('alice@corp.test')
    await page.getByRole('button', { name: t('provider.signIn', { provider: 'Corp ID' }) }).click()
    await page.locator('input[name=login]').fill('alice@corp.test')
    await page.locator('input[name=password]').fill('any')
    await page.locator('button[type=submit]').click()
    await page.getByRole('button', { name: /continue/i }).click()
    await page.waitForURL(`${publicUrl}/mail/**`)
    expect(await page.evaluate('location.href')).not.toContain('code=')
    const account = await page.evaluate(async () => (await fetch('/api/v1/session')).json())
    expect(account).toMatchObject({ address: 'alice@corp.test', mustChangePassword: false })
    expect(screen.errors).toEqual([])
    await screen.close()
    const { findings } = (await examined).json
    expect(findings.filter(({ name }: { name: string }) => name === 'identity provider')).toMatchObject([
      { standing: 'ok' },
    ])

    // Off while somebody is on the way.
    const second = await openScreen(browser, 360, 740)
    await second.page.goto(publicUrl)
    await second.page.getByLabel(t('signIn.name')).fill('bob@corp.test')
    const button = second.page.getByRole('button', { name: t('provider.signIn', { provider: 'Corp ID' }) })
    await button.waitFor()
    await provider.stop()
    // What was known of it a moment ago counts no more for who leaves for it; whoever comes next is told at once.
    await sleep(2_500)
    await button.click()
    await second.page.getByText(t('provider.away', { provider: 'Corp ID' })).waitFor()
    await second.page.reload()
    await second.page.getByLabel(t('signIn.name')).fill('bob@corp.test')
    await second.page.getByText(t('provider.away', { provider: 'Corp ID' })).waitFor()
    await accessible(second.page, 'provider away')
    await second.page.locator('input[type=password]').fill(passwordFor('bob'))
    await second.page.getByRole('button', { name: t('signIn.submit'), exact: true }).click()
    await second.page.waitForURL(`${publicUrl}/mail/**`)
    await second.close()
  })

  test('who has no other way in is told; nothing secret is in the log; every invariant holds', async () => {
    expect((await installation.cli(['admin', 'provider', '--json'])).json.providers).toMatchObject([{ people: [] }])
    for (const word of [secret, 'code=']) expect(server.log()).not.toContain(word)
    const check = await installation.cli(['check', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  })
})
