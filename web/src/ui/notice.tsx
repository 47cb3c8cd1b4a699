/** A sentence that must be seen where it stands: what is wrong and what to do. */
import { IconAlertCircle, IconAlertTriangle, IconCircleCheck, IconInfoCircle } from '@tabler/icons-react'
import type { ReactNode } from 'react'

const icons = { bad: IconAlertCircle, good: IconCircleCheck, plain: IconInfoCircle, warn: IconAlertTriangle }

export function Notice({ tone = 'bad', children }: { tone?: keyof typeof icons; children: ReactNode }) {
  const Icon = icons[tone]
  return (
    <div className={`notice notice-${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      <Icon size={20} aria-hidden="true" />
      <div className="grow">{children}</div>
    </div>
  )
}
