/** A mode in colour and word, the same everywhere. */
import {
  IconAlertTriangle,
  IconArrowBackUp,
  IconCircleCheck,
  IconHandStop,
  IconHelpCircle,
  IconMoon,
} from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { ModeWord } from '../data/contract.ts'
import { sentence } from '../lib/sentence.ts'
import type { Tone } from './tokens.ts'

export const toneOf = (mode: ModeWord): Tone => (mode === 'emergencyReach' ? 'emergency' : mode)

const icons = {
  normal: IconCircleCheck,
  suspect: IconHelpCircle,
  emergency: IconAlertTriangle,
  recovering: IconArrowBackUp,
  quiet: IconMoon,
  hold: IconHandStop,
}

export function ModeMark({ mode }: { mode: ModeWord }) {
  const { t } = useTranslation()
  const tone = toneOf(mode)
  const Icon = icons[tone]
  return (
    <span className={`mode-word mode-${tone}`}>
      <Icon size={16} aria-hidden="true" />
      {sentence(t, 'mode', mode)}
    </span>
  )
}
