/** A DKIM key pair and the DNS record that publishes it (RFC 6376 section 3.6.1). */
import { generateKeyPairSync } from 'node:crypto'
import type { DnsRecord } from './dns-record.ts'

export interface DkimKey {
  privatePem: string
  /** the record's p= */
  publicBase64: string
}

export function makeDkimKey(): DkimKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicBase64: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  }
}

export function dkimRecord(domain: string, selector: string, publicBase64: string): DnsRecord {
  return { name: `${selector}._domainkey.${domain}`, type: 'TXT', value: `v=DKIM1; k=rsa; p=${publicBase64}` }
}
