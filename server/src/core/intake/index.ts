/** The way in from outside: the door servers/smtp knocks at (door.ts) and what is behind it (intake.ts). */
export type * from './door.ts'
export { createOutbound, type Outbound } from './outbound.ts'
export { createMxDoor, type IntakeDeps } from './intake.ts'
export { createSystems, type Systems } from './systems.ts'
export { createRates, type Rates } from './rates.ts'
export { refuseFlood } from './onward.ts'
