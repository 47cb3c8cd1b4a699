/** Debian's Chromium under playwright-core. Collects what a page asked for beyond loopback: there must be nothing. */
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'
import { findProgram } from './needs.ts'

export interface Screen {
  page: Page
  /** addresses outside of loopback that were asked for */
  strangers: string[]
  /** errors the page itself raised */
  errors: string[]
  close(): Promise<void>
}

export function startBrowser(): Promise<Browser> {
  const executablePath = findProgram('chromium|chromium-browser|google-chrome')
  if (!executablePath) throw new Error('no Chromium here')
  // as root Chromium's own sandbox cannot start; the pages are ours and loopback
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
}

export async function openScreen(browser: Browser, width: number, height: number, locale = 'en-GB'): Promise<Screen> {
  const context = await browser.newContext({ viewport: { width, height }, locale, hasTouch: width < 600 })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const strangers: string[] = []
  const errors: string[] = []
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url())
    if (/^(http|ws)/.test(protocol) && hostname !== '127.0.0.1') strangers.push(request.url())
  })
  page.on('pageerror', (error) => errors.push(String(error)))
  return { page, strangers, errors, close: () => context.close() }
}
