/** Proving that an installation is what it says it is. */
export { checkDatabase } from './check.ts'
export type { CheckReport } from './check.ts'
export { invariants } from './invariants.ts'
export { selfTest } from './self-test.ts'
export type { SelfTestResult } from './self-test.ts'
