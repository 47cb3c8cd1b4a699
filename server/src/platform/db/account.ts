/**
 * Which operating-system account runs the embedded PostgreSQL, and whether that account can reach a path. PostgreSQL
 * refuses to run as root, so root lends it `holdfast`, else `postgres`, else `nobody`; anybody else runs it as
 * themselves. Failure: `folderClosedTo` names the first folder in the way, because "permission denied" does not.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname } from 'node:path'

export interface Account {
  name: string
  uid: number
  gid: number
  /** Set when we are root and the server runs as somebody else. */
  borrowed: boolean
}

const CANDIDATES = ['holdfast', 'postgres', 'nobody']

function passwd(): Account[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map((fields) => ({ name: fields[0]!, uid: Number(fields[2]), gid: Number(fields[3]), borrowed: true }))
}

/** The account for a server whose files belong to `ownerUid` (undefined: there are none yet). */
export function chooseAccount(ownerUid?: number): Account {
  const uid = process.getuid!()
  if (uid !== 0) {
    if (ownerUid !== undefined && ownerUid !== uid)
      throw new Error(
        `The database files belong to user id ${ownerUid}, and this is user id ${uid}. Run Holdfast as root or as that user.`,
      )
    let name: string
    try {
      name = userInfo().username
    } catch {
      throw new Error(
        `User id ${uid} has no entry in /etc/passwd, and PostgreSQL needs one. Add a line for it there, or set DATABASE_URL.`,
      )
    }
    return { name, uid, gid: process.getgid!(), borrowed: false }
  }
  const accounts = passwd().filter((account) => account.uid !== 0)
  if (ownerUid) {
    const owner = accounts.find((account) => account.uid === ownerUid)
    if (owner) return owner
    throw new Error(
      `The database files belong to user id ${ownerUid}, which /etc/passwd does not know. Give them to an account: chown -R holdfast <data folder>/postgres`,
    )
  }
  for (const name of CANDIDATES) {
    const found = accounts.find((account) => account.name === name)
    if (found) return found
  }
  throw new Error(
    'PostgreSQL does not run as root, and none of the accounts holdfast, postgres, nobody exists. Create one: useradd --system holdfast',
  )
}

function may(account: Account, path: string, bits: number): boolean {
  const info = statSync(path)
  if (info.uid === account.uid) return ((info.mode >> 6) & bits) === bits
  if (info.gid === account.gid) return ((info.mode >> 3) & bits) === bits
  return (info.mode & bits) === bits
}

/** The outermost folder on the way to `path` (itself counted) that the account cannot enter, or null. */
export function folderClosedTo(account: Account, path: string): string | null {
  if (!account.borrowed) return null
  const chain: string[] = []
  for (let at = realpathSync(path); ; at = dirname(at)) {
    chain.unshift(at)
    if (at === dirname(at)) break
  }
  return chain.find((folder) => !may(account, folder, 1)) ?? null
}

/** May the account read and enter this one file or folder (its parents not looked at)? */
export function readableBy(account: Account, path: string, isFolder: boolean): boolean {
  return !account.borrowed || may(account, path, isFolder ? 5 : 4)
}
