/** Forgetting can't be undone: the dialog names the address, or the domain and how many. */
import { Button, Modal } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { KnownForgotten } from '../../data/contract.ts'
import { errorText } from '../../lib/sentence.ts'
import { toasts } from '../../lib/undo.ts'

export type Forgetting = { address: string } | { domain: string; count: number }

export function ForgetDialog({
  org,
  what,
  close,
  done,
}: {
  org: string
  what: Forgetting | null
  close: () => void
  done: () => void
}) {
  const { t } = useTranslation()
  const client = useQueryClient()

  async function forget(one: Forgetting) {
    close()
    const body = 'address' in one ? { address: one.address } : { domain: one.domain }
    try {
      const { forgotten } = await api<KnownForgotten>(
        'POST',
        `/organisations/${encodeURIComponent(org)}/known-recipients/forget`,
        body,
      )
      toasts.add(
        'address' in one
          ? t('learned.forgotten', { address: one.address })
          : t('learned.forgottenDomain', { domain: one.domain, count: forgotten }),
      )
      done()
    } catch (thrown) {
      toasts.add(errorText(t, thrown), { tone: 'bad' })
    }
    await client.invalidateQueries({ queryKey: ['org', org] })
  }
  const title = !what
    ? ''
    : 'address' in what
      ? t('learned.forgetTitle', { address: what.address })
      : t('learned.forgetDomainTitle', { domain: what.domain, count: what.count })
  return (
    <Modal opened={what !== null} onClose={close} title={title} closeButtonProps={{ 'aria-label': t('app.close') }}>
      <div className="stack">
        <p>{t(what && 'domain' in what ? 'learned.forgetDomainText' : 'learned.forgetText')}</p>
        <div className="line">
          <Button color="red" onClick={() => what && void forget(what)}>
            {t('learned.forget')}
          </Button>
          <Button variant="default" data-autofocus onClick={close}>
            {t('app.back')}
          </Button>
        </div>
      </div>
    </Modal>
  )
}
