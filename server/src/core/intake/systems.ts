/**
 * How an organisation's own system says who it is, where its address does not: by a password (AUTH) or by the certificate
 * that it shows in the TLS handshake. What it proved goes with the envelope, and counts as long as the book of sources
 * knows it (core/directory/source-book.ts): a password that was changed ends it also on an open connection.
 */
import { createHash, type X509Certificate } from 'node:crypto'
import type { Access } from '../access/index.ts'
import type { Proof, SourceBook } from '../directory/index.ts'

export interface Systems {
  takesPasswords(): boolean
  asksForCertificates(): boolean
  /** Throws sign-in-failed, sign-in-slow-down, too-busy. */
  signIn(attempt: { name: string; password: string; clientIp: string }): Promise<Proof>
  /** null: nobody's here; most servers show one to everybody. */
  byCertificate(certificate: X509Certificate): Proof | null
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

export function createSystems(deps: {
  access: Pick<Access, 'verifySystem'>
  sources: Pick<SourceBook, 'takesPasswords' | 'asksForCertificates' | 'account' | 'byCertificate'>
}): Systems {
  const { access, sources } = deps
  return {
    takesPasswords: () => sources.takesPasswords(),
    asksForCertificates: () => sources.asksForCertificates(),
    async signIn(attempt) {
      const account = sources.account(attempt.name)
      await access.verifySystem(attempt, account)
      return account!.proof
    },
    byCertificate(certificate) {
      const fingerprints = [sha256(certificate.raw)]
      try {
        fingerprints.push(sha256(certificate.publicKey.export({ type: 'spki', format: 'der' })))
      } catch {
        // A kind of key that cannot be read here: the certificate's own fingerprint may still be listed.
      }
      return sources.byCertificate(fingerprints)
    },
  }
}
