/**
 * What `serve` looks at before it makes anything: the ports it is to listen on and the files it is to read. All that is
 * wrong is named at once, each with its setting and what to do; nothing was made then. A port that is lost between this
 * look and the listening is still refused there.
 */
import { needsCertificates } from '../platform/certificate-watch.ts'
import { certificateProblems } from '../platform/certificate.ts'
import type { Config } from '../platform/config/config.ts'
import { lockHolder } from '../platform/data-folder.ts'
import { loadKeys } from '../platform/keys.ts'
import { portProblem, portRemedy } from '../platform/net/free-port.ts'
import { CommandError, exitCodes } from './command.ts'

const WORDS: Record<string, string> = {
  EADDRINUSE: 'is taken by another program',
  EACCES: 'may not be listened on by this account',
  EADDRNOTAVAIL: 'is not an address of this machine',
  ENOTFOUND: 'is not an address of this machine',
}

/** The listeners that these roles open. */
function listeners({ roles, listen }: Config): { setting: string; host: string; port: number }[] {
  const sends = roles.includes('submission')
  const open = {
    mx: roles.includes('mx'),
    submission: sends && listen.submission.enabled,
    submissions: sends && listen.submissions.enabled,
    http: roles.includes('web'),
    https: roles.includes('web') && listen.https.enabled,
  }
  return Object.entries(listen)
    .filter(([name]) => open[name as keyof typeof open])
    .map(([name, { host, port }]) => ({ setting: `listen.${name}`, host, port }))
}

async function portProblems(config: Config): Promise<string[]> {
  const problems: string[] = []
  const seen: { setting: string; host: string; port: number }[] = []
  for (const each of listeners(config)) {
    const { setting, host, port } = each
    const twin = port === 0 ? undefined : seen.find((other) => other.host === host && other.port === port)
    seen.push(each)
    const place = `${setting}.port: ${host} port ${port}`
    if (twin) problems.push(`${place} is that of ${twin.setting} too. Set one of them to another port.`)
    const problem = twin ? null : await portProblem(host, port)
    if (problem !== null)
      problems.push(`${place} ${WORDS[problem] ?? `cannot be had (${problem})`}. ${portRemedy(problem, setting, port)}`)
  }
  return problems
}

/** A configured master key file is never made by us, so it must be there and good. */
function masterKeyProblems(dataFolder: string, masterKeyFile: string): string[] {
  if (masterKeyFile === '') return []
  try {
    loadKeys({ dataFolder, masterKeyFile, mayMake: false })
    return []
  } catch (error) {
    const { message } = error as Error
    return [message.startsWith('masterKeyFile') ? message : `masterKeyFile: ${message}`]
  }
}

export async function startProblems(dataFolder: string, config: Config): Promise<string[]> {
  // Another Holdfast on this folder has the ports, or is just giving them back: who holds the folder is told or waited
  // for where the database is opened.
  const isHeld = config.roles.includes('work') && lockHolder(dataFolder) !== null
  return [
    ...(isHeld ? [] : await portProblems(config)),
    ...(needsCertificates(config) ? certificateProblems({ dataFolder, ...config.tls }) : []),
    ...masterKeyProblems(dataFolder, config.masterKeyFile),
  ]
}

export async function refuseBadStart({ dataFolder, config }: { dataFolder: string; config: Config }): Promise<void> {
  const problems = await startProblems(dataFolder, config)
  if (problems.length === 0) return
  throw new CommandError(
    `Holdfast cannot start like this; nothing was made:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    exitCodes.usage,
  )
}
