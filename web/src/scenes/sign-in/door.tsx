/** The look of sign-in, set-up and password: one card, one task, the language below. */
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Brand } from '../../ui/brand.tsx'
import { LanguageSwitch } from '../../ui/language-switch.tsx'

export function Door({ title, lead, children }: { title: string; lead?: string; children: ReactNode }) {
  const { t } = useTranslation()
  return (
    <main className="door" id="content">
      <div className="door-card">
        <div className="door-brand">
          <Brand size={34} />
          {t('app.name')}
        </div>
        <div>
          <h1>{title}</h1>
          {lead && <p className="muted">{lead}</p>}
        </div>
        {children}
      </div>
      <LanguageSwitch />
    </main>
  )
}
