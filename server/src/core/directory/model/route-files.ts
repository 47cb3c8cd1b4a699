/**
 * What a route's declaration takes from files beside it: the certificates that vouch for its hosts, and the certificate
 * with its key that is shown to them. Read and looked at before anything is changed. Failure: `refuse` with the key's path.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { DeclaredOrganisation } from './schema.ts'

type DeclaredRoute = DeclaredOrganisation['routes'][number]

export interface RouteFiles {
  /** PEM; undefined: as the settings say */
  ca: string | undefined
  /** certificate with its chain, then the key, PEM; null: none */
  client: string | null
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g
/** Enough for every chain there is. */
const MOST_PEM = 200_000

/** All of it can be read, and there is at least one. */
export function certificatesIn(pem: string): X509Certificate[] {
  const found = pem.length > MOST_PEM ? [] : (pem.match(CERTIFICATE) ?? [])
  return found.map((one) => new X509Certificate(one))
}

export function readRouteFiles(
  route: DeclaredRoute,
  readFile: (key: string, path: string) => string,
  refuse: (key: string, text: string) => never,
): RouteFiles {
  const certificates = (key: string, pem: string): X509Certificate[] => {
    try {
      const found = certificatesIn(pem)
      if (found.length > 0) return found
    } catch {
      // Said below.
    }
    return refuse(key, 'holds no certificate that can be read (PEM)')
  }

  const { caFile, clientCertificateFile, clientKeyFile } = route
  const ca = caFile === undefined ? undefined : readFile('caFile', caFile)
  if (ca !== undefined) certificates('caFile', ca)
  if (route.settings.tlsCa !== undefined) certificates('settings.tlsCa', route.settings.tlsCa)
  if (clientCertificateFile === undefined || clientKeyFile === undefined) return { ca, client: null }
  const chain = readFile('clientCertificateFile', clientCertificateFile)
  const [own] = certificates('clientCertificateFile', chain)
  const key = readFile('clientKeyFile', clientKeyFile)
  if (!isKeyOf(own!, key, refuse)) refuse('clientKeyFile', 'is not the key of the certificate in clientCertificateFile')
  return { ca, client: `${chain.trimEnd()}\n${key.trimEnd()}\n` }
}

function isKeyOf(certificate: X509Certificate, pem: string, refuse: (key: string, text: string) => never): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(pem))
  } catch {
    return refuse('clientKeyFile', 'holds no private key that can be read (PEM, without a passphrase)')
  }
}
