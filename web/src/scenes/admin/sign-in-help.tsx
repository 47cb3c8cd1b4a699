/**
 * Somebody cannot sign in: a one-time password after it was made sure who asks, or a letter with emergency codes. A secret is shown
 * here once and kept nowhere.
 */
import { Button, Checkbox, Modal, NativeSelect, Textarea } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useState } from 'react'
import type { SyntheticEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { Letters, OneTimePassword, Person } from '../../data/contract.ts'
import { sessionQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'
import { PersonContact } from './person-contact.tsx'

const checks = ['inPerson', 'calledBack', 'vouched', 'other'] as const
const checkText = {
  inPerson: 'signInHelp.inPerson',
  calledBack: 'signInHelp.calledBack',
  vouched: 'signInHelp.vouched',
  other: 'signInHelp.other',
} as const
type Check = (typeof checks)[number]

/** As the audit says it. */
export const identityText = (t: TFunction, word: string): string =>
  word in checkText ? t(checkText[word as Check]) : word

function download(base64: string, name: string): void {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/pdf' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has taken it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

export function SignInHelpDialog({ org, person, close }: { org: string; person: Person; close: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const { data: account } = useQuery(sessionQuery)
  const [check, setCheck] = useState<Check | ''>('')
  const [note, setNote] = useState('')
  const [fault, setFault] = useState('')
  const [password, setPassword] = useState('')
  const [endsSecondFactor, setEndsSecondFactor] = useState(false)
  const [printed, setPrinted] = useState(false)
  const [busy, setBusy] = useState<'' | 'reset' | 'letter'>('')
  const mayPrint = account?.abilities.includes('people:act') ?? false
  const base = `/organisations/${encodeURIComponent(org)}`

  async function run(what: 'reset' | 'letter', work: () => Promise<void>) {
    setBusy(what)
    setFault('')
    try {
      await work()
    } catch (thrown) {
      setFault(errorText(t, thrown))
    }
    setBusy('')
    await client.invalidateQueries({ queryKey: ['org', org] })
  }
  async function reset(event: SyntheticEvent) {
    event.preventDefault()
    if (!check) return setFault(t('signInHelp.checkMissing'))
    if (check === 'other' && !note.trim()) return setFault(t('signInHelp.noteMissing'))
    await run('reset', async () => {
      const body = { identity: check, note: note.trim(), endsSecondFactor }
      const path = `${base}/people/${encodeURIComponent(person.id)}/password-reset`
      setPassword((await api<OneTimePassword>('POST', path, body)).password)
    })
  }
  const print = () =>
    run('letter', async () => {
      const { pdf } = await api<Letters>('POST', `${base}/letters`, { people: [person.id] })
      download(pdf, 'letter.pdf')
      setPrinted(true)
    })

  return (
    <Modal
      opened
      onClose={close}
      title={<span style={{ overflowWrap: 'anywhere' }}>{t('signInHelp.title', { name: person.name })}</span>}
      closeButtonProps={{ 'aria-label': t('app.close') }}
    >
      <div className="stack">
        {fault && <Notice>{fault}</Notice>}
        {password ? (
          <Notice tone="good">
            <p>{t('signInHelp.done', { name: person.name })}</p>
            <p>
              <code style={{ fontSize: '1.25rem' }}>{password}</code>
            </p>
            <p>{t('signInHelp.once')}</p>
          </Notice>
        ) : (
          <form className="stack" onSubmit={(event) => void reset(event)} noValidate>
            <p>{t('signInHelp.text')}</p>
            <NativeSelect
              data-autofocus
              label={t('signInHelp.check')}
              value={check}
              onChange={(event) => setCheck(event.currentTarget.value as Check | '')}
              data={[
                { value: '', label: t('signInHelp.choose') },
                ...checks.map((one) => ({ value: one, label: t(checkText[one]) })),
              ]}
            />
            <Textarea
              label={t('signInHelp.note')}
              description={t('signInHelp.noteHint')}
              autosize
              minRows={2}
              maxLength={500}
              value={note}
              onChange={(event) => setNote(event.currentTarget.value)}
            />
            <Checkbox
              label={t('signInHelp.endsSecondFactor')}
              checked={endsSecondFactor}
              onChange={(event) => setEndsSecondFactor(event.currentTarget.checked)}
            />
            <Button type="submit" loading={busy === 'reset'} disabled={busy !== ''}>
              {t('signInHelp.reset')}
            </Button>
          </form>
        )}
        <PersonContact org={org} person={person.id} />
        {mayPrint && (
          <div className="stack">
            <h3>{t('signInHelp.letterTitle')}</h3>
            <p>{t('signInHelp.letterText')}</p>
            {printed && <Notice tone="good">{t('signInHelp.letterDone')}</Notice>}
            <Button variant="default" loading={busy === 'letter'} disabled={busy !== ''} onClick={() => void print()}>
              {t('signInHelp.letter')}
            </Button>
          </div>
        )}
      </div>
    </Modal>
  )
}
