/** Mantine's theme: sizes, radius and how its components behave by default. Colours come from the tokens' stylesheet. */
import {
  defaultVariantColorsResolver,
  ActionIcon,
  Button,
  createTheme,
  Menu,
  Modal,
  NativeSelect,
  PasswordInput,
  Textarea,
  TextInput,
  Tooltip,
} from '@mantine/core'
import type { VariantColorsResolver } from '@mantine/core'

/** On a filled ground stands the token made for it: in the dark scheme that is not white. */
const variantColorResolver: VariantColorsResolver = (input) => {
  const colours = defaultVariantColorsResolver(input)
  if (input.variant !== 'filled') return colours
  return { ...colours, color: input.color === 'red' ? 'var(--on-danger)' : 'var(--on-accent)' }
}

export const theme = createTheme({
  variantColorResolver,
  primaryColor: 'blue',
  defaultRadius: 'md',
  fontFamily: 'var(--font)',
  fontFamilyMonospace: 'var(--mono)',
  respectReducedMotion: true,
  components: {
    // Its words may be a sentence: on a narrow screen in German it takes two lines.
    Button: Button.extend({ defaultProps: { h: 'auto', mih: 44, py: 4, classNames: { label: 'button-label' } } }),
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: 'subtle', size: 44, color: 'gray' } }),
    TextInput: TextInput.extend({ defaultProps: { size: 'md' } }),
    PasswordInput: PasswordInput.extend({ defaultProps: { size: 'md' } }),
    Textarea: Textarea.extend({ defaultProps: { size: 'md' } }),
    NativeSelect: NativeSelect.extend({ defaultProps: { size: 'md' } }),
    // The scroll lock would insert a style element, which the page's policy forbids; our pages scroll inside panes.
    Modal: Modal.extend({ defaultProps: { lockScroll: false, centered: true } }),
    Menu: Menu.extend({
      defaultProps: { shadow: 'md', position: 'bottom-end', withinPortal: true, withInitialFocusPlaceholder: false },
    }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 400, withinPortal: true } }),
  },
})
