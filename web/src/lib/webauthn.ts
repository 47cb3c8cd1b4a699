/**
 * Passkeys in the browser: what the server asks, as the browser wants it (bytes), and what the browser gives, as the server wants it
 * (base64url). Older browsers have not the JSON forms of the standard, so they are written here.
 */
import type { PasskeyCreation, PasskeyRequest, PasskeyUsed } from '../data/contract.ts'

/** null: nothing was chosen, or the time was up; `known`: this device has one already. */
export class PasskeyError extends Error {
  readonly isKnown: boolean
  constructor(isKnown: boolean) {
    super('no passkey')
    this.isKnown = isKnown
  }
}

export const knowsPasskeys = (): boolean => typeof PublicKeyCredential === 'function' && window.isSecureContext

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(plain, (character) => character.charCodeAt(0))
}
function textOf(bytes: ArrayBuffer): string {
  const plain = Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join('')
  return btoa(plain).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
const described = (list: PasskeyRequest['allowCredentials']) =>
  list.map(({ type, id, transports }) => ({
    ...{ type, id: bytesOf(id) },
    transports: transports as AuthenticatorTransport[],
  }))

/** What the browser says in its own words is said in ours, by what the person can do. */
async function asked(work: Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    const credential = await work
    if (credential) return credential as PublicKeyCredential
  } catch (thrown) {
    throw new PasskeyError(thrown instanceof DOMException && thrown.name === 'InvalidStateError')
  }
  throw new PasskeyError(false)
}

export async function usePasskey(options: PasskeyRequest): Promise<PasskeyUsed> {
  const { challenge, allowCredentials, ...rest } = options
  const publicKey = { ...rest, challenge: bytesOf(challenge), allowCredentials: described(allowCredentials) }
  const credential = await asked(navigator.credentials.get({ publicKey }))
  const answer = credential.response as AuthenticatorAssertionResponse
  return {
    id: credential.id,
    clientDataJSON: textOf(answer.clientDataJSON),
    authenticatorData: textOf(answer.authenticatorData),
    signature: textOf(answer.signature),
    userHandle: answer.userHandle && answer.userHandle.byteLength > 0 ? textOf(answer.userHandle) : null,
  }
}

export async function makePasskey(options: PasskeyCreation): Promise<{
  id: string
  clientDataJSON: string
  attestationObject: string
  transports: string[]
}> {
  const { challenge, user, excludeCredentials, ...rest } = options
  const publicKey = {
    ...rest,
    challenge: bytesOf(challenge),
    user: { ...user, id: bytesOf(user.id) },
    excludeCredentials: described(excludeCredentials),
  }
  const credential = await asked(navigator.credentials.create({ publicKey }))
  const answer = credential.response as AuthenticatorAttestationResponse
  return {
    id: credential.id,
    clientDataJSON: textOf(answer.clientDataJSON),
    attestationObject: textOf(answer.attestationObject),
    transports: typeof answer.getTransports === 'function' ? answer.getTransports() : [],
  }
}
