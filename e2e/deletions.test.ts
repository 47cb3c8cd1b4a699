/**
 * Promise 10 in the browser: what is deleted in bulk while the primary is away is still owed; the page asks, and only its
 * button takes it off what goes home.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendMail } from '../server/testkit/smtp-send.ts'
import { startBrowserStage } from './kit/browser-stage.ts'
import type { BrowserStage } from './kit/browser-stage.ts'
import { passwordFor } from './kit/organisation.ts'
import { openScreen } from './peers/chromium.ts'
import { missing } from './peers/needs.ts'

const skip = missing('chromium')
let stage: BrowserStage

beforeAll(async () => {
  if (!skip)
    stage = await startBrowserStage({
      domain: 'pages.test',
      people: ['alice'],
      operator: true,
      route: { retryFirst: 1, retryMax: 3 },
    })
})
afterAll(async () => {
  if (!skip) await stage.close()
})

/** As the page does it, with its cookie: everything in the Inbox to Trash. */
const deleteAll = `(async () => {
  const { csrf, id: accountId } = await (await fetch('/api/v1/session')).json()
  const jmap = async (...methodCalls) => (await (await fetch('/jmap', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-holdfast-csrf': csrf },
    body: JSON.stringify({ using: ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'], methodCalls }),
  })).json()).methodResponses
  const [[, boxes], [, found]] = await jmap(
    ['Mailbox/get', { accountId }, 'a'], ['Email/query', { accountId, limit: 100 }, 'b'])
  const trash = boxes.list.find((box) => box.role === 'trash').id
  const update = Object.fromEntries(found.ids.map((id) => [id, { mailboxIds: { [trash]: true } }]))
  const [[, set]] = await jmap(['Email/set', { accountId, update }, 'c'])
  return Object.keys(set.updated).length
})()`

describe.skipIf(skip)(`deleted in bulk${skip ? `: ${skip}` : ''}`, () => {
  test('the page asks whether mail that was deleted is still to be delivered, and does what is answered', async () => {
    await stage.primary.setFault('off')
    for (let i = 0; i < 25; i++) {
      const text = `From: c@outside.test\r\nSubject: mail ${i}\r\nX-Nonce: owed-mail-${i}\r\n\r\nhello\r\n`
      const { ok } = await sendMail(stage.server.ports.mx, { from: 'c@outside.test', to: ['alice@pages.test'] }, text)
      expect(ok).toBe(true)
    }
    const screen = await openScreen(stage.browser, 1280, 800)
    const { page, errors } = screen
    await page.goto(`http://127.0.0.1:${stage.server.ports.http}/`)
    await page.getByLabel('E-mail address or name').fill('alice@pages.test')
    await page.locator('input[type=password]').fill(passwordFor('alice'))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('is not taking mail').first().waitFor({ timeout: 60_000 })
    expect(await page.evaluate(deleteAll)).toBe(25)
    await page.getByText('You deleted 25 messages that your mail system has not received yet.').waitFor()
    const shot = process.env.HOLDFAST_E2E_SHOT
    if (shot) await page.screenshot({ path: shot })
    await page.getByRole('button', { name: 'Do not deliver them' }).click()
    await page.getByText('25 deleted messages will not be delivered.').waitFor()
    await page.getByText('You deleted 25 messages').waitFor({ state: 'detached' })
    expect(errors).toEqual([])
    await screen.close()
    await stage.primary.setFault(null)
    const { ok } = await sendMail(
      stage.server.ports.mx,
      { from: 'c@outside.test', to: ['alice@pages.test'] },
      'From: c@outside.test\r\nSubject: later\r\nX-Nonce: owed-later\r\n\r\nhello\r\n',
    )
    expect(ok).toBe(true)
    await stage.primary.store.waitFor((mail) => mail.nonce === 'owed-later', 90_000)
    expect(stage.primary.store.of('alice@pages.test').map((mail) => mail.nonce)).toEqual(['owed-later'])
  }, 240_000)
})
