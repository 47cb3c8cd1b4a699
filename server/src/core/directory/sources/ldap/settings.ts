/**
 * What a list of an LDAP directory is asked for, as it is declared and stored. What is left out of where it comes from is that
 * of signIn.ldap; servers of its own have an account of their own, for no password is given to others than those it is for.
 */
import { z } from 'zod'
import { searchFilterProblem } from '../../../../clients/ldap/filter.ts'
import { ldapShape } from '../../sign-in-settings.ts'
import { ATTRIBUTES, type AttributeNames } from './read.ts'

const attribute = z
  .string()
  .max(100)
  .regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'is no name of an attribute')
  .transform((name) => name.toLowerCase())

const names = Object.keys(ATTRIBUTES.activeDirectory) as (keyof AttributeNames)[]
const filter = z
  .string()
  .max(4000)
  .superRefine((text, context) => {
    const problem = searchFilterProblem(text)
    if (problem !== null) context.addIssue({ code: 'custom', message: problem })
  })

export const ldapSourceShape = {
  schema: z.enum(['activeDirectory', 'openldap']).default('activeDirectory').describe('Whose attributes it has.'),
  servers: ldapShape.servers
    .optional()
    .describe('Asked in this order; left out: those of signIn.ldap. With bindDn and its password.'),
  bindDn: ldapShape.bindDn
    .optional()
    .describe('An account of its own that may read it, with its password; left out: that of signIn.ldap.'),
  baseDn: ldapShape.baseDn.optional().describe('Where people are, and below; left out: as for signIn.ldap.'),
  groupBaseDn: ldapShape.baseDn.optional().describe('Where groups are, and below; left out: where people are.'),
  filter: filter
    .optional()
    .describe('Which entries are people (RFC 4515); left out: accounts with an address, and no computers.'),
  attributes: z
    .partialRecord(z.enum(names as [keyof AttributeNames, ...(keyof AttributeNames)[]]), attribute)
    .default({})
    .describe('Other attributes than the usual ones, such as upn: sAMAccountName.'),
  photos: z
    .boolean()
    .default(false)
    .describe('Photos are in the list (thumbnailPhoto, jpegPhoto): it is much larger by them.'),
  groups: z
    .array(
      z.strictObject({
        group: z.string().min(1).max(100).describe('Name of the group here.'),
        dn: ldapShape.baseDn.describe('Of the group there: whose people, nested ones too, are in it.'),
      }),
    )
    .max(1000)
    .default([])
    .describe('The first that fits is theirs; with none nothing is said of groups.'),
}

export const ldapSourceSchema = z.strictObject({ ...ldapSourceShape, ca: z.string().optional() })
export type LdapSourceSettings = z.output<typeof ldapSourceSchema>

/** What the sealed password of its account is bound to. */
export const sourcePlace = (sourceId: string): string => `directory_source.secret_sealed:${sourceId}`
