/** The ways back in that a person has, and a warning where nothing but the password is left. */
import { useTranslation } from 'react-i18next'
import type { PrivateContact } from '../../data/contract.ts'
import { Notice } from '../../ui/notice.tsx'
import { fullTime } from '../../lib/format.ts'

export function WaysBack({ contact }: { contact: PrivateContact }) {
  const { t, i18n } = useTranslation()
  const { address, verifiedAt, codesLeft, hasPassword } = contact
  const when = verifiedAt === null ? '' : fullTime(verifiedAt, i18n.language)
  return (
    <>
      <ul className="ways">
        <li>{t(hasPassword ? 'privateContact.password' : 'privateContact.noPassword')}</li>
        <li>{codesLeft > 0 ? t('privateContact.codes', { count: codesLeft }) : t('privateContact.noCodes')}</li>
        <li>{address === null ? t('privateContact.noAddress') : t('privateContact.address', { address, when })}</li>
      </ul>
      <p className="muted">{t('privateContact.independent')}</p>
      {address === null && codesLeft === 0 && <Notice tone="warn">{t('privateContact.none')}</Notice>}
    </>
  )
}
