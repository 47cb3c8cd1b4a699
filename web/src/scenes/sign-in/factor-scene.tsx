/** Who is to have a second factor and has none: one of the two is set up here, and nothing else is to be had before. */
import { Button } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { signOut } from '../../actions/session.ts'
import { LanguageSwitch } from '../../ui/language-switch.tsx'
import { Passkeys } from '../account/passkeys.tsx'
import { TwoStep } from '../account/two-step.tsx'

export function FactorScene() {
  const { t } = useTranslation()
  return (
    <main id="content" className="account">
      <div className="account-in stack">
        <h1>{t('factorSetup.title')}</h1>
        <p>{t('factorSetup.lead')}</p>
        <Passkeys />
        <TwoStep isPart />
        <div className="line">
          <Button variant="default" onClick={() => void signOut()}>
            {t('factorSetup.signOut')}
          </Button>
          <LanguageSwitch />
        </div>
      </div>
    </main>
  )
}
