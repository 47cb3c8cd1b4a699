/**
 * What the submission listeners offer beside the rest: AUTH, under TLS alone (RFC 4954 section 4, RFC 8314 section 3.3: no
 * password in clear).
 */
import { mechanisms } from '../../../protocols/sasl/index.ts'
import { ehloWith } from '../commands/ehlo.ts'

export const ehlo = ehloWith(({ context, tls }) => ({
  recipients: context.sending!.recipients,
  auth: tls === null ? [] : [...mechanisms.keys()],
}))
