/** The frame of every page behind the sign-in: skip link, head with the way between mail and panel, offline bar, scene. */
import { ActionIcon, Menu, useMantineColorScheme } from '@mantine/core'
import { IconCheck, IconUserCircle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { keepLocale, signOut } from '../actions/session.ts'
import { ApiError } from '../data/api.ts'
import type { Account } from '../data/contract.ts'
import { sessionQuery, standingQuery } from '../data/queries.ts'
import { localeNames, locales, setLocale } from '../lib/i18n.ts'
import { Brand } from '../ui/brand.tsx'
import { ContactAsked } from './account/contact-asked.tsx'

export const mayAdminister = (account: Account): boolean => account.kind === 'operator' || account.role !== 'person'

export function Shell({ children, start }: { children: ReactNode; start?: ReactNode }) {
  const { t } = useTranslation()
  const { data: account } = useQuery(sessionQuery)
  const standing = useQuery({ ...standingQuery, enabled: account?.kind === 'person' })
  const offline = standing.error instanceof ApiError && standing.error.code === 'offline'
  return (
    <div className="shell">
      <a className="skip" href="#content">
        {t('app.skip')}
      </a>
      <header className="shell-head">
        {start}
        <Link to="/" className="shell-brand" aria-label={t('app.name')}>
          <Brand />
          <span className="shell-brand-word">{t('app.name')}</span>
        </Link>
        {account && mayAdminister(account) && (
          <nav className="shell-nav" aria-label={t('app.name')}>
            {account.kind === 'person' && (
              <Link to="/mail" activeProps={{ className: 'active' }}>
                {t('app.mail')}
              </Link>
            )}
            <Link to="/admin" activeProps={{ className: 'active' }}>
              {t('app.admin')}
            </Link>
          </nav>
        )}
        <span className="grow" />
        {account && <AccountMenu account={account} />}
      </header>
      <div role="status" aria-live="polite">
        {offline && <div className="offline-bar">{t('state.offlineBar')}</div>}
      </div>
      {/* On a bad day there is other news to read up here. */}
      {account?.askedForContact && standing.data?.mode === 'normal' && <ContactAsked />}
      {children}
    </div>
  )
}

function AccountMenu({ account }: { account: Account }) {
  const { t, i18n } = useTranslation()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const navigate = useNavigate()
  const mark = (on: boolean) => (on ? <IconCheck size={16} aria-hidden="true" /> : <span style={{ width: 16 }} />)
  return (
    <Menu width={260}>
      <Menu.Target>
        <ActionIcon aria-label={t('app.account')}>
          <IconUserCircle size={26} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <strong>{account.name}</strong>
          <br />
          {account.address ?? account.role}
        </Menu.Label>
        <Menu.Item onClick={() => void navigate({ to: '/password' })}>{t('app.changePassword')}</Menu.Item>
        {account.kind === 'person' && (
          <Menu.Item onClick={() => void navigate({ to: '/address-book' })}>{t('book.title')}</Menu.Item>
        )}
        {account.kind === 'person' && (
          <Menu.Item onClick={() => void navigate({ to: '/app-passwords' })}>{t('appPasswords.menu')}</Menu.Item>
        )}
        <Menu.Item onClick={() => void navigate({ to: '/two-step' })}>{t('twoStep.menu')}</Menu.Item>
        {account.kind === 'person' && (
          <Menu.Item onClick={() => void navigate({ to: '/ways-back' })}>{t('privateContact.menu')}</Menu.Item>
        )}
        <Menu.Item onClick={() => void navigate({ to: '/sessions' })}>{t('sessions.menu')}</Menu.Item>
        <Menu.Item onClick={() => void signOut().then(() => navigate({ to: '/' }))}>{t('app.signOut')}</Menu.Item>
        <Menu.Divider />
        <Menu.Label>{t('app.language')}</Menu.Label>
        {locales.map((locale) => (
          <Menu.Item
            key={locale}
            lang={locale}
            leftSection={mark(i18n.language === locale)}
            onClick={() => {
              void setLocale(locale)
              void keepLocale(locale)
            }}
          >
            {localeNames[locale]}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Label>{t('app.theme')}</Menu.Label>
        {(['auto', 'light', 'dark'] as const).map((scheme) => (
          <Menu.Item key={scheme} leftSection={mark(colorScheme === scheme)} onClick={() => setColorScheme(scheme)}>
            {t(scheme === 'auto' ? 'app.themeAuto' : scheme === 'light' ? 'app.themeLight' : 'app.themeDark')}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
