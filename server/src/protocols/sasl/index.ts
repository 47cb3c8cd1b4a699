/** SASL: how clients say who they are (RFC 4422), the same for every protocol that people sign in by. */
export { readAnswer, readInitialResponse, SASL_LINE_OCTETS } from './base64.ts'
export { mechanisms, parsePlain, type Credentials, type Exchange, type Step } from './mechanisms.ts'
