/** What stands above every scene that needs a person: nobody → sign-in in place; a given password → a new one first; a second
 * factor that is asked for → set up first. */
import { useQuery } from '@tanstack/react-query'
import { Outlet } from '@tanstack/react-router'
import { useEffect } from 'react'
import { sessionQuery } from '../../data/queries.ts'
import { setLocale } from '../../lib/i18n.ts'
import { ErrorState, LoadingState } from '../../ui/states.tsx'
import { FactorScene } from './factor-scene.tsx'
import { PasswordScene } from './password-scene.tsx'
import { SignInScene } from './sign-in-scene.tsx'

export function Signed() {
  const { data: account, error, refetch } = useQuery(sessionQuery)
  const locale = account?.locale
  useEffect(() => void setLocale(locale).catch(() => undefined), [locale])
  if (account === null) return <SignInScene />
  if (!account) return error ? <ErrorState error={error} retry={() => void refetch()} /> : <LoadingState />
  if (account.mustChangePassword) return <PasswordScene />
  if (account.lacksSecondFactor) return <FactorScene />
  return <Outlet />
}
