/**
 * Directory sources of a declaration: how much of each one's lists is believed without a question, and where and how often
 * those of an LDAP directory are fetched. A source is known by its name. Where the file has no `directorySources`, and with
 * --prune too, those that are there stay: what a source knows of people is not the file's.
 */
import { z } from 'zod'
import { PersonSource } from '../../../platform/codes.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Sql } from '../../../platform/db/database.ts'
import { newId, type Id } from '../../../platform/ids.ts'
import { readSources, writeSources, type SourceRow } from '../../../store/directory-sources.ts'
import { ldapSourceSchema, ldapSourceShape, sourcePlace } from '../sources/ldap/settings.ts'
import { limitsShape, minutesOf, scheduleShape, sourceSettingsSchema } from '../sources/settings.ts'
import { compare, type PlanItem } from './diff.ts'
import { certificatesFrom } from './sign-in.ts'

export const directorySourceSchema = z
  .strictObject({
    name: z
      .string()
      .max(100)
      .refine(
        (text) => text.trim() === text && text !== '' && !text.includes('\0') && text.isWellFormed(),
        'is no name',
      )
      .describe('As named with --source of holdfast directory import or sync, or of holdfast admin scim.'),
    kind: z
      .enum(['csv', 'ldap', 'scim'])
      .optional()
      .describe('Where its lists come from; left out: csv, or what it is already. A source stays of its kind.'),
    ...limitsShape,
    ...scheduleShape,
    ldap: z
      .strictObject({
        ...ldapSourceShape,
        caFile: z
          .string()
          .min(1)
          .max(4096)
          .optional()
          .describe(
            'File with certificates (PEM) that vouch for the servers; left out: those of signIn.ldap, or the system.',
          ),
        password: z.string().max(1024).optional().describe('Password of bindDn in the clear; better: passwordFile.'),
        passwordFile: z.string().min(1).max(4096).optional().describe('File with it; kept sealed, left out it stays.'),
      })
      .optional()
      .describe('Of kind ldap: what it is asked for.'),
  })
  .superRefine(({ kind, every, ldap }, context) => {
    const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    if (ldap !== undefined && kind !== 'ldap') refuse('ldap', 'is for kind: ldap')
    if (every !== undefined && ldap === undefined) refuse('every', 'needs ldap: what is fetched, and how')
    if (ldap?.servers !== undefined && ldap.bindDn === undefined)
      refuse(
        'ldap',
        'has servers of its own: they need bindDn and its password, for that of signIn.ldap is not for them',
      )
    if (ldap?.bindDn === undefined && (ldap?.password ?? ldap?.passwordFile) !== undefined)
      refuse('ldap', 'has a password: it needs the bindDn it belongs to')
  })
type DeclaredSource = z.output<typeof directorySourceSchema>

export interface SourceTools {
  clock: Clock
  organisationId: Id
  /** there is a signIn.ldap */
  hasSignIn: boolean
  secretOf: (entry: { password?: string | undefined; passwordFile?: string | undefined }) => string | null
  readFile: (key: string, path: string) => string
  /** the secret's sealed form, the one before where it is the same secret */
  seal: (secret: string, place: string, before: string | null) => string
  /** throws; the path begins behind the source */
  refuse: (index: number, key: string, text: string) => never
}

export async function planSources(
  sql: Sql,
  tools: SourceTools,
  declared: readonly DeclaredSource[] = [],
): Promise<{ items: PlanItem[]; carryOut: () => Promise<void> }> {
  const { organisationId } = tools
  // Left out is the default: the same settings, however they were written.
  const before = (await readSources(sql, organisationId)).map((row) => ({
    ...row,
    settings: sourceSettingsSchema.parse(row.settings),
  }))
  const wanted = declared.map((one, index): SourceRow => {
    // Its people are known by the ids of that kind: it is never another.
    const known = before.find(({ name }) => name === one.name)
    const id = known?.id ?? newId(tools.clock.now())
    const { name, kind = 'csv', every, ldap, ...limits } = one
    if (ldap !== undefined && known !== undefined && known.kind !== PersonSource.ldap)
      tools.refuse(index, 'kind', 'is another already; a source stays of its kind, name another one')
    const fetched = ldap === undefined ? { secret: null } : ldapOf(ldap, index, { id, known }, tools)
    const everyMinutes = every === undefined ? {} : { everyMinutes: minutesOf(every) }
    const { secret, ...more } = fetched
    const settings = sourceSettingsSchema.parse({ ...limits, ...everyMinutes, ...more })
    return { id, name, kind: known?.kind ?? PersonSource[kind], settings, secret }
  })
  const { items, write } = compare<SourceRow>('directory source', before, wanted, {
    nameOf: ({ name }) => name,
    secret: 'password of its account',
  })
  const carryOut = () => (write.length > 0 ? writeSources(sql, organisationId, write) : Promise.resolve())
  return { items, carryOut }
}

type Known = Omit<SourceRow, 'settings'> & { settings: z.output<typeof sourceSettingsSchema> }

function ldapOf(
  declared: NonNullable<DeclaredSource['ldap']>,
  index: number,
  { id, known }: { id: Id; known: Known | undefined },
  tools: SourceTools,
) {
  const { caFile, password, passwordFile, ...rest } = declared
  const ca = certificatesFrom(caFile, {
    readFile: (path) => tools.readFile('caFile', path),
    refuse: (text) => tools.refuse(index, 'ldap.caFile', text),
  })
  const ldap = ldapSourceSchema.parse({ ...rest, ...ca })
  if (ldap.bindDn === undefined) {
    if (!tools.hasSignIn) tools.refuse(index, 'ldap', 'needs servers, bindDn and its password, or a signIn.ldap')
    return { ldap, secret: null }
  }
  if (ldap.servers === undefined && !tools.hasSignIn) tools.refuse(index, 'ldap', 'needs servers, or a signIn.ldap')
  if (ldap.baseDn === undefined && !tools.hasSignIn) tools.refuse(index, 'ldap', 'needs baseDn, or a signIn.ldap')
  const given = tools.secretOf({ password, passwordFile })
  if (given === '') tools.refuse(index, 'ldap', 'has an empty password')
  // The password of one account is nothing for another, nor for other servers.
  const was = known?.settings.ldap
  const isSame =
    was?.bindDn === ldap.bindDn && JSON.stringify(was.servers ?? null) === JSON.stringify(ldap.servers ?? null)
  const old = isSame ? known!.secret : null
  if (given === null && old === null)
    tools.refuse(index, 'ldap', 'needs the password of bindDn: passwordFile or password')
  return { ldap, secret: given === null ? old : tools.seal(given, sourcePlace(id), known?.secret ?? null) }
}
