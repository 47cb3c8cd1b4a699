/** The two ways to write a local part (RFC 5321 section 4.1.2): bare where it is a Dot-string, else between quotes. */
const ATEXT = '[^\\s"(),:;<>@[\\]\\\\.\\u0000-\\u001f\\u007f]+'
const DOT_STRING = new RegExp(`^${ATEXT}(?:\\.${ATEXT})*$`)

/** What the quotes hold. */
export function bareLocal(local: string): string {
  if (local.length < 2 || !local.startsWith('"') || !local.endsWith('"')) return local
  return local.slice(1, -1).replace(/\\(.)/gs, '$1')
}

export const writtenLocal = (bare: string): string =>
  DOT_STRING.test(bare) ? bare : `"${bare.replace(/["\\]/g, '\\$&')}"`
