/** `holdfast doctor`: how much disk is free, and where a server runs with web pages, how soon it says the disk is full. */
import { statfsSync } from 'node:fs'
import type { Config } from '../platform/config/config.ts'
import { readRunning } from '../platform/data-folder.ts'
import { forecastWords, WARNING_HOURS } from '../platform/disk-forecast.ts'
import type { Finding } from './doctor.ts'

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
const HOUR_MS = 3_600_000

/** Seconds until the disk is at its reserve, out of what /metrics says; null: not in sight. */
export function fullInSeconds(metrics: string): number | null {
  const value = Number(/^holdfast_disk_full_in_seconds (\d+(?:\.\d+)?(?:e\+?\d+)?)$/m.exec(metrics)?.[1] ?? NaN)
  return Number.isFinite(value) ? value : null
}

/** The server's own forecast: a command has seen only one moment. null as well where no server tells. */
async function foreseen(dataFolder: string, config: Config): Promise<number | null> {
  const port = readRunning(dataFolder)?.ports['http']
  if (port === undefined) return null
  const { host } = config.listen.http
  const at = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  try {
    const answer = await fetch(`http://${at}:${port}/metrics`, { signal: AbortSignal.timeout(2_000) })
    return fullInSeconds(await answer.text())
  } catch {
    return null
  }
}

export async function diskFinding(dataFolder: string, config: Config): Promise<Finding> {
  const info = statfsSync(dataFolder)
  const free = info.bavail * info.bsize
  const { reserveBytes } = config.storage
  const text = `${gigabytes(free)} free at ${dataFolder}`
  const finding = (standing: Finding['standing'], more: string, remedy: string): Finding => ({
    name: 'disk',
    standing,
    text: text + more,
    remedy,
  })
  if (free < reserveBytes)
    return finding(
      'wrong',
      '',
      `Below storage.reserveBytes (${gigabytes(reserveBytes)}): mail is answered 452. Free some space.`,
    )
  const seconds = await foreseen(dataFolder, config)
  const more = seconds === null ? '' : `, at its reserve in ${forecastWords(seconds * 1000)} at this rate`
  if (seconds !== null && seconds * 1000 <= WARNING_HOURS[0] * HOUR_MS)
    return finding('warning', more, 'Make room: at its reserve new mail is answered 452.')
  if (free < reserveBytes * 10)
    return finding('warning', more, 'Plan for the mail of some days of outage: tens of gigabytes.')
  return finding('ok', more, '')
}
