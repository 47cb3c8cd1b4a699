/** The three languages by their own names. */
import { useTranslation } from 'react-i18next'
import { localeNames, locales, setLocale } from '../lib/i18n.ts'
import type { Locale } from '../lib/i18n.ts'

export function LanguageSwitch({ onChoose }: { onChoose?: (locale: Locale) => void }) {
  const { t, i18n } = useTranslation()
  return (
    <div className="door-foot" role="group" aria-label={t('app.language')}>
      {locales.map((locale) => (
        <button
          key={locale}
          type="button"
          className="link"
          lang={locale}
          aria-pressed={i18n.language === locale}
          onClick={() => {
            void setLocale(locale)
            onChoose?.(locale)
          }}
        >
          {localeNames[locale]}
        </button>
      ))}
    </div>
  )
}
