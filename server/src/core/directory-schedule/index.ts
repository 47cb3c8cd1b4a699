/** Lists of directory sources that are fetched by the clock, and the alarms about them. */
export { createDirectorySchedule, type DirectorySchedule } from './schedule.ts'
export { sourcesOf, type SourceStands } from './standing.ts'
export { lookAfterSources } from './source-alarms.ts'
