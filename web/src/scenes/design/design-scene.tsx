/** Every component in every state: for the eye, and for screenshots that are compared. No server is asked. */
import './design.css'
import { Button, Checkbox, NativeSelect, Skeleton, Textarea, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { PasswordField } from '../../ui/password-field.tsx'
import { ApiError } from '../../data/api.ts'
import type { ModeWord, Standing } from '../../data/contract.ts'
import { toasts } from '../../lib/undo.ts'
import { LanguageSwitch } from '../../ui/language-switch.tsx'
import { ModeMark } from '../../ui/mode.tsx'
import { Banner } from '../../ui/mode-banner.tsx'
import { Notice } from '../../ui/notice.tsx'
import { ProgressBar } from '../../ui/progress-bar.tsx'
import { EmptyState, ErrorState, LoadingState, NotFoundState } from '../../ui/states.tsx'
import { colours } from '../../ui/tokens.ts'

const modes: ModeWord[] = ['normal', 'suspect', 'emergency', 'emergencyReach', 'recovering', 'quiet', 'hold']
const standing = (mode: ModeWord): Standing => ({
  mode,
  since: '2026-03-02T09:32:00Z',
  pin: mode === 'hold' ? 'hold' : null,
  cause: mode === 'hold' ? 'pinned-hold' : 'evidence-worse',
  primaryName: 'mail.example.com',
  waitingHere: mode === 'normal' ? 0 : 12,
  parkedHere: 0,
  sentHere: mode === 'recovering' ? 3 : 0,
  deletedButOwed: 0,
  return: mode === 'recovering' ? { total: 1204, home: 431, pending: 773 } : null,
  now: '2026-03-02T10:00:00Z',
})

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="card stack">
      <h2>{title}</h2>
      {children}
    </section>
  )
}

export function DesignScene() {
  const { t } = useTranslation()
  return (
    <main className="design" id="content">
      <h1>{t('design.title')}</h1>
      <LanguageSwitch />
      <Part title={t('design.colours')}>
        <div className="swatches">
          {Object.keys(colours.light).map((name) => (
            <div key={name}>
              <span style={{ background: `var(--${name})` }} />
              <code>{name}</code>
            </div>
          ))}
        </div>
      </Part>
      <Part title={t('design.modes')}>
        <div className="line">
          {modes.map((mode) => (
            <ModeMark key={mode} mode={mode} />
          ))}
        </div>
        {modes.map((mode) => (
          <Banner key={mode} standing={standing(mode)} />
        ))}
        <Banner standing={{ ...standing('emergency'), cause: 'mailbox-fails' }} />
      </Part>
      <Part title={t('design.buttons')}>
        <div className="line">
          <Button>{t('design.primary')}</Button>
          <Button variant="default">{t('design.secondary')}</Button>
          <Button variant="subtle">{t('design.quietButton')}</Button>
          <Button color="red">{t('design.danger')}</Button>
          <Button disabled>{t('design.disabled')}</Button>
          <Button loading>{t('design.working')}</Button>
        </div>
      </Part>
      <Part title={t('design.fields')}>
        <TextInput label={t('design.fieldLabel')} description={t('design.fieldHint')} />
        <TextInput label={t('design.fieldLabel')} error={t('design.fieldError')} defaultValue="x" />
        <TextInput label={t('design.fieldLabel')} disabled defaultValue="x" />
        <PasswordField label={t('signIn.password')} />
        <Textarea label={t('board.reason')} />
        <NativeSelect label={t('queue.filter')} data={[t('queue.all'), t('delivery.deferred')]} />
        <Checkbox label={t('mail.select')} defaultChecked />
      </Part>
      <Part title={t('design.progress')}>
        <ProgressBar value={431} of={1204} label={t('banner.progress', { home: 431, total: 1204 })} />
        <p>{t('banner.progress', { home: 431, total: 1204 })}</p>
        <Skeleton height={44} />
      </Part>
      <Part title={t('design.toasts')}>
        <div className="line">
          <Button variant="default" onClick={() => toasts.add(t('design.sampleToast'), { undo: () => undefined })}>
            {t('app.undo')}
          </Button>
          <Button variant="default" onClick={() => toasts.add(t('error.internal'), { tone: 'bad' })}>
            {t('state.errorTitle')}
          </Button>
        </div>
        {(['bad', 'warn', 'good', 'plain'] as const).map((tone) => (
          <Notice key={tone} tone={tone}>
            {t('design.sampleToast')}
          </Notice>
        ))}
      </Part>
      <Part title={t('design.states')}>
        <div className="design-states">
          <EmptyState>{t('design.sampleEmpty')}</EmptyState>
          <LoadingState />
          <ErrorState error={new ApiError('internal', 500, '')} retry={() => undefined} />
          <ErrorState error={new ApiError('offline', 0, '')} retry={() => undefined} />
          <ErrorState error={new ApiError('forbidden', 403, '')} />
          <NotFoundState />
        </div>
      </Part>
    </main>
  )
}
