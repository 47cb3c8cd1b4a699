/** Sign-in names: trimmed, compared without case, domain in either form. One text may be an address, a UPN or an operator. */
import { foldAddress } from '../directory/index.ts'

export interface SignInNames {
  address: string
  upn: string
  operator: string
}

const LONGEST = 320

/** Null where the text cannot be anybody's name. */
export function foldSignInName(written: string): SignInNames | null {
  const text = written.trim().normalize('NFC').toLowerCase()
  if (text === '' || text.length > LONGEST || /[\u0000-\u001f\u007f]/.test(text)) return null
  const address = foldAddress(text) ?? text
  return { address, upn: address, operator: address }
}
