/** Signing in by the organisation's identity provider: off to it, and back with what it sent along. */
import { api } from '../data/api.ts'
import type { Account, OfferedProvider } from '../data/contract.ts'
import { enter } from './session.ts'

/** The domain alone is told. */
export async function providerOfDomain(domain: string, signal: AbortSignal): Promise<OfferedProvider | null> {
  const { provider } = await api<{ provider: OfferedProvider | null }>('POST', '/session/provider', { domain }, signal)
  return provider
}

/** Where to go. */
export const beginProvider = async (name: string) =>
  (await api<{ url: string }>('POST', '/session/provider/begin', { name })).url

export const finishProvider = async (query: string) =>
  enter(await api<Account>('POST', '/session/provider/finish', { query }))
