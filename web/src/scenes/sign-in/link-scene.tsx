/**
 * A link from a private address (/link#token). The token is in the fragment, and goes to the server in a body, so that it reaches
 * no log; it is taken out of the address at once. Used by a click and not by opening: what looks at links in mail opens them too.
 */
import { Button } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { signInByLink } from '../../actions/session.ts'
import { toApiError } from '../../data/api.ts'
import { errorText } from '../../lib/sentence.ts'
import { Notice } from '../../ui/notice.tsx'
import { Door } from './door.tsx'
import { SecondStep } from './second-step.tsx'

const given = location.pathname === '/link' ? location.hash.slice(1) : ''
if (given) history.replaceState(history.state, '', '/link')

export function LinkScene({ token = given }: { token?: string }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const [failed, setFailed] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const [ways, setWays] = useState<string | null>(null)
  const isOver = token === '' || (failed !== null && toApiError(failed).code === 'not-found')

  async function go() {
    setBusy(true)
    setFailed(null)
    try {
      await signInByLink(token)
      await navigate({ to: '/' })
    } catch (thrown) {
      setBusy(false)
      const { code, detail } = toApiError(thrown)
      if (code === 'second-factor-needed') return setWays(detail ?? 'app')
      setFailed(thrown)
    }
  }
  const home = () => void navigate({ to: '/' })
  if (ways !== null) return <SecondStep ways={ways} done={home} back={home} />
  return (
    <Door title={t('forgotten.title')} lead={t(isOver ? 'forgotten.over' : 'forgotten.ready')}>
      <div className="stack">
        {failed !== null && !isOver && (
          <Notice>{toApiError(failed).code === 'offline' ? t('signIn.away') : errorText(t, failed)}</Notice>
        )}
        {isOver ? (
          <Button variant="default" fullWidth onClick={() => void navigate({ to: '/' })}>
            {t('forgotten.back')}
          </Button>
        ) : (
          <Button fullWidth loading={busy} onClick={() => void go()}>
            {t('forgotten.use')}
          </Button>
        )}
      </div>
    </Door>
  )
}
