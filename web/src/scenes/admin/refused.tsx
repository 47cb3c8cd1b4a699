/** What was refused in a session, found like a message: of one organisation, or of none (for operators). */
import { useTranslation } from 'react-i18next'
import type { Refusal } from '../../data/contract.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { usePages, type Paged } from './use-pages.ts'

/** The steps that have a word of their own; others are the command. */
const steps = {
  connect: 'refusals.steps.connect',
  AUTH: 'refusals.steps.AUTH',
  MAIL: 'refusals.steps.MAIL',
  RCPT: 'refusals.steps.RCPT',
  message: 'refusals.steps.message',
} as const
const hasWord = (step: string): step is keyof typeof steps => Object.hasOwn(steps, step)

export function Refused({ list, q, title, lead }: { list: Paged<Refusal>; q: string; title: string; lead: string }) {
  const { t } = useTranslation()
  const { asked, rows } = usePages(list)
  const step = ({ during }: Refusal): string => (hasWord(during) ? t(steps[during]) : during)
  return (
    <>
      <h2>{title}</h2>
      <p className="muted">{lead}</p>
      <DataTable
        label={title}
        asked={asked}
        rows={rows}
        rowKey={({ id }) => id}
        empty={q ? t('refusals.empty', { text: q }) : t('refusals.none')}
        columns={[
          { name: t('refusals.at'), cell: (row) => <TimeText at={row.at} form="seconds" /> },
          { name: t('refusals.step'), cell: step },
          {
            name: t('trace.from'),
            wide: true,
            cell: (row) => (row.from === null ? (row.signIn ?? '–') : row.from || '<>'),
          },
          { name: t('queue.recipient'), wide: true, cell: (row) => row.recipient ?? '–' },
          {
            name: t('refusals.reply'),
            wide: true,
            cell: (row) => (
              <div>
                {row.reply}
                {row.messageIdHeader && <div className="muted mono">{row.messageIdHeader}</div>}
                <div className="muted mono">{row.id}</div>
              </div>
            ),
          },
          { name: t('refusals.client'), cell: (row) => row.clientIp },
          { name: t('refusals.times'), figure: true, cell: (row) => row.times },
        ]}
      />
    </>
  )
}
