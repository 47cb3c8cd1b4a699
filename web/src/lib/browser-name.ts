/** A browser as people call it, from what it says of itself (User-Agent); '' where it says nothing known. */
const browsers: [RegExp, string][] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]
const systems: [RegExp, string][] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
]
const first = (list: [RegExp, string][], text: string): string => list.find(([form]) => form.test(text))?.[1] ?? ''

export const browserName = (userAgent: string | null): string =>
  [first(browsers, userAgent ?? ''), first(systems, userAgent ?? '')].filter((part) => part !== '').join(', ')
