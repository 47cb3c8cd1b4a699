/**
 * What every page must be, and words in the reader's language: no serious accessibility fault, nothing wider than the
 * screen, no text cut off where it was not meant to be.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export type Locale = 'en' | 'fr' | 'de'

/** The page's own words, by key; `{{name}}` is filled from `values`. */
export function wordsOf(locale: Locale): (key: string, values?: Record<string, string>) => string {
  const file = new URL(`../../web/src/lib/locales/${locale}.json`, import.meta.url)
  const catalogue: any = JSON.parse(readFileSync(file, 'utf8'))
  return (key, values = {}) => {
    const text: unknown = key.split('.').reduce((at, part) => at?.[part], catalogue)
    if (typeof text !== 'string') throw new Error(`no text for ${key} in ${locale}`)
    return text.replaceAll(/\{\{(\w+)\}\}/g, (_all, name: string) => values[name] ?? '')
  }
}

export async function accessible(page: Page, scene: string): Promise<void> {
  // the CSP forbids foreign scripts: axe goes in as the debugger, not as a tag
  await page.evaluate(axe)
  // what is half faded in has no contrast yet
  await page.evaluate(`Promise.race([
    new Promise((resolve) => setTimeout(resolve, 2000)),
    Promise.all(document.getAnimations().filter((one) => one.effect?.getComputedTiming().iterations !== Infinity)
      .map((one) => one.finished.catch(() => undefined))),
  ])`)
  const found: { id: string; impact: string; nodes: { html: string; why: string }[] }[] = await page.evaluate(
    async () => {
      const { violations } = await (globalThis as any).axe.run({ exclude: [['iframe']] })
      return violations
        .filter((one: any) => one.impact === 'serious' || one.impact === 'critical')
        .map((one: any) => ({
          id: one.id,
          impact: one.impact,
          nodes: one.nodes.map((node: any) => ({ html: node.html.slice(0, 200), why: node.failureSummary })),
        }))
    },
  )
  expect(found, `${scene}: ${JSON.stringify(found, null, 1)}`).toEqual([])
}

export async function noSidewaysScroll(page: Page): Promise<void> {
  const over = await page.evaluate<number>(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  )
  expect(over).toBeLessThanOrEqual(1)
}

/** Text of controls and headings that does not fit where it stands (lists of mail cut theirs on purpose: class "cut"). */
export async function nothingCutOff(page: Page, scene: string): Promise<void> {
  const cut = await page.evaluate<
    string[]
  >(`[...document.querySelectorAll('h1, h2, h3, th, td, dt, dd, p, label, legend, button, a, option')]
    .filter((one) => one.offsetParent !== null && !one.closest('.cut, .admin-tabs, .hidden, .skip') && one.textContent.trim() !== '')
    .filter((one) => {
      const { overflowX, display } = getComputedStyle(one)
      return display !== 'inline' && overflowX !== 'visible' && one.scrollWidth > one.clientWidth + 1
    })
    .map((one) => one.tagName + ': ' + one.textContent.trim().slice(0, 80))`)
  expect(cut, scene).toEqual([])
}

export async function signInPage(page: Page, port: number, name: string, password: string): Promise<void> {
  const t = wordsOf('en')
  await page.goto(`http://127.0.0.1:${port}/`)
  await page.getByLabel(t('signIn.name')).fill(name)
  await page.locator('input[type=password]').fill(password)
  await accessible(page, 'sign-in')
  await page.getByRole('button', { name: t('signIn.submit') }).click()
}
