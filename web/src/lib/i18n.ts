/**
 * The three languages. English is the source and types the keys; the others are loaded when chosen. The choice: what the
 * account says, else what was chosen on this device, else what the browser asks for, else English.
 */
import { createInstance } from 'i18next'
import { initReactI18next } from 'react-i18next'
import en from './locales/en.json'

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en }
  }
}

export const locales = ['en', 'fr', 'de'] as const
export type Locale = (typeof locales)[number]
export const localeNames: Record<Locale, string> = { en: 'English', fr: 'Français', de: 'Deutsch' }
const isLocale = (value: string | null | undefined): value is Locale =>
  (locales as readonly string[]).includes(value ?? '')

const kept = 'holdfast.locale'
export function firstLocale(): Locale {
  const stored = localStorage.getItem(kept)
  if (isLocale(stored)) return stored
  return navigator.languages.map((tag) => tag.slice(0, 2)).find(isLocale) ?? 'en'
}

export const i18n = createInstance()

const load: Record<Exclude<Locale, 'en'>, () => Promise<{ default: unknown }>> = {
  fr: () => import('./locales/fr.json'),
  de: () => import('./locales/de.json'),
}

export async function setLocale(locale: string | null | undefined, keep = true): Promise<void> {
  if (!isLocale(locale)) return
  if (locale !== 'en' && !i18n.hasResourceBundle(locale, 'translation'))
    i18n.addResourceBundle(locale, 'translation', (await load[locale]()).default)
  await i18n.changeLanguage(locale)
  document.documentElement.lang = locale
  if (keep) localStorage.setItem(kept, locale)
}

export async function startI18n(): Promise<void> {
  await i18n.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    resources: { en: { translation: en } },
    // React escapes; a second escape would show &amp; to people.
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
  })
  // A catalogue that can't be loaded leaves English: better than no page.
  await setLocale(firstLocale(), false).catch(() => undefined)
}
