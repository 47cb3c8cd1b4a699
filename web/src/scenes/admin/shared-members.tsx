/** Of a shared mailbox: what it is, and who reads it. */
import { useTranslation } from 'react-i18next'
import type { Person } from '../../data/contract.ts'

const sends = { no: null, sendAs: 'sharedMembers.sendAs', onBehalf: 'sharedMembers.onBehalf' } as const

export function SharedMembers({ person }: { person: Pick<Person, 'kind' | 'members'> }) {
  const { t } = useTranslation()
  if (person.kind === 'person') return null
  return (
    <div className="muted small">
      {t(person.kind === 'room' ? 'sharedMembers.room' : 'sharedMembers.shared')}
      <ul className="shared-members">
        {person.members.map(({ name, isGroup, access, send }) => {
          const may = [t(access === 'write' ? 'sharedMembers.writes' : 'sharedMembers.reads')]
          if (sends[send] !== null) may.push(t(sends[send]))
          return (
            <li key={`${isGroup} ${name}`}>
              {isGroup ? t('sharedMembers.group', { name }) : name}: {may.join(', ')}
            </li>
          )
        })}
      </ul>
      {person.members.length === 0 && t('sharedMembers.nobody')}
    </div>
  )
}
