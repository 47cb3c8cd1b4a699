/** The switch: says what will happen to what, asks why (the audit keeps it), and notices when somebody was faster. */
import { Button, Modal, Textarea, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, toApiError } from '../../data/api.ts'
import type { PinWord, RouteBoard } from '../../data/contract.ts'
import { routesQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { ModeMark } from '../../ui/mode.tsx'
import { Notice } from '../../ui/notice.tsx'

type Choice = PinWord | 'none'
const words = {
  none: ['board.pinNone', 'board.pinNoneText'],
  emergency: ['board.pinEmergency', 'board.pinEmergencyText'],
  normal: ['board.pinNormal', 'board.pinNormalText'],
  hold: ['board.pinHold', 'board.pinHoldText'],
} as const

export function SwitchDialog({ org, route, close }: { org: string; route: RouteBoard; close: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  // The version that was looked at when the dialog opened: a later change by somebody else must be noticed.
  const [version] = useState(route.version)
  const [choice, setChoice] = useState<Choice | null>(null)
  const [reason, setReason] = useState('')
  const [until, setUntil] = useState('')
  const [fault, setFault] = useState('')
  const [missing, setMissing] = useState(false)
  const [busy, setBusy] = useState(false)
  const choices = (['none', 'emergency', 'normal', 'hold'] as const).filter((each) =>
    each === 'none' ? route.pin !== null : route.kind === 'primary' && each !== route.pin?.kind,
  )

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setMissing(!reason.trim())
    if (!choice || !reason.trim()) return
    setBusy(true)
    try {
      await api('POST', `/organisations/${encodeURIComponent(org)}/routes/${encodeURIComponent(route.id)}/pin`, {
        pin: choice === 'none' ? null : choice,
        reason: reason.trim(),
        ...(until && choice !== 'none' ? { until: new Date(until).toISOString() } : {}),
        version,
      })
      await client.invalidateQueries({ queryKey: routesQuery(org).queryKey })
      toasts.add(t('board.switched', { route: route.name, pin: t(words[choice][0]) }), { tone: 'good' })
      close()
    } catch (thrown) {
      setFault(toApiError(thrown).code === 'conflict' ? t('board.conflict') : errorText(t, thrown))
      setBusy(false)
      void client.invalidateQueries({ queryKey: routesQuery(org).queryKey })
    }
  }
  return (
    <Modal
      opened
      onClose={close}
      size="lg"
      title={t('board.switchTitle', { route: route.name })}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        {fault && <Notice>{fault}</Notice>}
        <div className="line">
          <ModeMark mode={route.mode} />
        </div>
        <fieldset className="stack" style={{ border: 0, margin: 0, padding: 0 }}>
          <legend className="hidden">{t('board.switchTo')}</legend>
          {choices.map((each) => (
            <label key={each} className="pin-choice">
              <input type="radio" name="pin" checked={choice === each} onChange={() => setChoice(each)} />
              <span>
                <strong>{t(words[each][0])}</strong>
                <br />
                <span className="muted">{t(words[each][1], { route: route.name, count: route.open })}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <Textarea
          label={t('board.reason')}
          description={t('board.reasonHint')}
          autosize={false}
          rows={2}
          maxLength={500}
          value={reason}
          error={missing && !reason.trim() && t('board.reasonMissing')}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        {choice !== 'none' && (
          <TextInput
            type="datetime-local"
            label={t('board.until')}
            value={until}
            onChange={(event) => setUntil(event.currentTarget.value)}
          />
        )}
        <div className="line">
          <Button
            type="submit"
            loading={busy}
            disabled={!choice}
            color={choice === 'emergency' || choice === 'hold' ? 'red' : 'blue'}
          >
            {t('board.confirm')}
          </Button>
          <Button variant="default" onClick={close}>
            {t('app.cancel')}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
