/** Callouts: a domain's mail system is asked about strangers where its list is not complete. */
export { createCallouts, type CalloutDeps, type Callouts, type Verdict } from './callouts.ts'
export { forgetKnown, knownAddresses, knownDomains, type KnownAddress } from './known.ts'
