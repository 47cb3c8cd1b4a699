/**
 * Moves the wall clock of the program that is started with `--import` of this file by as many milliseconds as the file
 * MOVED_CLOCK says, whenever it says so. Timers and `performance.now` go on as they are, as when a machine's clock is set.
 */
import { readFileSync } from 'node:fs'

const file = process.env['MOVED_CLOCK']
const RealDate = Date
const realNow = Date.now
let by = 0

function look() {
  try {
    by = Number(readFileSync(file, 'utf8')) || 0
  } catch {
    // nothing is said yet
  }
}
look()
setInterval(look, 100).unref()

globalThis.Date = new Proxy(RealDate, {
  construct: (target, given, newTarget) =>
    Reflect.construct(
      target,
      given.length === 0 ? [realNow() + by] : given,
      newTarget === globalThis.Date ? target : newTarget,
    ),
  apply: () => new RealDate(realNow() + by).toString(),
})
RealDate.now = () => realNow() + by
