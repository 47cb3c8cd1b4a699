/**
 * Mail that somebody waits for at this very moment: sign-in codes, confirmations, links to a new password. It is never held,
 * and for want of a header that says so it is told by its subject. The rule errs on the side of handing over: a newsletter
 * that calls itself a verification code comes at night, and nobody is locked out. What says nothing in its subject ("Your
 * login") is not known: for such senders the window has `exempt.senders`. Pure, linear, bounded.
 *
 * It is one where the subject
 * - holds one of the phrases (below, or the window's own `codeWords` in their place), or
 * - holds a code (4 to 8 digits, `123-456`, `G-123456`) beside a word for one (code, pin, otp, tan, token, …).
 */
const LONGEST = 300

/** English, French, German, Spanish, Italian, Dutch; without accents, as subjects are compared. */
const PHRASES = [
  'verification code',
  'security code',
  'confirmation code',
  'authentication code',
  'access code',
  'sign-in code',
  'signin code',
  'login code',
  'log-in code',
  'one-time code',
  'one-time pin',
  'one-time pass',
  'one time pass',
  'single-use code',
  'temporary password',
  'passcode',
  'two-factor',
  'two-step verification',
  'magic link',
  'sign-in link',
  'login link',
  'sign in to ',
  'reset your password',
  'password reset',
  'confirm your email',
  'confirm your e-mail',
  'verify your email',
  'verify your e-mail',
  'code de verification',
  'code de securite',
  'code de confirmation',
  "code d'acces",
  'code a usage unique',
  'mot de passe a usage unique',
  'reinitialisation de votre mot de passe',
  'reinitialiser votre mot de passe',
  'bestatigungscode',
  'sicherheitscode',
  'anmeldecode',
  'zugangscode',
  'verifizierungscode',
  'einmalpasswort',
  'einmalcode',
  'einmalkennwort',
  'passwort zurucksetzen',
  'kennwort zurucksetzen',
  'codigo de verificacion',
  'codigo de seguridad',
  'codice di verifica',
  'codice di sicurezza',
  'verificatiecode',
  'beveiligingscode',
] as const

const WORDS =
  /(?:^|[^\p{L}\p{N}])(?:code|codes|pin|otp|tan|mtan|token|2fa|mfa|codigo|codice|kode|koodi)(?:$|[^\p{L}\p{N}])/u
const CODE = /(?:^|[^\p{L}\p{N}-])(?:[a-z]{1,2}-)?(?:\d{4,8}|\d{3}[ -]\d{3})(?:$|[^\p{L}\p{N}-])/u

/** As subjects and phrases are compared: without case, accents and doubled spaces. */
export const compared = (text: string): string =>
  text
    .slice(0, LONGEST)
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[\u2010-\u2015]/g, '-')
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/\s+/gu, ' ')
    .toLowerCase()

/** `phrases`: the window's own, as `compared` gives them; left out: those above. */
export function isSignInCode(subject: string | null, phrases: readonly string[] = PHRASES): boolean {
  if (subject === null) return false
  const text = compared(subject)
  return phrases.some((phrase) => text.includes(phrase)) || (WORDS.test(text) && CODE.test(text))
}
