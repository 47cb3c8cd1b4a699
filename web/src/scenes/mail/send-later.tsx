/** When a message is to be sent: a few times at hand, or any in the viewer's zone, which is named. */
import { ActionIcon, Button, Modal, TextInput, Tooltip } from '@mantine/core'
import { IconClock } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { mostHoldQuery } from '../../data/queries.ts'
import { clockTime, number } from '../../lib/format.ts'
import { faultOf, fromField, offers, toField } from '../../lib/later.ts'

/** Seconds; 0: the server holds nothing. */
export const useMostHold = (): number => useQuery(mostHoldQuery).data ?? 0

export function LaterButton({ offered, busy, open }: { offered: boolean; busy: boolean; open: () => void }) {
  const { t } = useTranslation()
  if (!offered) return null
  return (
    <Tooltip label={t('later.title')}>
      <ActionIcon aria-label={t('later.title')} aria-keyshortcuts="Control+Shift+Enter" disabled={busy} onClick={open}>
        <IconClock size={20} />
      </ActionIcon>
    </Tooltip>
  )
}

export function SendLater({
  opened,
  close,
  choose,
  mostSeconds,
}: {
  opened: boolean
  close: () => void
  choose: (until: string) => void
  mostSeconds: number
}) {
  const { t, i18n } = useTranslation()
  const [text, setText] = useState('')
  const [fault, setFault] = useState<string | null>(null)
  useEffect(() => {
    if (!opened) return
    setFault(null)
    setText(toField(offers(new Date())[0]!))
  }, [opened])
  function take(field: string) {
    const until = fromField(field)
    const found = faultOf(until, new Date(), mostSeconds)
    if (until !== null && found === null) return choose(until)
    setFault(
      found === 'tooFar'
        ? t('later.tooFar', { days: number(Math.floor(mostSeconds / 86_400), i18n.language) })
        : t('later.past'),
    )
  }
  return (
    <Modal opened={opened} onClose={close} title={t('later.title')} closeButtonProps={{ 'aria-label': t('app.close') }}>
      <form
        className="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          take(text)
        }}
      >
        <div className="later-offers">
          {opened &&
            offers(new Date()).map((at) => (
              <Button key={at.getTime()} variant="default" onClick={() => take(toField(at))}>
                {clockTime(at.toISOString(), i18n.language, new Date(0))}
              </Button>
            ))}
        </div>
        <TextInput
          type="datetime-local"
          data-autofocus
          label={t('later.at')}
          description={t('later.zone', { zone: Intl.DateTimeFormat().resolvedOptions().timeZone })}
          value={text}
          error={fault}
          onChange={(event) => {
            setText(event.currentTarget.value)
            setFault(null)
          }}
        />
        <p className="muted small">{t('later.explain')}</p>
        <div className="line">
          <Button type="submit">{t('later.send')}</Button>
          <Button variant="default" onClick={close}>
            {t('app.cancel')}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
