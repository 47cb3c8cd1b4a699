/** The HTTP server and what routes of other rooms need of it. */
export type { ConnectionLimits } from './connections.ts'
export { createHttp } from './http.ts'
export type { HttpDeps, HttpServer } from './http.ts'
export { COOKIE, HALF_COOKIE, sessionOf, setHalfCookie, setSessionCookie, visitorOf } from './gate.ts'
export { sendError, wireErrorOf } from './answers.ts'
export type { Readiness } from './vitals.ts'
