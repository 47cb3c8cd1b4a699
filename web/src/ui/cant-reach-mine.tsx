/** The same report of somebody who has signed in: one tap, in the details of the banner. */
import { Button } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { reportOwnReach } from '../actions/session.ts'
import { errorText } from '../lib/sentence.ts'

export function CantReachMine() {
  const { t } = useTranslation()
  const [state, setState] = useState<'idle' | 'busy' | 'done'>('idle')
  const [failed, setFailed] = useState<unknown>(null)
  async function report() {
    setState('busy')
    setFailed(null)
    try {
      await reportOwnReach()
      setState('done')
    } catch (thrown) {
      setFailed(thrown)
      setState('idle')
    }
  }
  return (
    <div role="status" aria-live="polite">
      {state === 'done' ? (
        <p>{t('cantReach.thanksMine')}</p>
      ) : (
        <Button
          variant="default"
          size="xs"

          loading={state === 'busy'}
          onClick={() => void report()}
        >
          {t('cantReach.mine')}
        </Button>
      )}
      {failed !== null && <p>{errorText(t, failed)}</p>}
    </div>
  )
}
