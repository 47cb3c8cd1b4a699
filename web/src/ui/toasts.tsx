/** The messages of the page, in a live region that is there from the start (so that readers announce what enters it). */
import { IconX } from '@tabler/icons-react'
import { useEffect, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { toasts } from '../lib/undo.ts'

export function ToastStack() {
  const { t } = useTranslation()
  const list = useSyncExternalStore(toasts.subscribe, toasts.list)
  useEffect(() => {
    const next = toasts.sweep()
    if (next === null) return undefined
    const timer = setTimeout(() => toasts.sweep(), Math.max(50, next - Date.now()))
    return () => clearTimeout(timer)
  }, [list])
  return (
    <section className="toasts" aria-label={t('app.notifications')} aria-live="polite" aria-relevant="additions">
      {list.map((toast) => (
        <div key={toast.id} className={toast.tone === 'bad' ? 'toast toast-bad' : 'toast'}>
          <span className="grow">{toast.text}</span>
          {toast.undo && (
            <button type="button" className="toast-undo" onClick={() => void toasts.undo(toast.id)}>
              {t('app.undo')}
            </button>
          )}
          <button type="button" aria-label={t('app.close')} onClick={() => toasts.close(toast.id)}>
            <IconX size={18} aria-hidden="true" />
          </button>
        </div>
      ))}
    </section>
  )
}
