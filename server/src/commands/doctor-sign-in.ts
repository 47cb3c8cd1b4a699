/**
 * The part of `holdfast doctor` that asks the directories people sign in by: does each server answer under a certificate that
 * counts, and can the search account sign in and search there?
 */
import { tryServer, type LdapDirectory } from '../clients/ldap/ask.ts'
import type { LdapServer } from '../clients/ldap/dial.ts'
import { signInDirectory } from '../core/directory/index.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Keys } from '../platform/keys.ts'
import { directoriesToSignInBy } from '../store/sign-in.ts'
import type { Finding } from './doctor.ts'

type Try = typeof tryServer
const NAME = 'sign-in directory'
const LIMIT_MS = 5_000

export async function signInFindings(
  sql: Sql,
  clock: Clock,
  keys: () => Keys,
  ask: Try = tryServer,
): Promise<Finding[]> {
  const stored = await directoriesToSignInBy(sql)
  const findings = stored.map(async (one): Promise<Finding[]> => {
    let directory: LdapDirectory
    try {
      directory = signInDirectory(one, keys())
    } catch (error) {
      const text = `${one.slug}: ${(error as Error).message}`
      return [{ name: NAME, standing: 'wrong', text, remedy: 'Apply its signIn with the password again.' }]
    }
    return Promise.all(directory.servers.map((server) => lookAt(one.slug, server, directory, clock, ask)))
  })
  return (await Promise.all(findings)).flat()
}

async function lookAt(
  slug: string,
  server: LdapServer,
  directory: LdapDirectory,
  clock: Clock,
  ask: Try,
): Promise<Finding> {
  const where = `${slug}: ${server.host}:${server.port}`
  const limit = new AbortController()
  const timer = clock.after(LIMIT_MS, () => limit.abort(new Error(`no answer within ${LIMIT_MS / 1000} s`)))
  try {
    await ask(clock, server, directory, limit.signal)
    return { name: NAME, standing: 'ok', text: `${where} answers, and the search account can search`, remedy: '' }
  } catch (error) {
    return {
      name: NAME,
      standing: 'warning',
      text: `${where}: ${(error as Error).message}`,
      remedy: `While none answers, people sign in with the password that was good there last. Check signIn.ldap: host and port, the certificate (caFile), bindDn and its password, baseDn.`,
    }
  } finally {
    timer.cancel()
  }
}
