/** Where a person starts: their mail; where an operator starts: the panel. */
import { useQuery } from '@tanstack/react-query'
import { Navigate } from '@tanstack/react-router'
import { mailboxesQuery, sessionQuery } from '../data/queries.ts'
import { ErrorState, LoadingState } from '../ui/states.tsx'
import { Shell } from './shell.tsx'

export function Home() {
  const { data: account } = useQuery(sessionQuery)
  if (!account) return null
  return account.kind === 'person' ? <ToInbox /> : <Navigate to="/admin" replace />
}

function ToInbox() {
  const { data: folders, error, refetch } = useQuery(mailboxesQuery)
  const inbox = folders?.find(({ role }) => role === 'inbox') ?? folders?.[0]
  if (inbox) return <Navigate to="/mail/$folder" params={{ folder: inbox.id }} replace />
  return (
    <Shell>
      <main id="content" className="shell-main">
        {error ? <ErrorState error={error} retry={() => void refetch()} /> : <LoadingState />}
      </main>
    </Shell>
  )
}
