/** Reports about TLS towards the world, to the domains that want them (RFC 8460). */
export { createTlsTally, type TlsAbout, type TlsTally } from './tally.ts'
export { createTlsReporter, type TlsReporter } from './reporter.ts'
