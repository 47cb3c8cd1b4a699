/** What a help desk sees of somebody's private address and telephone: that there is one, masked, and whether it was confirmed. */
import { Button } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../data/api.ts'
import type { PrivateContact } from '../../data/contract.ts'
import { fullTime } from '../../lib/format.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'

export function PersonContact({ org, person }: { org: string; person: string }) {
  const { t, i18n } = useTranslation()
  const client = useQueryClient()
  const path = `/organisations/${encodeURIComponent(org)}/people/${encodeURIComponent(person)}/private-contact`
  const queryKey = ['org', org, 'contact', person]
  const { data } = useQuery({ queryKey, queryFn: ({ signal }) => api<PrivateContact>('GET', path, undefined, signal) })
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  if (!data) return null
  const { address, phone, mayPhone, declared } = data

  async function remove(kind: 'address' | 'phone') {
    setBusy(true)
    setFault('')
    try {
      await api('DELETE', `${path}/${kind}`)
    } catch (thrown) {
      setFault(errorText(t, thrown))
    }
    setBusy(false)
    await client.invalidateQueries({ queryKey })
  }
  const standing = ({ given, verifiedAt, waiting }: PrivateContact['address']) => (
    <>
      {given !== null && verifiedAt !== null && (
        <p>{t('privateContact.helpVerified', { address: given, when: fullTime(verifiedAt, i18n.language) })}</p>
      )}
      {waiting !== null && <p>{t('privateContact.helpWaiting', { address: waiting })}</p>}
    </>
  )
  const isEmpty = ({ given, waiting }: PrivateContact['address']) => given === null && waiting === null
  return (
    <div className="stack">
      <h3>{t('privateContact.helpTitle')}</h3>
      {fault && <Notice>{fault}</Notice>}
      {standing(address)}
      {declared !== null && <p>{t('privateContact.helpDeclared', { address: declared })}</p>}
      {isEmpty(address) && declared === null && <p>{t('privateContact.helpNone')}</p>}
      {!isEmpty(address) && (
        <Button variant="default" loading={busy} onClick={() => void remove('address')}>
          {t('privateContact.remove')}
        </Button>
      )}
      {(mayPhone || !isEmpty(phone)) && (
        <>
          <h3>{t('privateContact.helpPhoneTitle')}</h3>
          {standing(phone)}
          {isEmpty(phone) ? (
            <p>{t('privateContact.helpNone')}</p>
          ) : (
            <Button variant="default" loading={busy} onClick={() => void remove('phone')}>
              {t('privateContact.removePhone')}
            </Button>
          )}
        </>
      )}
    </div>
  )
}
