/** Who is there, and who did what: two lists to look things up in. */
import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Person } from '../../data/contract.ts'
import { auditQuery, peopleQuery, sessionQuery, standInsQuery } from '../../data/queries.ts'
import { sentence } from '../../lib/sentence.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { ModeMark } from '../../ui/mode.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { AskMailboxDialog } from './ask-mailbox-dialog.tsx'
import { SharedMembers } from './shared-members.tsx'
import { SignInHelpDialog } from './sign-in-help.tsx'
import { usePages } from './use-pages.ts'
import { WaysBackPanel } from './ways-back-panel.tsx'
import { AuditDetails, authorText, Thing } from './words.tsx'

const peopleHere = getRouteApi('/signed/admin/$org/people')
const auditHere = getRouteApi('/signed/admin/$org/audit')
const roles: Record<string, 'people.rolePerson' | 'people.roleHelpdesk' | 'people.roleAuditor' | 'people.roleAdmin'> = {
  person: 'people.rolePerson',
  helpdesk: 'people.roleHelpdesk',
  auditor: 'people.roleAuditor',
  admin: 'people.roleAdmin',
}

const posting = {
  anyone: 'standIns.may.anyone',
  members: 'standIns.may.members',
  organisation: 'standIns.may.organisation',
  named: 'standIns.may.named',
} as const

export function PeopleScene() {
  const { t } = useTranslation()
  const { org } = peopleHere.useParams()
  const [text, setText] = useState('')
  const [ways, setWays] = useState('')
  const [q] = useDebouncedValue(text.trim(), 300)
  const { asked, rows } = usePages(peopleQuery(org, q, ways))
  const standIns = usePages(standInsQuery(org))
  const { data: account } = useQuery(sessionQuery)
  const [helped, setHelped] = useState<Person | null>(null)
  const [askedFor, setAskedFor] = useState<Person | null>(null)
  const mayHelp = account?.abilities.includes('people:reset') ?? false
  const mayAsk = account?.abilities.includes('mailbox:ask') ?? false
  return (
    <>
      <h1>{t('admin.people')}</h1>
      <div className="filters">
        <TextInput
          label={t('people.search')}
          type="search"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <NativeSelect
          label={t('waysBack.filter')}
          value={ways}
          onChange={(event) => setWays(event.currentTarget.value)}
          data={[
            { value: '', label: t('waysBack.filterAll') },
            { value: 'none', label: t('waysBack.filterNone') },
            { value: 'password', label: t('waysBack.filterPassword') },
          ]}
        />
      </div>
      <DataTable
        label={t('admin.people')}
        asked={asked}
        rows={rows}
        rowKey={({ id }) => id}
        empty={q || ways ? t('people.emptySearch') : t('people.empty')}
        columns={[
          {
            name: t('people.name'),
            cell: (row) => (
              <div>
                <strong>{row.name}</strong> {row.mode && <ModeMark mode={row.mode} />}
                <SharedMembers person={row} />
                {row.decided && row.decided.by !== 'engine' && (
                  <div className="muted small">
                    {t(`people.decided.${row.decided.by}`)}
                    {row.decided.author &&
                      `: ${t('board.pinnedBy', { author: authorText(row.decided.author), reason: row.decided.reason })}`}
                    {row.decided.by === 'mailbox' && row.decided.reason && `: ${row.decided.reason}`}
                    {row.decided.until && (
                      <>
                        {' '}
                        {t('board.pinnedUntil')} <TimeText at={row.decided.until} form="clock" />
                      </>
                    )}
                  </div>
                )}
              </div>
            ),
          },
          { name: t('people.addresses'), wide: true, cell: (row) => row.addresses.join(', ') },
          {
            name: t('people.role'),
            cell: (row) => (row.kind === 'person' ? (roles[row.role] ? t(roles[row.role]!) : row.role) : ''),
          },
          { name: t('people.protected'), cell: (row) => (row.protected ? t('app.yes') : t('app.no')) },
          {
            name: t('people.lastSignIn'),
            cell: (row) =>
              row.lastSignInAt ? (
                <TimeText at={row.lastSignInAt} form="clock" />
              ) : row.kind === 'person' ? (
                t('people.never')
              ) : (
                ''
              ),
          },
          ...(mayHelp
            ? [
                {
                  name: t('signInHelp.column'),
                  cell: (row: Person) =>
                    row.kind === 'person' && (
                      <Button
                        variant="subtle"
                        className="sign-in-help"
                        size="compact-sm"
                        aria-label={t('signInHelp.title', { name: row.name })}
                        onClick={() => setHelped(row)}
                      >
                        {t('signInHelp.open')}
                      </Button>
                    ),
                },
              ]
            : []),
          ...(mayAsk
            ? [
                {
                  name: t('access.mailbox'),
                  cell: (row: Person) =>
                    row.kind === 'person' &&
                    row.id !== account?.id && (
                      <Button
                        variant="subtle"
                        className="ask-mailbox"
                        size="compact-sm"
                        aria-label={t('access.askTitle', { name: row.name })}
                        onClick={() => setAskedFor(row)}
                      >
                        {t('access.askOpen')}
                      </Button>
                    ),
                },
              ]
            : []),
        ]}
      />
      {askedFor && <AskMailboxDialog org={org} person={askedFor} close={() => setAskedFor(null)} />}
      {helped && <SignInHelpDialog org={org} person={helped} close={() => setHelped(null)} />}
      <WaysBackPanel org={org} />
      <h2>{t('standIns.title')}</h2>
      <DataTable
        label={t('standIns.title')}
        asked={standIns.asked}
        rows={standIns.rows}
        rowKey={({ id }) => id}
        empty={t('standIns.empty')}
        columns={[
          {
            name: t('standIns.address'),
            cell: (row) => (
              <div>
                <strong>{row.address}</strong>
                {row.name && <div className="muted">{row.name}</div>}
              </div>
            ),
          },
          {
            name: t('standIns.to'),
            wide: true,
            cell: (row) =>
              [
                ...row.to,
                ...row.groups.map((group) => t('standIns.group', { group })),
                ...(row.more > 0 ? [t('standIns.more', { count: row.more })] : []),
              ].join(', '),
          },
          { name: t('standIns.posting'), cell: (row) => (row.posting ? t(posting[row.posting]) : '') },
          {
            name: t('standIns.bounces'),
            cell: (row) =>
              row.kind === 'redirect'
                ? ''
                : row.paused > 0
                  ? t('standIns.paused', { bounces: row.bounces, paused: row.paused })
                  : String(row.bounces),
          },
        ]}
      />
    </>
  )
}

export function AuditScene() {
  const { t } = useTranslation()
  const { org } = auditHere.useParams()
  const { asked, rows } = usePages(auditQuery(org))
  return (
    <>
      <h1>{t('admin.audit')}</h1>
      <p className="muted">{t('audit.lead')}</p>
      <DataTable
        label={t('admin.audit')}
        asked={asked}
        rows={rows}
        rowKey={({ id }) => id}
        empty={t('audit.empty')}
        columns={[
          { name: t('audit.at'), cell: (row) => <TimeText at={row.at} form="seconds" /> },
          { name: t('audit.actor'), cell: (row) => <Thing of={row.actor} name={row.actorName} /> },
          { name: t('audit.act'), cell: (row) => <span title={row.act}>{sentence(t, 'act', row.act)}</span> },
          { name: t('audit.thing'), wide: true, cell: (row) => <Thing of={row.thing} name={row.thingName} /> },
          { name: t('audit.why'), wide: true, cell: (row) => <AuditDetails row={row} /> },
        ]}
      />
    </>
  )
}
