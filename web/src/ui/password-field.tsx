/** A password with an eye that is named in the reader's language and large enough for a thumb. */
import { PasswordInput } from '@mantine/core'
import type { PasswordInputProps } from '@mantine/core'
import type { Ref } from 'react'
import { useTranslation } from 'react-i18next'

export function PasswordField(props: PasswordInputProps & { ref?: Ref<HTMLInputElement> }) {
  const { t } = useTranslation()
  return (
    <PasswordInput
      rightSectionWidth={48}
      visibilityToggleButtonProps={{ 'aria-label': t('signIn.showPassword') }}
      {...props}
    />
  )
}
