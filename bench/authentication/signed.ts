/** A message with a valid DKIM signature by a key of its own, and what DNS says about it. */
import { generateKeyPairSync } from 'node:crypto'
import { dkimSign } from 'mailauth'
import { letterBytes } from '../client/session.ts'
import type { DnsMap } from './verify.ts'

const DOMAIN = 'outside.test'

export async function signedLetter(size: number): Promise<{ bytes: Buffer; dns: DnsMap }> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const letter = letterBytes(
    size,
    `Message-ID: <1@${DOMAIN}>\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nTo: alice@bench.test`,
  )
  const end = Buffer.from('.\r\n')
  const message = letter.subarray(0, letter.length - end.length)
  const { signatures, errors } = await dkimSign(message, {
    canonicalization: 'relaxed/relaxed',
    signatureData: [
      {
        signingDomain: DOMAIN,
        selector: 'bench',
        privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      },
    ],
  } as Parameters<typeof dkimSign>[1])
  if (errors.length > 0) throw new Error(`the message could not be signed: ${JSON.stringify(errors)}`)
  const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  return {
    bytes: Buffer.concat([Buffer.from(signatures), letter]),
    dns: {
      [`bench._domainkey.${DOMAIN}`]: [[`v=DKIM1; k=rsa; p=${key}`]],
      [DOMAIN]: [['v=spf1 ip4:127.0.0.0/8 -all']],
      [`_dmarc.${DOMAIN}`]: [['v=DMARC1; p=reject']],
    },
  }
}
