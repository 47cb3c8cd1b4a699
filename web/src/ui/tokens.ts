/**
 * The design tokens: colour, space, radius, type, motion and elevation, light and dark as two values of the same names.
 * The stylesheet is generated from here (virtual:tokens.css, vite.config.ts); tokens.test.ts computes the contrast of
 * `readable` for both schemes (WCAG 2.2 AA). A colour that is not here is not used anywhere.
 */
export const schemes = ['light', 'dark'] as const
export type Scheme = (typeof schemes)[number]

/** The six tones of a mode: the same everywhere (banner, board, marks). `emergency` serves both kinds of emergency. */
export const tones = ['normal', 'suspect', 'emergency', 'recovering', 'quiet', 'hold'] as const
export type Tone = (typeof tones)[number]

const light = {
  'page': '#f4f6f8',
  'surface': '#ffffff',
  'sunken': '#eaeef2',
  'line': '#d3dae1',
  'edge': '#768390',
  'text': '#17202a',
  'muted': '#4d5a67',
  'accent': '#1d5b94',
  'accent-hover': '#164a7a',
  'on-accent': '#ffffff',
  'accent-soft': '#e1edf8',
  'on-accent-soft': '#154673',
  'danger': '#b3261e',
  'danger-hover': '#911d17',
  'on-danger': '#ffffff',
  'danger-soft': '#fdebe9',
  'on-danger-soft': '#8c1d18',
  'normal': '#1b6e3c',
  'on-normal': '#ffffff',
  'normal-soft': '#e2f3e7',
  'on-normal-soft': '#14532d',
  'suspect': '#8a5a00',
  'on-suspect': '#ffffff',
  'suspect-soft': '#fdf0d3',
  'on-suspect-soft': '#664200',
  'emergency': '#b83a0b',
  'on-emergency': '#ffffff',
  'emergency-soft': '#fde9e0',
  'on-emergency-soft': '#862a07',
  'recovering': '#1a56a8',
  'on-recovering': '#ffffff',
  'recovering-soft': '#e3ecfb',
  'on-recovering-soft': '#123f7c',
  'quiet': '#5b3aa8',
  'on-quiet': '#ffffff',
  'quiet-soft': '#eee9fa',
  'on-quiet-soft': '#452a85',
  'hold': '#ffd83d',
  'on-hold': '#1a1600',
  'hold-soft': '#fff3b5',
  'on-hold-soft': '#3d3200',
} as const
export type ColourToken = keyof typeof light

const dark: Record<ColourToken, string> = {
  'page': '#11161b',
  'surface': '#1a2128',
  'sunken': '#0c1014',
  'line': '#303b45',
  'edge': '#7c8995',
  'text': '#e8edf2',
  'muted': '#aab6c1',
  'accent': '#8cbcea',
  'accent-hover': '#a9cdf0',
  'on-accent': '#0c1a28',
  'accent-soft': '#1d3449',
  'on-accent-soft': '#bcd9f4',
  'danger': '#ff9d92',
  'danger-hover': '#ffb5ac',
  'on-danger': '#2b0b07',
  'danger-soft': '#40201d',
  'on-danger-soft': '#ffc7c0',
  'normal': '#7fd49c',
  'on-normal': '#082213',
  'normal-soft': '#153523',
  'on-normal-soft': '#a9e5bd',
  'suspect': '#f2bd5a',
  'on-suspect': '#2a1c00',
  'suspect-soft': '#3b2c0d',
  'on-suspect-soft': '#f8d594',
  'emergency': '#ff9066',
  'on-emergency': '#2c0f03',
  'emergency-soft': '#45210f',
  'on-emergency-soft': '#ffbda3',
  'recovering': '#85b4ff',
  'on-recovering': '#071a38',
  'recovering-soft': '#172d52',
  'on-recovering-soft': '#b5d1ff',
  'quiet': '#b9a2f2',
  'on-quiet': '#190d38',
  'quiet-soft': '#2d2350',
  'on-quiet-soft': '#d4c6f8',
  'hold': '#ffd83d',
  'on-hold': '#1a1600',
  'hold-soft': '#3d3400',
  'on-hold-soft': '#ffe778',
}

export const colours: Record<Scheme, Record<ColourToken, string>> = { light, dark }

