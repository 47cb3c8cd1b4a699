/** Small words that several pages of the panel share. */
import { useTranslation } from 'react-i18next'
import type { AuditRow } from '../../data/contract.ts'
import { engineText } from '../../lib/engine-text.ts'
import { sentence } from '../../lib/sentence.ts'
import { identityText } from './sign-in-help.tsx'

const tone: Record<string, string> = {
  delivered: 'good',
  home: 'good',
  deferred: 'wait',
  unsure: 'wait',
  owed: 'wait',
  refused: 'bad',
  bounced: 'bad',
  expired: 'bad',
  parked: 'bad',
}

export function StateWord({ state }: { state: string }) {
  const { t } = useTranslation()
  return <span className={`state-word state-${tone[state] ?? 'plain'}`}>{sentence(t, 'delivery', state)}</span>
}

/** An author as the audit names them, whose name is not known: what they are and the end of the id. */
export const authorText = (author: string): string => author.replace(/:.*-(\w{6})\w*$/, ' …$1')

export function Why({ reason }: { reason: string | null }) {
  const { t } = useTranslation()
  return reason ? <span>{sentence(t, 'reason', reason)}</span> : null
}

/** `person:<id>`: its name; without one what it is and the end of the id. The whole of it on hover. */
export function Thing({ of, name }: { of: string; name: string | null }) {
  const { t } = useTranslation()
  const found = /^([a-z]+):[0-9a-f-]{24,}([0-9a-f]{6})$/.exec(of)
  if (name) return <span title={of}>{name}</span>
  return found ? (
    <span title={of}>
      {sentence(t, 'thing', found[1])} <span className="mono">…{found[2]}</span>
    </span>
  ) : (
    <span>{sentence(t, 'thing', of)}</span>
  )
}

/** Why somebody did it, in their words; then what the row says besides. */
export function AuditDetails({ row }: { row: AuditRow }) {
  const { t, i18n } = useTranslation()
  const value = (name: string, text: string): string => {
    if (name === 'from' || name === 'to' || name === 'pin')
      return i18n.exists(`mode.${text}`) ? sentence(t, 'mode', text) : sentence(t, 'delivery', text)
    if (name === 'identity') return identityText(t, text)
    if (name === 'cause') return sentence(t, 'reason', text)
    if (name === 'proof') return sentence(t, 'auditDetail', text)
    if (text === 'true' || text === 'false') return text === 'true' ? t('app.yes') : t('app.no')
    return engineText(t, text.replace(/^[0-9a-f-]{30}([0-9a-f]{6})$/, '…$1'), i18n.language)
  }
  return (
    <div>
      {row.reason && <div>{row.reason}</div>}
      <div className="small muted">
        {row.details
          .map(
            (each) =>
              `${t('app.label', { label: sentence(t, 'auditDetail', each.name) })} ${value(each.name, each.value)}`,
          )
          .join(' · ')}
      </div>
    </div>
  )
}
