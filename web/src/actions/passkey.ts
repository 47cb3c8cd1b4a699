/** Signing in by a passkey, using one as the second step, adding and removing one's own. */
import { api } from '../data/api.ts'
import type { Account, Passkey, PasskeyCreation, PasskeyRequest } from '../data/contract.ts'
import { makePasskey, usePasskey } from '../lib/webauthn.ts'
import { enter } from './session.ts'

async function by(path: string): Promise<Account> {
  const used = await usePasskey(await api<PasskeyRequest>('POST', `${path}/begin`))
  return enter(await api<Account>('POST', `${path}/finish`, used))
}

export const signInByPasskey = () => by('/session/passkey')
export const signInSecondByPasskey = () => by('/session/second/passkey')

export async function addPasskey(name: string, current: string): Promise<Passkey> {
  const options = await api<PasskeyCreation>('POST', '/me/passkeys/begin', { current })
  return api<Passkey>('POST', '/me/passkeys', { name, ...(await makePasskey(options)) })
}

export const removePasskey = (id: string, current: string) =>
  api('POST', `/me/passkeys/${encodeURIComponent(id)}/remove`, { current })
