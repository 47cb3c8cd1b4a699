/** One's organisation asks for a private address: above every page, until it was put off for this visit, or one is confirmed. */
import { Button } from '@mantine/core'
import { Link, useRouterState } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

const PUT_OFF = 'holdfast.contact-put-off'

export function ContactAsked() {
  const { t } = useTranslation()
  const path = useRouterState({ select: ({ location }) => location.pathname })
  const [putOff, setPutOff] = useState(() => sessionStorage.getItem(PUT_OFF) !== null)
  if (putOff || path === '/ways-back') return null
  return (
    <section className="asked-bar" aria-label={t('waysBack.title')}>
      <span>{t('waysBack.banner')}</span>
      <span className="asked-bar-acts">
        <Button component={Link} to="/ways-back" size="compact-sm">
          {t('waysBack.give')}
        </Button>
        <Button
          variant="subtle"
          size="compact-sm"
          onClick={() => {
            sessionStorage.setItem(PUT_OFF, '1')
            setPutOff(true)
          }}
        >
          {t('waysBack.later')}
        </Button>
      </span>
    </section>
  )
}
