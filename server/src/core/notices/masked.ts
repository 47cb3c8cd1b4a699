/** An address so that its owner knows it again and nobody else learns it: `j…@h….example`. */
export function maskedAddress(address: string): string {
  const at = address.lastIndexOf('@')
  const labels = address.slice(at + 1).split('.')
  const first = (text: string): string => String.fromCodePoint(...(text === '' ? [] : [text.codePointAt(0)!]))
  const end = labels.length > 1 ? `.${labels[labels.length - 1]!}` : ''
  return `${first(address.slice(0, Math.max(at, 0)))}…@${first(labels[0]!)}…${end}`
}

/** A number in the form of E.164: `+4…67`. */
export const maskedPhone = (phone: string): string => `${phone.slice(0, 2)}…${phone.slice(-2)}`
