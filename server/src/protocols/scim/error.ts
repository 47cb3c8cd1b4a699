/** What a client is told (RFC 7644 section 3.12). The detail is for whoever sets up the client: it names what was wrong, never data of others. */

/** RFC 7644 table 9. */
export type ScimType =
  | 'invalidFilter'
  | 'tooMany'
  | 'uniqueness'
  | 'mutability'
  | 'invalidSyntax'
  | 'invalidPath'
  | 'noTarget'
  | 'invalidValue'

export class ScimError extends Error {
  readonly status: number
  readonly scimType: ScimType | null

  constructor(status: number, scimType: ScimType | null, detail: string) {
    super(detail)
    this.name = 'ScimError'
    this.status = status
    this.scimType = scimType
  }
}

export const ERROR_URN = 'urn:ietf:params:scim:api:messages:2.0:Error'

export const errorBody = ({ status, scimType, message }: ScimError) => ({
  schemas: [ERROR_URN],
  ...(scimType === null ? {} : { scimType }),
  detail: message,
  status: String(status),
})

/** Words of the client in a sentence: short. */
export const said = (text: string): string => JSON.stringify(text.slice(0, 100).toWellFormed())
