/**
 * The disk fills up. With a reserve new mail gets 452 while there is still room for the database to go on; without one
 * the database itself runs into the end of the disk, in the middle of whatever it writes. In both cases only 250, 451 and
 * 452 are answered, and with room again everything that got its 250 comes home, once.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { greet, openLine, transact } from '../server/testkit/smtp-send.ts'
import type { LineSession } from '../server/testkit/smtp-send.ts'
import { startStandIn } from '../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../server/testkit/stand-in/stand-in.ts'
import { createInstallation } from './kit/holdfast.ts'
import type { Installation, RunningHoldfast } from './kit/holdfast.ts'
import { countKey } from './kit/messages.ts'
import { makeOperator } from './kit/operator.ts'
import { declareOrganisation } from './kit/organisation.ts'
import { addTo, countArrivals, explain, noClaims, nonceOfKey, tally } from './kit/tally.ts'
import type { Claims, Counts } from './kit/tally.ts'
import { unsureAttempts } from './kit/unsure.ts'
import type { Web } from './kit/web.ts'
import { missing } from './peers/needs.ts'
import { peerFolder, sleep, stopPid, until } from './peers/processes.ts'

const alice = 'alice@small.test'

/** Root in a container may still not mount; where CI demands that everything runs, that is a failure. */
function whyNoMount(): string {
  if (missing('root')) return 'only root may mount a small disk'
  const folder = peerFolder('mount')
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' })
    execFileSync('umount', [folder])
    return ''
  } catch (error) {
    const reason = `a small disk cannot be mounted here: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`
    if (process.env.CI === 'true') throw new Error(reason, { cause: error })
    return reason
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Stage {
  installation: Installation
  running: RunningHoldfast
  operator: Web
  sink: StandIn
  claims: Claims
  /** reply code -> how often */
  answers: Counts
}

const noMount = whyNoMount()
describe.skipIf(noMount !== '')(`a small disk${noMount && `: ${noMount}`}`, () => {
  let stage: Stage | null = null

  async function setUp(megabytes: number, reserveBytes: number): Promise<Stage> {
    // small bodies, chunk rows and blobs all meet the end of the disk
    const installation = createInstallation({
      name: 'small',
      config: { storage: { reserveBytes, blobBytes: 500_000 }, delivery: { lease: 5 } },
    })
    const { data } = installation
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', data])
    installation.configure({ storage: { reserveBytes, blobBytes: 500_000 }, delivery: { lease: 5 } })
    const sink = await startStandIn()
    const running = await installation.start()
    stage = {
      installation,
      running,
      operator: await makeOperator(running),
      sink,
      claims: noClaims(),
      answers: new Map(),
    }
    await declareOrganisation(installation, {
      domain: 'small.test',
      people: ['alice'],
      primaryPort: sink.port,
      outboundPort: sink.port,
      sensitivity: 'patient',
      probe: false,
      route: { retryFirst: 1, retryMax: 2, unsureWait: 1 },
    })
    await sink.setFault('off')
    return stage
  }
  afterEach(async () => {
    if (!stage) return
    const { installation, running, sink } = stage
    stage = null
    await running.stop()
    await sink.close()
    await stopPid(installation.postmaster(), 'SIGINT')
    execFileSync('umount', ['-l', installation.data])
    await installation.remove()
  })

  const freeBytes = ({ installation }: Stage): number => {
    const { bavail, bsize } = statfsSync(installation.data)
    return bavail * bsize
  }
  /** Somebody else's file takes all but so many bytes: the rest fills up within seconds. */
  function leaveFree(on: Stage, bytes: number): void {
    const ballast = openSync(join(on.installation.data, 'ballast'), 'w')
    const piece = Buffer.alloc(1_000_000)
    for (let left = freeBytes(on) - bytes; left > 0; left -= piece.length)
      writeSync(ballast, piece, 0, Math.min(left, piece.length))
    closeSync(ballast)
  }

  /** One try; true: it was accepted. */
  async function offer(
    { claims, answers }: Stage,
    session: LineSession,
    nonce: string,
    size: number,
  ): Promise<boolean> {
    const line = `nonce:${nonce} and words to fill the line\r\n`
    const text = `Subject: ${nonce}\r\n\r\n${line.repeat(Math.ceil(size / line.length))}`
    const { final, recipients } = await transact(session, { from: 'a@outside.test', to: [alice] }, Buffer.from(text))
    const code = final?.code ?? recipients[0]!.reply.code
    addTo(answers, String(code))
    addTo(claims.due, countKey(nonce, alice), code === 250 ? 1 : 0)
    return code === 250
  }

  /** Sends new messages until `enough` in a row were turned away. Returns those that were, with their sizes. */
  async function pourUntilFull(on: Stage, sizes: readonly number[], enough: number): Promise<Map<string, number>> {
    const refused = new Map<string, number>()
    let count = 0
    let inARow = 0
    const worker = async (): Promise<void> => {
      const session = openLine(on.running.ports.mx)
      await greet(session)
      while (inARow < enough) {
        if (count > 20_000) throw new Error('the disk does not fill up')
        const nonce = `small-${++count}`
        const size = sizes[count % sizes.length]!
        if (await offer(on, session, nonce, size)) inARow = 0
        else {
          inARow++
          refused.set(nonce, size)
          await sleep(50)
        }
      }
      session.close()
    }
    await Promise.all(Array.from({ length: 4 }, worker))
    console.log(`answers: ${JSON.stringify([...on.answers])}; ${(freeBytes(on) / 1e6).toFixed(1)} MB were left`)
    return refused
  }

  /** What was turned away is sent again, as any sender does, until it is taken. */
  async function offerAgain(on: Stage, refused: ReadonlyMap<string, number>): Promise<void> {
    const session = openLine(on.running.ports.mx)
    await greet(session)
    for (const [nonce, size] of refused)
      await until(`${nonce} to be taken`, () => offer(on, session, nonce, size), 60_000, 200)
    session.close()
  }

  async function mustComeHome({ sink, claims, operator, installation }: Stage): Promise<void> {
    await sink.setFault(null)
    const now = (): ReturnType<typeof tally> => tally(countArrivals(sink.store.mailboxes()), claims)
    await until('all accepted mail to come home', () => now().missing.length === 0, 120_000, 300)
    await sleep(1000)
    const { strangers, extra } = now()
    expect(strangers).toEqual([])
    const unsure = await unsureAttempts(operator, new Set([...extra.keys()].map(nonceOfKey)))
    expect(explain(extra, unsure, claims.unanswered).unexplained).toEqual([])
    const check = await installation.cli(['check', '--full', '--json'])
    expect(check.code, check.stdout.slice(-4000) + check.stderr.slice(-2000)).toBe(0)
  }

  // in the accept commit, chunk rows, the blob store
  const mixed = [2000, 2_000_000, 90_000, 300_000]

  test('at the reserve: 452 while the database goes on, and what got its 250 comes home', async () => {
    const reserve = 150_000_000
    const on = await setUp(400, reserve)
    leaveFree(on, reserve + 50_000_000)
    await pourUntilFull(on, mixed, 4)
    expect([...on.answers.keys()].sort()).toEqual(['250', '452'])
    expect(freeBytes(on)).toBeGreaterThan(reserve / 2)
    await mustComeHome(on)
  })

  test.each([
    // mostly into the blob store, so that it is not the log of the database that meets the end first
    ['bodies of every size find no room', '452', [2_000_000, 2_000_000, 2_000_000, ...mixed], 30_000_000],
    // less than the next segment of the write-ahead log: PostgreSQL gives up and cannot even start again
    ['the database cannot write its log', '451', [8000], 12_000_000],
  ])(
    'really full, %s: 250, 451, 452 and nothing else; with room again all is taken and comes home, once',
    async (_, answer, sizes, free) => {
      const on = await setUp(400, 0)
      leaveFree(on, free)
      const refused = await pourUntilFull(on, sizes, 8)
      expect(['250', '451', '452']).toEqual(expect.arrayContaining([...on.answers.keys()]))
      expect([...on.answers.keys()]).toEqual(expect.arrayContaining(['250', answer]))
      execFileSync('mount', ['-o', 'remount,size=1500m', on.installation.data])
      await offerAgain(on, refused)
      await mustComeHome(on)
    },
  )
})
