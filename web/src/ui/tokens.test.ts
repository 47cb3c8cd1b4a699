/** The contrast of every token pair in both schemes, computed as WCAG 2.2 says; and the completeness of the stylesheet. */
import { expect, test } from 'vitest'
import { colours, readable, schemes, tokensCss, tones } from './tokens.ts'

const luminance = (hex: string) => {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}
const contrast = (a: string, b: string) => {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (high! + 0.05) / (low! + 0.05)
}

test('black on white is 21', () => expect(contrast('#000000', '#ffffff')).toBeCloseTo(21))

for (const scheme of schemes)
  test.each(readable)(`${scheme}: %s on %s has at least %d`, (foreground, background, least) => {
    expect(contrast(colours[scheme][foreground], colours[scheme][background])).toBeGreaterThanOrEqual(least)
  })

test('the six tones differ from each other in both schemes', () => {
  for (const scheme of schemes) expect(new Set(tones.map((tone) => colours[scheme][tone])).size).toBe(tones.length)
})

test('the stylesheet has each colour once per scheme', () => {
  const css = tokensCss()
  for (const name of Object.keys(colours.light)) expect(css.split(`  --${name}: `).length - 1, name).toBe(2)
})
