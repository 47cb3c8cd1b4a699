/** Each app password with what it is for and its last use. Revoking can't be undone: the dialog names the one. */
import { Button, Modal } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, toApiError } from '../../data/api.ts'
import type { AppPassword } from '../../data/contract.ts'
import { appPasswordsQuery } from '../../data/queries.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'
import { TimeText } from '../../ui/time-text.tsx'
import { protocolWords } from './protocols.ts'

export function AppPasswordList({ items, revoked }: { items: AppPassword[]; revoked: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [asked, setAsked] = useState<AppPassword | null>(null)
  const [isOpen, setOpen] = useState(false)

  async function revoke({ id, name }: AppPassword) {
    setOpen(false)
    try {
      await api('DELETE', `/me/app-passwords/${encodeURIComponent(id)}`)
      toasts.add(t('appPasswords.revoked', { name }), { tone: 'good' })
    } catch (thrown) {
      // Somebody else was faster: what was wished is so.
      if (toApiError(thrown).code !== 'not-found') toasts.add(errorText(t, thrown), { tone: 'bad' })
    }
    await client.invalidateQueries({ queryKey: appPasswordsQuery.queryKey })
    revoked()
  }
  if (items.length === 0) return <p className="muted">{t('appPasswords.empty')}</p>
  return (
    <>
      <ul className="app-list">
        {items.map((one) => (
          <li key={one.id}>
            <div className="grow">
              <strong>{one.name}</strong>
              <div>{one.protocols.map((each) => t(protocolWords[each])).join(', ')}</div>
              <div className="small muted">
                {t('appPasswords.made')} <TimeText at={one.createdAt} />
              </div>
              <div className="small muted">
                {t('appPasswords.used')}{' '}
                {one.lastUsedAt ? <TimeText at={one.lastUsedAt} form="clock" /> : t('appPasswords.never')}{' '}
                {one.lastPlace && t('appPasswords.usedFrom', { place: one.lastPlace })}
              </div>
            </div>
            <Button
              variant="default"
              className="app-revoke"
              aria-label={t('appPasswords.revokeNamed', { name: one.name })}
              onClick={() => {
                setAsked(one)
                setOpen(true)
              }}
            >
              {t('appPasswords.revoke')}
            </Button>
          </li>
        ))}
      </ul>
      <Modal
        opened={isOpen}
        onClose={() => setOpen(false)}
        title={t('appPasswords.revokeTitle', { name: asked?.name ?? '' })}
        closeButtonProps={{ 'aria-label': t('app.close') }}
      >
        <div className="stack">
          <p>{t('appPasswords.revokeText')}</p>
          <div className="line">
            <Button color="red" onClick={() => asked && void revoke(asked)}>
              {t('appPasswords.revoke')}
            </Button>
            <Button variant="default" data-autofocus onClick={() => setOpen(false)}>
              {t('app.back')}
            </Button>
          </div>
        </div>
      </Modal>
    </>
  )
}
