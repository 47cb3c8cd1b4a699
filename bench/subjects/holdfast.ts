/** Holdfast as its operator has it, every recipient protected, durability on (it does not start without). */
import { createInstallation, type Installation, type RunningHoldfast } from '../../e2e/kit/holdfast.ts'
import { until } from '../../e2e/peers/processes.ts'
import { declareOrganisation } from '../../e2e/kit/organisation.ts'
import { domains, MOST_RECIPIENTS, PEOPLE, personOf, type Subject, type Ways } from './subject.ts'

export interface HoldfastSubject extends Subject {
  installation: Installation
  running(): RunningHoldfast
  /** the mode of an organisation's primary */
  modeOf(organisation: string): Promise<string>
  restart(): Promise<number>
}

const people = Array.from({ length: PEOPLE }, (_, n) => personOf(n))

export async function startHoldfast(
  ways: Ways,
  options: {
    name?: string
    config?: object
    route?: object
    nodeArgs?: string[]
    program?: string
    env?: NodeJS.ProcessEnv
    /** with an organisation whose primary is down for good, and known to be */
    gone?: boolean
    /** nobody but Alice in each organisation: made in a moment */
    alone?: boolean
  } = {},
): Promise<HoldfastSubject> {
  const installation = createInstallation({
    name: 'bench',
    ...(options.program === undefined ? {} : { program: options.program }),
    ...(options.env === undefined ? {} : { env: options.env }),
    config: {
      log: { level: 'warn' },
      database: { preparedWalBytes: 2 ** 30 },
      smtp: { connections: 2000, connectionsPerAddress: 2000 },
      ...options.config,
    },
  })
  let server = await installation.start({ nodeArgs: options.nodeArgs ?? [] })
  const others = options.alone ? [] : people
  const numbered = options.alone ? [] : Array.from({ length: MOST_RECIPIENTS }, (_, n) => `${n + 1}alice`)
  const plain = { primaryPort: ways.up, outboundPort: ways.up, sensitivity: 'patient', probe: false } as const
  await declareOrganisation(installation, {
    ...plain,
    domain: domains.up,
    people: ['alice', ...numbered, ...others],
    ...(options.route ? { route: options.route } : {}),
  })
  await declareOrganisation(installation, { ...plain, domain: domains.kept, people: ['alice', ...others] })
  await declareOrganisation(installation, {
    domain: domains.down,
    people: ['alice', ...others],
    primaryPort: ways.down,
    outboundPort: ways.down,
    sensitivity: 'balanced',
  })
  if (options.gone)
    await declareOrganisation(installation, {
      domain: domains.gone,
      people: ['alice'],
      primaryPort: 1,
      outboundPort: ways.up,
      sensitivity: 'quick',
    })
  await installation.must(['mode', 'pin', 'primary', 'emergency', '-o', 'kept', '--reason', 'the bench'])
  const subject: HoldfastSubject = {
    name: options.name ?? 'holdfast',
    get port() {
      return server.ports.mx
    },
    installation,
    running: () => server,
    roots: () => [server.pid, installation.postmaster()].filter((pid) => pid !== null),
    // nobody has to do anything
    flush: () => Promise.resolve(),
    async modeOf(organisation) {
      const { json } = await installation.must(['mode', '-o', organisation, '--json'])
      const { organisations } = json as { organisations: { routes: { name: string; mode: string }[] }[] }
      return organisations[0]!.routes.find(({ name }) => name === 'primary')!.mode
    },
    async restart() {
      await server.stop()
      const from = performance.now()
      server = await installation.start({ patience: 300_000 })
      return performance.now() - from
    },
    stop: () => installation.remove(),
  }
  if (options.gone)
    await until(
      'it knows that a primary is gone',
      async () => (await subject.modeOf('gone')) === 'emergency',
      60_000,
      500,
    )
  return subject
}
