/** The control panel's scenes, one chunk. */
import './admin.css'

export { AlarmsScene } from './alarms.tsx'
export { AuditScene, PeopleScene } from './people-audit.tsx'
export { BoardScene } from './board.tsx'
export { AdminFrame, AdminHome } from './frame.tsx'
export { LearnedScene } from './learned.tsx'
export { ParkingScene } from './parking.tsx'
export { QueueScene } from './queue.tsx'
export { QuietScene } from './quiet.tsx'
export { LedgerScene, ReturnsScene } from './returns.tsx'
export { TraceScene } from './trace.tsx'
export { TraceSearchScene } from './trace-search.tsx'
