/**
 * The master key and what is derived from it. One random 32-byte key per installation, in a file of mode 0600 (data
 * folder, or masterKeyFile) and on the operator's recovery sheet, never in the database, an export or a log. Everything
 * else is a subkey of a stated purpose (HKDF-SHA-256, RFC 5869), so that one purpose's key says nothing about another's.
 *
 * Secrets in tables are sealed (AES-256-GCM, random nonce) and bound to their place (table.column:id): a sealed value
 * moved to another row does not open. Failure: `open` throws; nothing is ever returned unauthenticated.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { existsSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sheetText } from './recovery-sheet.ts'

export interface Keys {
  /** 32 bytes for one purpose, e.g. 'own-id' */
  subkey(purpose: string): Buffer
  /** HMAC-SHA-256 under the purpose's subkey */
  hmac(purpose: string, data: string | Buffer): Buffer
  /** Seals a secret for its place, e.g. 'route.secret_sealed:<route id>' */
  seal(place: string, secret: Buffer): Buffer
  open(place: string, sealed: Buffer): Buffer
  /** Says which master key this is without telling anything about it: exports carry it. */
  fingerprint: string
  /** true: this start made the key, the operator has no recovery sheet yet */
  isNew: boolean
  file: string
  /** For paper. Shown only on request. */
  recoverySheet(of: { hostname: string; now: number }): string
}

const VERSION = 1
const NONCE = 12
const TAG = 16

export function keysFrom(master: Buffer, about: { isNew: boolean; file: string } = { isNew: false, file: '' }): Keys {
  const cache = new Map<string, Buffer>()
  const subkey = (purpose: string): Buffer => {
    let key = cache.get(purpose)
    if (!key)
      cache.set(purpose, (key = Buffer.from(hkdfSync('sha256', master, Buffer.alloc(0), `holdfast/1/${purpose}`, 32))))
    return key
  }
  const prepared = new Map<string, KeyObject>()
  const hmac = (purpose: string, data: string | Buffer): Buffer => {
    let key = prepared.get(purpose)
    if (!key) prepared.set(purpose, (key = createSecretKey(subkey(purpose))))
    return createHmac('sha256', key).update(data).digest()
  }
  const fingerprint = hmac('fingerprint', '').toString('hex').slice(0, 16)
  return {
    ...about,
    subkey,
    hmac,
    fingerprint,
    seal(place, secret) {
      const nonce = randomBytes(NONCE)
      const cipher = createCipheriv('aes-256-gcm', subkey('seal'), nonce, { authTagLength: TAG })
      cipher.setAAD(Buffer.from(place))
      return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()])
    },
    open(place, sealed) {
      if (sealed.length < 1 + NONCE + TAG || sealed[0] !== VERSION) throw new Error(`${place}: not a sealed secret`)
      const decipher = createDecipheriv('aes-256-gcm', subkey('seal'), sealed.subarray(1, 1 + NONCE), {
        authTagLength: TAG,
      })
      decipher.setAAD(Buffer.from(place))
      decipher.setAuthTag(sealed.subarray(sealed.length - TAG))
      try {
        return Buffer.concat([decipher.update(sealed.subarray(1 + NONCE, sealed.length - TAG)), decipher.final()])
      } catch (error) {
        throw new Error(
          `${place}: this secret was sealed under another master key or was changed. Put the right master key back (recovery sheet).`,
          { cause: error },
        )
      }
    },
    recoverySheet: (of) => sheetText(master, { ...of, fingerprint }),
  }
}

function readKeyFile(file: string): Buffer {
  const info = statSync(file)
  if ((info.mode & 0o077) !== 0)
    throw new Error(`The master key file ${file} can be read by others. Run: chmod 600 ${file}`)
  const text = readFileSync(file, 'utf8').trim()
  const key = Buffer.from(text, 'base64')
  if (key.length !== 32 || !/^[A-Za-z0-9+/]{43}=?$/.test(text))
    throw new Error(
      `${file} does not hold a master key (32 bytes, base64). Restore it from a backup or from the recovery sheet.`,
    )
  return key
}

/**
 * Reads the master key; makes one when the data folder has none and `mayMake` (a first start: an installation that has
 * sealed secrets must not silently go on under a new key). A configured masterKeyFile is never made here.
 */
export function loadKeys(options: { dataFolder: string; masterKeyFile: string; mayMake: boolean }): Keys {
  const own = join(options.dataFolder, 'master.key')
  const file = options.masterKeyFile || own
  if (existsSync(file)) return keysFrom(readKeyFile(file), { isNew: false, file })
  if (options.masterKeyFile)
    throw new Error(
      `masterKeyFile: ${file} does not exist. Make one: (umask 077; head -c32 /dev/urandom | base64 > ${file})`,
    )
  if (!options.mayMake)
    throw new Error(
      `The master key ${file} is missing. Restore it from a backup, or from the recovery sheet: holdfast doctor --restore-master-key FILE`,
    )
  const scratch = `${own}.${process.pid}`
  writeFileSync(scratch, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flush: true })
  let isNew = true
  try {
    linkSync(scratch, own)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    isNew = false // another process of ours was faster
  } finally {
    rmSync(scratch, { force: true })
  }
  return keysFrom(readKeyFile(own), { isNew, file: own })
}
