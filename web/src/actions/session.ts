/** Signing in and out: the cookie is the server's; what the page knew of the person before is forgotten. */
import { api, keepCsrf, onSignedOut } from '../data/api.ts'
import type { Account } from '../data/contract.ts'
import { chosenMailbox, jmap } from '../data/jmap/client.ts'
import { queryClient, sessionQuery } from '../data/queries.ts'
import { setLocale } from '../lib/i18n.ts'

export function enter(account: Account): Account {
  keepCsrf(account)
  chosenMailbox.set(null)
  jmap.forget()
  forgetOthers()
  queryClient.setQueryData(sessionQuery.queryKey, account)
  void setLocale(account.locale).catch(() => undefined)
  return account
}

export const signIn = async (name: string, password: string) =>
  enter(await api<Account>('POST', '/session', { name: name.trim(), password }))
/** After second-factor-needed: the code of the authenticator app. */
export const signInSecond = async (code: string) => enter(await api<Account>('POST', '/session/second', { code }))
/** A link to a private address, if there is one: the answer is the same. */
export const askForLink = (name: string) => api('POST', '/session/link', { name })
export const signInByLink = async (token: string) => enter(await api<Account>('POST', '/session/link/use', { token }))
export const setUp = async (input: {
  token: string
  name: string
  display: string
  password: string
  locale: string
}) => enter(await api<Account>('POST', '/setup', input))

/** The answer may carry a new account (the sign-in's version moves on); else it is asked for. */
export async function changePassword(current: string, next: string): Promise<void> {
  await api('POST', '/session/password', { current, next })
  await queryClient.refetchQueries({ queryKey: sessionQuery.queryKey })
}

export async function signOut(): Promise<void> {
  await api('DELETE', '/session').catch(() => undefined)
  leave()
}

/** All but the session itself, which the page above every scene is looking at. */
const forgetOthers = () => queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' })

function leave(): void {
  chosenMailbox.set(null)
  jmap.forget()
  queryClient.setQueryData(sessionQuery.queryKey, null)
  forgetOthers()
}
onSignedOut(leave)

/** "I can't reach my mail", of somebody who has not signed in, and of somebody who has. */
export const reportReach = (address: string) => api('POST', '/reports', { address })
export const reportOwnReach = () => api('POST', '/me/report')

export async function keepLocale(locale: string): Promise<void> {
  await api('PATCH', '/me', { locale }).catch(() => undefined)
}
