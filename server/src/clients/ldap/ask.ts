/**
 * One server is asked whose a name and a password are: the search account binds, looks for the one entry that has the name,
 * and then the entry's own DN binds with the password (RFC 4513 section 5.1.3). One connection for each question, closed
 * behind it. What a stranger's name is asked takes the same steps as anybody's.
 *
 * Never sent: an empty password or an empty DN, which servers take for "nobody" and answer with success (RFC 4513 sections
 * 5.1.1 and 5.1.2). Failure: throws where the server could not be asked; its sentence holds no password.
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type tls from 'node:tls'
import { Client } from 'ldapts'
import { within, type Clock } from '../../platform/clock.ts'
import { isServerTrouble, OddEntryError, verdictOf, wordsOf, type Verdict } from './answer.ts'
import { dial, type LdapServer } from './dial.ts'
import { fillFilter, partsOf } from './filter.ts'

export interface LdapDirectory {
  servers: LdapServer[]
  /** certificates (PEM) that vouch for the servers; left out: those of the system */
  ca?: string | undefined
  bindDn: string
  bindPassword: string
  baseDn: string
  filter: string
}

export interface Question {
  /** the person's UPN or address */
  name: string
  password: string
}

export type AskServer = (
  clock: Clock,
  server: LdapServer,
  directory: LdapDirectory,
  question: Question,
  signal: AbortSignal,
) => Promise<Verdict>

const CONNECT_MS = 2_500
/** One entry of one name and no attributes are some hundred bytes. */
const MOST_BYTES = 1_000_000

/** The library's client on this one socket: it must not make another by itself, which would have no TLS. */
function clientOn(socket: tls.TLSSocket, mostBytes: number): Client {
  let isGiven = false
  const give = (): Socket => {
    if (isGiven) throw new Error('it closed the connection')
    isGiven = true
    let bytes = 0
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > mostBytes) socket.destroy()
    })
    return socket
  }
  return new Client({ url: 'ldap://directory', createConnection: give })
}

interface SessionLimits {
  signal: AbortSignal
  /** whoever sends more is cut off */
  mostBytes: number
}

/** A session of the search account. Throws with a sentence; `signal` ends it. */
export async function asSearchAccount<T>(
  clock: Clock,
  server: LdapServer,
  directory: Omit<LdapDirectory, 'filter'>,
  { signal, mostBytes }: SessionLimits,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const connecting = new AbortController()
  const late = (): Error => new Error(`it cannot be reached within ${CONNECT_MS / 1000} s`)
  const dialled = dial(server, directory.ca, AbortSignal.any([signal, connecting.signal]))
  let socket: tls.TLSSocket
  try {
    socket = await within(clock, CONNECT_MS, dialled, late)
  } catch (error) {
    connecting.abort(error)
    dialled.catch(() => undefined)
    throw error
  }
  const client = clientOn(socket, mostBytes)
  try {
    if (directory.bindDn === '' || directory.bindPassword === '') throw new Error('the search account has no password')
    try {
      await client.bind(directory.bindDn, directory.bindPassword)
    } catch (error) {
      throw new Error(`the search account cannot sign in: ${wordsOf(error)}`, { cause: error })
    }
    return await work(client)
  } catch (error) {
    throw signal.aborted ? (signal.reason as Error) : error
  } finally {
    // A farewell; nobody waits for it.
    void client
      .unbind()
      .catch(() => undefined)
      .finally(() => socket.destroy())
  }
}

async function search(client: Client, directory: LdapDirectory, name: string): Promise<string[]> {
  try {
    const found = await client.search(directory.baseDn, {
      scope: 'sub',
      derefAliases: 'never',
      filter: fillFilter(directory.filter, partsOf(name)),
      attributes: ['1.1'],
      sizeLimit: 2,
      timeLimit: 3,
    })
    return found.searchEntries.map(({ dn }) => dn)
  } catch (error) {
    throw new Error(`the search failed: ${wordsOf(error)}`, { cause: error })
  }
}

export const askServer: AskServer = (clock, server, directory, { name, password }, signal) =>
  asSearchAccount(clock, server, directory, { signal, mostBytes: MOST_BYTES }, async (client) => {
    const found = await search(client, directory, name)
    const [dn] = found
    const isOne = found.length === 1 && dn !== undefined && dn.includes('=')
    try {
      if (password === '') return 'wrong'
      // Nobody's entry and nobody's password, so that it takes as long.
      if (isOne) await client.bind(dn, password)
      else
        await client.bind(
          `cn=nobody-${randomBytes(8).toString('hex')},${directory.baseDn}`,
          randomBytes(12).toString('hex'),
        )
    } catch (error) {
      const verdict = verdictOf(error)
      if (isOne && verdict === null)
        throw new (isServerTrouble(error) ? Error : OddEntryError)(wordsOf(error), { cause: error })
      if (isOne) return verdict!
    }
    return isOne ? 'good' : found.length > 1 ? 'ambiguous' : 'not-found'
  })

/** For an administrator: does it answer, can the search account sign in and search? Throws with a sentence. */
export const tryServer = (
  clock: Clock,
  server: LdapServer,
  directory: LdapDirectory,
  signal: AbortSignal,
): Promise<void> =>
  asSearchAccount(clock, server, directory, { signal, mostBytes: MOST_BYTES }, async (client) => {
    await search(client, directory, `nobody-${randomBytes(8).toString('hex')}`)
  })
