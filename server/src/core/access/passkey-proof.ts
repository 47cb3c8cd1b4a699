/**
 * What a browser brings of a passkey, judged: a pure question about bytes, keys and the place, with no word to the network. The
 * library (@simplewebauthn/server) is loaded when it is asked the first time.
 *
 * What the maker of an authenticator says about it (attestation) is not asked for and not looked at: its certificates would name
 * addresses to ask, and nobody here decides by make.
 */
import type { PasskeyPlace } from './passkey-place.ts'

/** All base64url, as the browser has it. */
export interface MadePasskey {
  id: string
  clientDataJSON: string
  attestationObject: string
  transports: string[]
}

export interface UsedPasskey {
  id: string
  clientDataJSON: string
  authenticatorData: string
  signature: string
  /** whose the authenticator says it is; null: it keeps no accounts */
  userHandle: string | null
}

/** ES256, EdDSA, RS256: what every authenticator has one of. */
export const ALGORITHMS = [-7, -8, -257]

/** The challenge that was signed; null: this is no answer to one. */
export function challengeIn(clientDataJSON: string): Buffer | null {
  try {
    const data: unknown = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString())
    const { challenge, crossOrigin } = data as { challenge?: unknown; crossOrigin?: unknown }
    // A frame on somebody else's page.
    if (typeof challenge !== 'string' || crossOrigin === true) return null
    const bytes = Buffer.from(challenge, 'base64url')
    return bytes.length === 32 ? bytes : null
  } catch {
    return null
  }
}

export interface Made {
  credential: Buffer
  publicKey: Buffer
  counter: number
  isBackedUp: boolean
}

const idOf = (id: string) => ({ id, rawId: id, type: 'public-key' as const, clientExtensionResults: {} })

/** Null: no. `why` is told what was wrong, for the log. */
export async function judgeMade(
  made: MadePasskey,
  place: PasskeyPlace,
  challenge: Buffer,
  why: (reason: string) => void = () => undefined,
): Promise<Made | null> {
  try {
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server')
    const { isoCBOR, decodeAttestationObject } = await import('@simplewebauthn/server/helpers')
    const authData = decodeAttestationObject(bytesOf(made.attestationObject)).get('authData')
    const bare = isoCBOR.encode(
      new Map<string, string | Uint8Array | Map<string, string>>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authData],
      ]),
    )
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: {
        ...idOf(made.id),
        response: { clientDataJSON: made.clientDataJSON, attestationObject: Buffer.from(bare).toString('base64url') },
      },
      ...{ expectedChallenge: challenge.toString('base64url'), expectedOrigin: place.origin, expectedRPID: place.rpId },
      ...{ requireUserVerification: true, supportedAlgorithmIDs: ALGORITHMS },
    })
    if (!verified) return null
    const { credential, credentialBackedUp } = registrationInfo
    if (credential.id !== made.id) return null
    return {
      credential: Buffer.from(credential.id, 'base64url'),
      publicKey: Buffer.from(credential.publicKey),
      counter: credential.counter,
      isBackedUp: credentialBackedUp,
    }
  } catch (error) {
    why((error as Error).message)
    return null
  }
}

export interface Used {
  counter: number
  isBackedUp: boolean
}

/** Null: no. The counter is judged where it is stored. `verified`: who holds it must have been recognised by it. */
export async function judgeUsed(
  used: UsedPasskey,
  place: PasskeyPlace,
  known: { challenge: Buffer; publicKey: Buffer; verified: boolean },
  why: (reason: string) => void = () => undefined,
): Promise<Used | null> {
  try {
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server')
    const { clientDataJSON, authenticatorData, signature } = used
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: { ...idOf(used.id), response: { clientDataJSON, authenticatorData, signature } },
      credential: { id: used.id, publicKey: new Uint8Array(known.publicKey), counter: 0 },
      expectedChallenge: known.challenge.toString('base64url'),
      ...{ expectedOrigin: place.origin, expectedRPID: place.rpId, requireUserVerification: known.verified },
    })
    return verified
      ? { counter: authenticationInfo.newCounter, isBackedUp: authenticationInfo.credentialBackedUp }
      : null
  } catch (error) {
    why((error as Error).message)
    return null
  }
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, 'base64url'))
