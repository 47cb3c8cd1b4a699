/** A run of a directory list, as `holdfast directory … --json` prints it. */
import type { CliResult } from './holdfast.ts'

export interface DirectoryRun {
  id: string
  state: string
  why: string
  counts: Record<string, number>
  items: { act: string; name: string; words: string[] }[]
}

export const runOf = ({ json }: CliResult): DirectoryRun => (json as { run: DirectoryRun }).run
