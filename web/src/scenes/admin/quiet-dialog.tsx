/** Setting a quiet time, or changing one: for everybody or for a route; whom the file named otherwise stays named. */
import { Button, Checkbox, Modal, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { QuietWindow } from '../../data/contract.ts'
import { quietQuery, routesQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { Notice } from '../../ui/notice.tsx'
import { draftOf, isWide, keepsDate, wishOf, type QuietDraft } from './quiet-draft.ts'
import { dayName, nths, nthText, weekdays, whomText, type Weekday } from './quiet-words.ts'

interface Fields {
  draft: QuietDraft
  set: (change: Partial<QuietDraft>) => void
}

export function QuietDialog({ org, window, close }: { org: string; window: QuietWindow | null; close: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const { data: routes } = useQuery(routesQuery(org))
  const [draft, setDraft] = useState(() => draftOf(window, Intl.DateTimeFormat().resolvedOptions().timeZone))
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const set = (change: Partial<QuietDraft>) => setDraft((before) => ({ ...before, ...change }))

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    if (draft.kind === 'weekly' && draft.days.length === 0) return setFault(t('quiet.needDays'))
    setBusy(true)
    try {
      const path = `/organisations/${encodeURIComponent(org)}/quiet`
      await api('POST', window ? `${path}/${encodeURIComponent(window.id)}` : path, wishOf(draft, window))
      await client.invalidateQueries({ queryKey: quietQuery(org).queryKey })
      toasts.add(t('quiet.saved', { name: draft.name.trim() }), { tone: 'good' })
      close()
    } catch (thrown) {
      setFault(errorText(t, thrown))
      setBusy(false)
    }
  }
  const targets = [
    { value: 'all ', label: t('quiet.all') },
    ...(routes ?? [])
      .filter((route) => route.kind === 'primary')
      .map((route) => ({ value: `route ${route.id}`, label: t('quiet.route', { name: route.name }) })),
  ]
  if (window && !targets.some(({ value }) => value === draft.target))
    targets.push({ value: draft.target, label: whomText(t, window) })
  return (
    <Modal
      opened
      onClose={close}
      size="lg"
      title={window ? t('quiet.editTitle', { name: window.name }) : t('quiet.setTitle')}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
        {fault && <Notice>{fault}</Notice>}
        <TextInput
          label={t('quiet.name')}
          maxLength={100}
          required
          value={draft.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
        />
        {!window?.provider && (
          <NativeSelect
            label={t('quiet.whom')}
            value={draft.target}
            data={targets}
            onChange={(event) => set({ target: event.currentTarget.value })}
          />
        )}
        <WhenFields draft={draft} set={set} hasDate={keepsDate(window)} />
        <ExemptFields draft={draft} set={set} />
        {isWide(draft) && (
          <NativeSelect
            label={t('quiet.modes')}
            value={draft.modes}
            onChange={(event) => set({ modes: event.currentTarget.value as QuietDraft['modes'] })}
            data={[
              { value: 'judged', label: t('quiet.modesJudged') },
              { value: 'stay', label: t('quiet.modesStayShort') },
              { value: 'emergency', label: t('quiet.modesEmergencyShort') },
            ]}
          />
        )}
        <div className="line">
          <Button type="submit" loading={busy}>
            {t('quiet.save')}
          </Button>
          <Button variant="default" onClick={close}>
            {t('app.cancel')}
          </Button>
        </div>
      </form>
    </Modal>
  )
}

function WhenFields({ draft, set, hasDate }: Fields & { hasDate: boolean }) {
  const { t, i18n } = useTranslation()
  const { kind } = draft
  return (
    <>
      <NativeSelect
        label={t('quiet.kind')}
        value={kind}
        onChange={(event) => set({ kind: event.currentTarget.value as QuietDraft['kind'] })}
        data={[
          { value: 'weekly', label: t('quiet.kindWeekly') },
          { value: 'monthly', label: t('quiet.kindMonthly') },
          { value: 'once', label: t('quiet.kindOnce') },
        ]}
      />
      {kind === 'weekly' && (
        <Checkbox.Group
          label={t('quiet.days')}
          value={draft.days}
          onChange={(all) => set({ days: weekdays.filter((day) => all.includes(day)) })}
        >
          <div className="line quiet-days">
            {weekdays.map((one) => (
              <Checkbox key={one} value={one} label={dayName(one, i18n.language)} />
            ))}
          </div>
        </Checkbox.Group>
      )}
      {kind === 'monthly' && !hasDate && <NthFields draft={draft} set={set} />}
      {kind === 'once' ? (
        <div className="quiet-pair">
          <TextInput
            type="datetime-local"
            label={t('quiet.from')}
            value={draft.onceFrom}
            onChange={(event) => set({ onceFrom: event.currentTarget.value })}
          />
          <TextInput
            type="datetime-local"
            label={t('quiet.to')}
            value={draft.onceTo}
            onChange={(event) => set({ onceTo: event.currentTarget.value })}
          />
        </div>
      ) : (
        <div className="quiet-pair">
          <TextInput
            type="time"
            label={t('quiet.from')}
            value={draft.from}
            onChange={(event) => set({ from: event.currentTarget.value })}
          />
          <TextInput
            type="time"
            label={t('quiet.to')}
            description={draft.to <= draft.from ? t('quiet.nextDay') : undefined}
            inputWrapperOrder={['label', 'input', 'description', 'error']}
            value={draft.to}
            onChange={(event) => set({ to: event.currentTarget.value })}
          />
        </div>
      )}
      <TextInput
        label={t('quiet.zone')}
        description={t('quiet.zoneHint')}
        value={draft.zone}
        onChange={(event) => set({ zone: event.currentTarget.value })}
      />
      {kind !== 'once' && (
        <>
          <TextInput
            label={t('quiet.except')}
            description={t('quiet.exceptHint')}
            value={draft.except}
            onChange={(event) => set({ except: event.currentTarget.value })}
          />
          <TextInput
            label={t('quiet.also')}
            description={t('quiet.exceptHint')}
            value={draft.also}
            onChange={(event) => set({ also: event.currentTarget.value })}
          />
        </>
      )}
    </>
  )
}

function NthFields({ draft, set }: Fields) {
  const { t, i18n } = useTranslation()
  return (
    <div className="quiet-pair">
      <NativeSelect
        label={t('quiet.nth')}
        value={String(draft.nth)}
        onChange={(event) => set({ nth: nths.find((one) => String(one) === event.currentTarget.value) ?? 1 })}
        data={nths.map((one) => ({ value: String(one), label: nthText(t, one) }))}
      />
      <NativeSelect
        label={t('quiet.day')}
        value={draft.day}
        onChange={(event) => set({ day: event.currentTarget.value as Weekday })}
        data={weekdays.map((one) => ({ value: one, label: dayName(one, i18n.language, 'long') }))}
      />
    </div>
  )
}

function ExemptFields({ draft, set }: Fields) {
  const { t } = useTranslation()
  return (
    <>
      <Textarea
        label={t('quiet.senders')}
        description={t('quiet.sendersHint')}
        rows={2}
        value={draft.senders}
        onChange={(event) => set({ senders: event.currentTarget.value })}
      />
      <Textarea
        label={t('quiet.subjects')}
        description={t('quiet.subjectsHint')}
        rows={2}
        value={draft.subjects}
        onChange={(event) => set({ subjects: event.currentTarget.value })}
      />
      <Checkbox
        label={t('quiet.high')}
        checked={draft.high}
        onChange={(event) => set({ high: event.currentTarget.checked })}
      />
    </>
  )
}
