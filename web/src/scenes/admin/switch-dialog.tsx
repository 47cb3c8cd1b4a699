/**
 * The switch: whose mail, to what, why (the audit keeps it), for how long; says what will happen, and notices when somebody
 * was faster. Of a route where it is opened from its card; else of an organisation, a domain, a group or a person.
 */
import { Button, Modal, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode, SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api, toApiError } from '../../data/api.ts'
import type { ModePin, Page, Person, PinWord, RouteBoard } from '../../data/contract.ts'
import { pinsQuery, routesQuery } from '../../data/queries.ts'
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
/** What it means for those whose mail it is, where it is no route. */
const whoseWords = {
  none: 'pins.noneText',
  emergency: 'pins.emergencyText',
  normal: 'pins.normalText',
  hold: 'pins.holdText',
} as const

/** What is switched: found when it is, for a person is named by an address. */
interface Subject {
  path: string
  version: number
  name: string
}

interface FormProps {
  org: string
  close: () => void
  choices: readonly Choice[]
  text: (choice: Choice) => string
  /** or why it cannot be found */
  subject: () => Promise<Subject | string>
}

export function RouteSwitch({ org, route, close }: { org: string; route: RouteBoard; close: () => void }) {
  const { t } = useTranslation()
  // The version that was looked at when the dialog opened: a later change by somebody else must be noticed.
  const [version] = useState(route.version)
  const choices = (['none', 'emergency', 'normal', 'hold'] as const).filter((each) =>
    each === 'none' ? route.pin !== null : route.kind === 'primary' && each !== route.pin?.kind,
  )
  const path = `/organisations/${encodeURIComponent(org)}/routes/${encodeURIComponent(route.id)}/pin`
  return (
    <Frame title={t('board.switchTitle', { route: route.name })} close={close}>
      <SwitchForm
        org={org}
        close={close}
        choices={choices}
        text={(each) => t(words[each][1], { route: route.name, count: route.open })}
        subject={() => Promise.resolve({ path, version, name: route.name })}
      >
        <div className="line">
          <ModeMark mode={route.mode} />
        </div>
      </SwitchForm>
    </Frame>
  )
}

/** `pin`: the one to change; null: whose mail is chosen here. */
export function TargetSwitch({ org, pin, close }: { org: string; pin: ModePin | null; close: () => void }) {
  const { t } = useTranslation()
  const { data } = useQuery(pinsQuery(org))
  const [seen] = useState(pin)
  const [target, setTarget] = useState(pin ? `${pin.target} ${pin.targetId}` : '')
  const [address, setAddress] = useState('')
  const known = data?.pins.find((one) => `${one.target} ${one.targetId}` === target) ?? null
  const now = seen ?? known
  const choices = (['none', 'emergency', 'normal', 'hold'] as const).filter((each) =>
    each === 'none' ? now !== null : each !== now?.kind,
  )
  const base = `/organisations/${encodeURIComponent(org)}`

  async function subject(): Promise<Subject | string> {
    const chosen = target || targets[0]!.value
    const [kind = '', id = ''] = chosen.split(' ')
    if (kind !== 'person' || id) {
      const name = targets.find(({ value }) => value === chosen)?.label ?? now?.name ?? ''
      return { path: `${base}/pins/${kind}/${encodeURIComponent(id)}`, version: now?.version ?? 0, name }
    }
    const wanted = address.trim().toLowerCase()
    const { items } = await api<Page<Person>>('GET', `${base}/people?q=${encodeURIComponent(wanted)}`)
    const person = items.find((one) => one.addresses.some((each) => each.toLowerCase() === wanted))
    if (!person) return t('pins.nobody', { address: wanted })
    const version = data?.pins.find((one) => one.target === 'person' && one.targetId === person.id)?.version ?? 0
    return { path: `${base}/pins/person/${encodeURIComponent(person.id)}`, version, name: person.name }
  }
  const targets = [
    ...(data?.targets ?? []).map((one) => ({
      value: `${one.target} ${one.id}`,
      label: t(`pins.of.${one.target}`, { name: one.name }),
    })),
    { value: 'person ', label: t('pins.onePerson') },
  ]
  const title = seen ? t(`pins.of.${seen.target}`, { name: seen.name ?? '' }) : t('pins.switchTitle')
  return (
    <Frame title={title} close={close}>
      <SwitchForm org={org} close={close} choices={choices} text={(each) => t(whoseWords[each])} subject={subject}>
        {!seen && (
          <NativeSelect
            label={t('pins.whose')}
            value={target || targets[0]!.value}
            data={targets}
            onChange={(event) => setTarget(event.currentTarget.value)}
          />
        )}
        {!seen && target === 'person ' && (
          <TextInput
            label={t('pins.address')}
            type="email"
            required
            value={address}
            onChange={(event) => setAddress(event.currentTarget.value)}
          />
        )}
      </SwitchForm>
    </Frame>
  )
}

function Frame({ title, close, children }: { title: string; close: () => void; children: ReactNode }) {
  const { t } = useTranslation()
  return (
    <Modal opened onClose={close} size="lg" title={title} closeButtonProps={{ 'aria-label': t('app.close') }}>
      {children}
    </Modal>
  )
}

function SwitchForm({ org, close, choices, text, subject, children }: FormProps & { children: ReactNode }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [choice, setChoice] = useState<Choice | null>(null)
  const [reason, setReason] = useState('')
  const [until, setUntil] = useState('')
  const [fault, setFault] = useState('')
  const [missing, setMissing] = useState(false)
  const [busy, setBusy] = useState(false)
  const lookAgain = () =>
    Promise.all([routesQuery(org), pinsQuery(org)].map(({ queryKey }) => client.invalidateQueries({ queryKey })))

  async function submit(event: SyntheticEvent) {
    event.preventDefault()
    setMissing(!reason.trim())
    if (!choice || !reason.trim()) return
    setBusy(true)
    try {
      const found = await subject()
      if (typeof found === 'string') {
        setFault(found)
        setBusy(false)
        return
      }
      const { path, version, name } = found
      await api('POST', path, {
        pin: choice === 'none' ? null : choice,
        reason: reason.trim(),
        ...(until && choice !== 'none' ? { until: new Date(until).toISOString() } : {}),
        version,
      })
      await lookAgain()
      toasts.add(t('board.switched', { route: name, pin: t(words[choice][0]) }), { tone: 'good' })
      close()
    } catch (thrown) {
      setFault(toApiError(thrown).code === 'conflict' ? t('board.conflict') : errorText(t, thrown))
      setBusy(false)
      void lookAgain()
    }
  }
  return (
    <form className="stack" onSubmit={(event) => void submit(event)} noValidate>
      {fault && <Notice>{fault}</Notice>}
      {children}
      <fieldset className="stack" style={{ border: 0, margin: 0, padding: 0 }}>
        <legend className="hidden">{t('board.switchTo')}</legend>
        {choices.map((each) => (
          <label key={each} className="pin-choice">
            <input type="radio" name="pin" checked={choice === each} onChange={() => setChoice(each)} />
            <span>
              <strong>{t(words[each][0])}</strong>
              <br />
              <span className="muted">{text(each)}</span>
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
  )
}