/** [foreground, background, least ratio]: every pair that the pages use. 4.5 for text, 3 for edges and focus rings. */
export const readable: [ColourToken, ColourToken, number][] = [
  ...(['page', 'surface', 'sunken'] as const).flatMap((ground): [ColourToken, ColourToken, number][] => [
    ['text', ground, 7],
    ['muted', ground, 4.5],
    ['accent', ground, 4.5],
    ['danger', ground, 4.5],
    ['edge', ground, 3],
  ]),
  ['text', 'accent-soft', 7],
  ['muted', 'accent-soft', 4.5],
  ['on-accent', 'accent', 4.5],
  ['on-accent', 'accent-hover', 4.5],
  ['on-accent-soft', 'accent-soft', 4.5],
  ['accent', 'accent-soft', 4.5],
  ['on-danger', 'danger', 4.5],
  ['on-danger', 'danger-hover', 4.5],
  ['on-danger-soft', 'danger-soft', 4.5],
  ...tones.flatMap((tone): [ColourToken, ColourToken, number][] => [
    [`on-${tone}`, tone, 4.5],
    [`on-${tone}-soft`, `${tone}-soft`, 4.5],
  ]),
]

const shape = {
  'space-1': '4px',
  'space-2': '8px',
  'space-3': '12px',
  'space-4': '16px',
  'space-5': '24px',
  'space-6': '32px',
  'space-7': '48px',
  'radius-s': '4px',
  'radius-m': '8px',
  'radius-l': '12px',
  'font': "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Noto Sans', sans-serif",
  'mono': "ui-monospace, 'SF Mono', SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace",
  'size-s': '0.8125rem',
  'size-m': '0.9375rem',
  'size-l': '1.125rem',
  'size-xl': '1.5rem',
  'touch': '44px',
  'motion': '140ms',
  'lift': '0 1px 2px rgb(0 0 0 / 12%), 0 4px 14px rgb(0 0 0 / 10%)',
}

/** Mantine's own variables, pointed at our tokens, so that its components follow them in both schemes. */
const mantine: Record<string, string> = {
  'font-family': 'var(--font)',
  'font-family-headings': 'var(--font)',
  'font-family-monospace': 'var(--mono)',
  'color-body': 'var(--surface)',
  'color-text': 'var(--text)',
  'color-dimmed': 'var(--muted)',
  'color-placeholder': 'var(--muted)',
  'color-anchor': 'var(--accent)',
  'color-error': 'var(--danger)',
  'color-default': 'var(--surface)',
  'color-default-hover': 'var(--sunken)',
  'color-default-color': 'var(--text)',
  'color-default-border': 'var(--edge)',
  'color-bright': 'var(--text)',
  'primary-color-contrast': 'var(--on-accent)',
  'color-gray-light': 'var(--sunken)',
  'color-gray-light-hover': 'var(--sunken)',
  'color-gray-light-color': 'var(--text)',
  'color-gray-text': 'var(--text)',
  // Its greys, by what they are used for: text, borders of fields, grounds.
  ...Object.fromEntries(
    ['text', 'muted', 'muted', 'edge', 'edge', 'line', 'surface', 'page', 'sunken', 'sunken'].map((token, at) => [
      `color-dark-${at}`,
      `var(--${token})`,
    ]),
  ),
  ...Object.fromEntries(
    ['page', 'sunken', 'line', 'line', 'edge', 'edge', 'muted', 'muted', 'text', 'text'].map((token, at) => [
      `color-gray-${at}`,
      `var(--${token})`,
    ]),
  ),
  ...Object.fromEntries(
    (['blue', 'red'] as const).flatMap((name) => {
      const token = name === 'blue' ? 'accent' : 'danger'
      return [
        [`color-${name}-filled`, `var(--${token})`],
        [`color-${name}-filled-hover`, `var(--${token}-hover)`],
        [`color-${name}-light`, `var(--${token}-soft)`],
        [`color-${name}-light-hover`, `var(--${token}-soft)`],
        [`color-${name}-light-color`, `var(--on-${token}-soft)`],
        [`color-${name}-text`, `var(--${token})`],
        [`color-${name}-outline`, `var(--${token})`],
        [`color-${name}-outline-hover`, `var(--${token}-soft)`],
        [`color-${name}-4`, `var(--${token})`],
        [`color-${name}-5`, `var(--${token})`],
        [`color-${name}-6`, `var(--${token})`],
        [`color-${name}-8`, `var(--${token})`],
      ] as [string, string][]
    }),
  ),
}

const block = (selector: string, values: Record<string, string>, prefix = '') =>
  `${selector} {\n${Object.entries(values)
    .map(([name, value]) => `  --${prefix}${name}: ${value};`)
    .join('\n')}\n}\n`

export function tokensCss(): string {
  return [
    block(':root', shape),
    ...schemes.map((scheme) => {
      const at = `:root[data-mantine-color-scheme='${scheme}']`
      return `${block(at, colours[scheme])}${at} { color-scheme: ${scheme}; }\n${block(at, mantine, 'mantine-')}`
    }),
    '@media (prefers-reduced-motion: reduce) { :root { --motion: 0.01ms; } }\n',
  ].join('')
}
