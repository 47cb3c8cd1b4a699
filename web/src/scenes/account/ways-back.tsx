/** The ways back in that a person has, and a warning where nothing but the password is left. */
import { useTranslation } from 'react-i18next'
import type { PrivateContact } from '../../data/contract.ts'
import { Notice } from '../../ui/notice.tsx'
import { fullTime } from '../../lib/format.ts'

export function WaysBack({ contact }: { contact: PrivateContact }) {
  const { t, i18n } = useTranslation()
  const { address, phone, mayPhone, codesLeft, hasPassword } = contact
  const when = (at: string | null) => (at === null ? '' : fullTime(at, i18n.language))
  const hasPlace = address.given !== null || phone.given !== null
  return (
    <>
      <ul className="ways">
        <li>{t(hasPassword ? 'privateContact.password' : 'privateContact.noPassword')}</li>
        <li>{codesLeft > 0 ? t('privateContact.codes', { count: codesLeft }) : t('privateContact.noCodes')}</li>
        <li>
          {address.given === null
            ? t('privateContact.noAddress')
            : t('privateContact.address', { address: address.given, when: when(address.verifiedAt) })}
        </li>
        {(mayPhone || phone.given !== null) && (
          <li>
            {phone.given === null
              ? t('privateContact.noPhone')
              : t('privateContact.phone', { address: phone.given, when: when(phone.verifiedAt) })}
          </li>
        )}
      </ul>
      <p className="muted">{t('privateContact.independent')}</p>
      {!hasPlace && codesLeft === 0 && <Notice tone="warn">{t('privateContact.none')}</Notice>}
    </>
  )
}
