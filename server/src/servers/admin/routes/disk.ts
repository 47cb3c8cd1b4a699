/** /disk: the forecast of this process; all of them look at the same disk. */
import type { Handlers } from '../handler.ts'

export const diskHandlers: Handlers<'readDisk'> = {
  readDisk({ deps: { disk } }) {
    const ms = disk.fullInMs()
    return Promise.resolve({ full: disk.isFull(), fullInSeconds: ms === null ? null : Math.round(ms / 1000) })
  },
}
