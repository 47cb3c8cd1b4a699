/** One list: what it changed or would change, by name, which rows are wrong; and the yes or no to exactly what is shown. */
import { Button, Modal } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { DirectoryRunReport } from '../../data/contract.ts'
import { directoryRunQuery, sessionQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { ErrorState, LoadingState } from '../../ui/states.tsx'
import { State } from './directory.tsx'

/** What goes before what comes: the first lines are those somebody would be sorry about. */
const ACTS = ['remove', 'missing', 'disable', 'unlink', 'keep', 'create', 'change'] as const
const MOST_LINES = 200

export function RunDialog({ org, id, close }: { org: string; id: string | null; close: () => void }) {
  const { t } = useTranslation()
  return (
    <Modal
      opened={id !== null}
      onClose={close}
      size="lg"
      title={t('directory.title')}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      {id !== null && <Run key={id} org={org} id={id} close={close} />}
    </Modal>
  )
}

function Run({ org, id, close }: { org: string; id: string; close: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const { data: account } = useQuery(sessionQuery)
  const { data: run, error, refetch } = useQuery(directoryRunQuery(org, id))
  if (error && !run) return <ErrorState error={error} retry={() => void refetch()} />
  if (!run) return <LoadingState />
  const isWaiting = run.state === 'staged' || run.state === 'asks'
  const may = account?.abilities.includes('people:act') ?? false

  async function answer(what: 'confirm' | 'refuse', { digest }: DirectoryRunReport) {
    close()
    const path = `/organisations/${encodeURIComponent(org)}/directory-runs/${encodeURIComponent(id)}/${what}`
    try {
      await api('POST', path, what === 'confirm' ? { digest } : undefined)
      toasts.add(t(`directory.done.${what}`))
    } catch (thrown) {
      toasts.add(errorText(t, thrown), { tone: 'bad' })
    }
    await client.invalidateQueries({ queryKey: ['org', org] })
  }
  return (
    <div className="stack">
      <State run={run} />
      {run.state !== 'failed' && <p>{t('directory.counts', { ...run.counts })}</p>}
      <Items run={run} />
      {run.problems.length > 0 && (
        <section>
          <h3>{t('directory.problems')}</h3>
          <ul>
            {run.problems.slice(0, MOST_LINES).map(({ row, text, remedy }, at) => (
              <li key={at}>
                {row !== null && `${t('directory.row', { row })}: `}
                {text}. {remedy}
              </li>
            ))}
          </ul>
        </section>
      )}
      <div className="line">
        {isWaiting && may && (
          <>
            <Button onClick={() => void answer('confirm', run)}>{t('directory.yes')}</Button>
            <Button color="red" variant="outline" onClick={() => void answer('refuse', run)}>
              {t('directory.no')}
            </Button>
          </>
        )}
        <Button variant="default" data-autofocus onClick={close}>
          {t('app.back')}
        </Button>
      </div>
    </div>
  )
}

function Items({ run: { items, counts } }: { run: DirectoryRunReport }) {
  const { t } = useTranslation()
  const shown = ACTS.flatMap((act) => items.filter((item) => item.act === act)).slice(0, MOST_LINES)
  const more = counts.creations + counts.changes + counts.removals + counts.kept - shown.length
  return (
    <>
      {ACTS.map((act) => {
        const some = shown.filter((item) => item.act === act)
        return some.length === 0 ? null : (
          <section key={act}>
            <h3>{t(`directory.acts.${act}`)}</h3>
            <ul>
              {some.map(({ externalId, name, words }) => (
                <li key={externalId}>
                  <strong>{name}</strong>: {words.join('; ')}
                </li>
              ))}
            </ul>
          </section>
        )
      })}
      {more > 0 && <p className="muted">{t('directory.more', { count: more })}</p>}
    </>
  )
}
