/** The one time that an app password is shown: with the name that goes with it, to be typed or copied. */
import { Button } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { AppPasswordMade } from '../../data/contract.ts'

export function MadeAppPassword({
  made,
  signInName,
  done,
}: {
  made: AppPasswordMade
  signInName: string
  done: () => void
}) {
  const { t } = useTranslation()
  const title = useRef<HTMLHeadingElement>(null)
  const secret = useRef<HTMLElement>(null)
  const [copied, setCopied] = useState<'yes' | 'no' | null>(null)
  // The form that had the focus is gone.
  useEffect(() => title.current?.focus(), [])

  async function copy() {
    try {
      await navigator.clipboard.writeText(made.password)
      setCopied('yes')
    } catch {
      // Not offered over http, or not allowed: the person copies what is marked.
      window.getSelection()?.selectAllChildren(secret.current!)
      setCopied('no')
    }
  }
  return (
    <section className="card stack" aria-labelledby="app-password-made">
      <h2 id="app-password-made" ref={title} tabIndex={-1}>
        {t('appPasswords.madeTitle', { name: made.name })}
      </h2>
      <p>{t('appPasswords.madeText')}</p>
      <dl className="app-secret">
        <dt>{t('appPasswords.signInName')}</dt>
        <dd>{signInName}</dd>
        <dt>{t('appPasswords.secret')}</dt>
        <dd>
          <code ref={secret} translate="no">
            {made.password}
          </code>
        </dd>
      </dl>
      <div className="line">
        <Button
          variant="default"
          leftSection={
            copied === 'yes' ? <IconCheck size={18} aria-hidden="true" /> : <IconCopy size={18} aria-hidden="true" />
          }
          onClick={() => void copy()}
        >
          {t('appPasswords.copy')}
        </Button>
        <Button onClick={done}>{t('appPasswords.done')}</Button>
        <span role="status">
          {copied === 'yes' ? t('appPasswords.copied') : copied === 'no' ? t('appPasswords.copyFailed') : ''}
        </span>
      </div>
    </section>
  )
}
