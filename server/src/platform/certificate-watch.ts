/**
 * The certificates in use: the main one and those of tls.names, each read again when its files have changed, so that a
 * renewed certificate needs no restart. Files are looked at when somebody asks and the last look is LOOK_MS old, and at
 * once by look() (SIGHUP).
 *
 * Failure: at the start a certificate that cannot be read is thrown; later a new one that cannot be read, or whose key is
 * not its own (one of the two files is not written yet), is logged once and the old one stays in use.
 */
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { loadCertificate } from './certificate.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config/config.ts'
import type { Log } from './log.ts'

/** As node:tls takes it. The same object as long as nothing changes. */
export interface TlsOptions {
  cert: string
  key: string
  minVersion: Config['tls']['minVersion']
}

export interface NamedCertificate {
  options: TlsOptions
  /** by its subjectAltName alone; a wildcard stands for one label */
  covers: (host: string) => boolean
}

export interface Certificates {
  /** for clients that ask for no name, or one that nobody has */
  main: () => TlsOptions
  /** those of tls.names, in their order and always as many */
  named: () => readonly NamedCertificate[]
  look: () => void
}

export const needsCertificates = ({ roles, listen }: Pick<Config, 'roles' | 'listen'>): boolean =>
  roles.includes('mx') || roles.includes('submission') || (roles.includes('web') && listen.https.enabled)

/** What a listener takes from them. '': the oldest version is the one of tls.minVersion. */
export function certificatesFrom(
  { main, named }: Pick<Certificates, 'main' | 'named'>,
  minVersion: '' | TlsOptions['minVersion'],
): { tls: Certificates['main']; named: Certificates['named'] } {
  if (minVersion === '') return { tls: main, named }
  return {
    tls: () => ({ ...main(), minVersion }),
    named: () => named().map((one) => ({ ...one, options: { ...one.options, minVersion } })),
  }
}

export const LOOK_MS = 3000

interface Slot {
  files: readonly string[]
  read(): { cert: string; key: string }
  stamp: string
  current: NamedCertificate
}

export function createCertificates(options: {
  dataFolder: string
  tls: Config['tls']
  hostname: string
  clock: Clock
  log: Log
}): Certificates {
  const { dataFolder, hostname, clock, log } = options
  const { certFile, keyFile, names, minVersion } = options.tls
  const slotOf = (pair: { certFile: string; keyFile: string }): Slot => {
    const own = pair.certFile === ''
    const files = own ? [join(dataFolder, 'tls.crt'), join(dataFolder, 'tls.key')] : [pair.certFile, pair.keyFile]
    const read = (): { cert: string; key: string } => loadCertificate({ dataFolder, ...pair, hostname, clock })
    const found = read()
    return { files, read, stamp: stampOf(files), current: asNamed(found.cert, found.key, minVersion) }
  }
  const main = slotOf({ certFile, keyFile })
  const rest = names.map(slotOf)
  let current = rest.map((slot) => slot.current)
  let next = clock.monotonic() + LOOK_MS

  function look(): void {
    next = clock.monotonic() + LOOK_MS
    for (const slot of [main, ...rest]) {
      const stamp = stampOf(slot.files)
      if (stamp === slot.stamp) continue
      slot.stamp = stamp
      const [file] = slot.files
      try {
        const { cert, key } = slot.read()
        slot.current = asNamed(cert, key, minVersion)
        log.info({ file }, 'a new certificate is in use')
      } catch (error) {
        log.error({ file, err: String(error) }, 'a changed certificate cannot be used; the one before stays in use')
      }
    }
    current = rest.map((slot) => slot.current)
  }

  const fresh = (): void => {
    if (clock.monotonic() >= next) look()
  }
  return {
    main() {
      fresh()
      return main.current.options
    },
    named() {
      fresh()
      return current
    },
    look,
  }
}

function asNamed(cert: string, key: string, minVersion: TlsOptions['minVersion']): NamedCertificate {
  const parsed = new X509Certificate(cert)
  if (!parsed.checkPrivateKey(createPrivateKey(key))) throw new Error('the private key is not that of the certificate')
  return {
    options: { cert, key, minVersion },
    covers(host) {
      try {
        return parsed.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined
      } catch {
        // No host name at all.
        return false
      }
    },
  }
}

/** Changes when a file is written, replaced or gone. */
function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      try {
        const { mtimeMs, size, ino } = statSync(file)
        return `${mtimeMs}:${size}:${ino}`
      } catch {
        return 'gone'
      }
    })
    .join(' ')
}
