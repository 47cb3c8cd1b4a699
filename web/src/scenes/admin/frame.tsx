/** The panel's frame: which organisation, which page. An operator chooses; an administrator of one has no choice to make. */
import { NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, Navigate, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { organisationsQuery, sessionQuery } from '../../data/queries.ts'
import { EmptyState, ErrorState, LoadingState } from '../../ui/states.tsx'
import { Shell } from '../shell.tsx'

const pages = [
  'board',
  'alarms',
  'queue',
  'parking',
  'returns',
  'quiet',
  'trace',
  'people',
  'directory',
  'learned',
  'access',
  'audit',
] as const
const needs = {
  board: 'board:see',
  alarms: 'board:see',
  queue: 'queue:see',
  parking: 'parking:see',
  returns: 'returns:see',
  quiet: 'quiet:see',
  trace: 'trace:see',
  people: 'people:see',
  directory: 'people:see',
  learned: 'people:see',
  access: 'mailbox:see',
  audit: 'audit:see',
}

export function useOrganisations() {
  const { data: account } = useQuery(sessionQuery)
  const own = account?.organisation ?? null
  const asked = useQuery({ ...organisationsQuery, enabled: own === null })
  return { list: own ? [own] : asked.data, error: asked.error, refetch: asked.refetch }
}

export function AdminHome() {
  const { t } = useTranslation()
  const { list, error, refetch } = useOrganisations()
  const first = list?.[0]
  if (first) return <Navigate to="/admin/$org/board" params={{ org: first.id }} replace />
  return (
    <Shell>
      <main id="content" className="admin">
        {error ? (
          <ErrorState error={error} retry={() => void refetch()} />
        ) : list ? (
          <EmptyState>{t('admin.noOrganisation')}</EmptyState>
        ) : (
          <LoadingState />
        )}
      </main>
    </Shell>
  )
}

const here = getRouteApi('/signed/admin/$org')

export function AdminFrame() {
  const { t } = useTranslation()
  const { org } = here.useParams()
  const navigate = useNavigate()
  const { data: account } = useQuery(sessionQuery)
  const { list } = useOrganisations()
  useEffect(() => {
    document.title = `${t('app.admin')} · Holdfast`
  }, [t])
  const tabs = useRef<HTMLElement>(null)
  const path = useLocation({ select: ({ pathname }) => pathname })
  useEffect(() => {
    const active = tabs.current?.querySelector('.active')
    active?.scrollIntoView({ inline: 'center', block: 'nearest' })
  }, [path, account])
  // What one may not see is not offered; an address typed by hand gets the server's answer and the forbidden state.
  const shown = pages.filter(
    (page) => !account || account.abilities.length === 0 || account.abilities.includes(needs[page]),
  )
  return (
    <Shell>
      <div className="admin">
        <nav ref={tabs} className="admin-tabs" aria-label={t('admin.pages')}>
          {(shown.length ? shown : pages).map((page) => (
            <Link
              key={page}
              to={`/admin/$org/${page}`}
              params={{ org }}
              activeProps={{ 'className': 'active', 'aria-current': 'page' }}
              activeOptions={{ includeSearch: false }}
            >
              {t(`admin.${page}`)}
            </Link>
          ))}
        </nav>
        <main id="content" tabIndex={0} className="admin-main">
          <div className="admin-in">
            {list && list.length > 1 && (
              <NativeSelect
                label={t('admin.organisation')}
                maw={360}
                value={org}
                onChange={(event) =>
                  void navigate({ to: '/admin/$org/board', params: { org: event.currentTarget.value } })
                }
                data={list.map(({ id, name }) => ({ value: id, label: name }))}
              />
            )}
            <Outlet />
          </div>
        </main>
      </div>
    </Shell>
  )
}
