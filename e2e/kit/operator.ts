/** The first administrator, made through the one-time link that a first start prints, and what an administrator looks at. */
import { sleep, until } from '../peers/processes.ts'
import type { RunningHoldfast } from './holdfast.ts'
import { signIn } from './web.ts'
import type { Web } from './web.ts'

export const operator = { name: 'operator', display: 'The operator', password: 'amber-ferry-operator-42' }

export async function makeOperator(server: RunningHoldfast): Promise<Web> {
  const token = server.setupLink?.split('#')[1]
  if (!token) throw new Error('the server offered no set-up link')
  const response = await fetch(`http://127.0.0.1:${server.ports.http}/api/v1/setup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, ...operator }),
  })
  if (!response.ok) throw new Error(`set-up: ${response.status} ${await response.text()}`)
  return signInOperator(server)
}

/** Again, after a restart on another port. */
export const signInOperator = (server: RunningHoldfast): Promise<Web> =>
  signIn(server.ports.http, operator.name, operator.password)

export async function primaryRoute(web: Web): Promise<any> {
  const [organisation] = await web.get('/organisations')
  const routes: any[] = await web.get(`/organisations/${organisation.id}/routes`)
  return { organisation, ...routes.find((one) => one.kind === 'primary') }
}

export const modeIs = (web: Web, mode: string, seconds: number): Promise<any> =>
  until(`mode ${mode}`, async () => ((await primaryRoute(web)).mode === mode ? true : null), seconds * 1000, 200)

/** Pages through a list of the API. */
export async function listAll(web: Web, path: string): Promise<any[]> {
  const items: any[] = []
  for (let after = ''; ;) {
    const page = await web.get(`${path}${path.includes('?') ? '&' : '?'}limit=200${after}`)
    items.push(...page.items)
    if (!page.next) return items
    after = `&after=${encodeURIComponent(page.next)}`
  }
}

/** Every return of the organisation is over, and its ledger has a row with proof for all that went home. */
export async function ledgerProblems(web: Web): Promise<string[]> {
  for (let looks = 1; ; looks++) {
    const problems = await lookAtLedger(web)
    // what pages ask all the time is counted once a second for all who look
    if (problems.length === 0 || looks === 10) return problems
    await sleep(300)
  }
}

async function lookAtLedger(web: Web): Promise<string[]> {
  const { organisation } = await primaryRoute(web)
  const events = await listAll(web, `/organisations/${organisation.id}/returns`)
  const problems = events.length === 0 ? ['there was no return'] : []
  for (const event of events) {
    const ledger = await listAll(web, `/organisations/${organisation.id}/returns/${event.id}/ledger`)
    const home = ledger.filter((row) => row.outcome === 'delivered')
    if (event.pending !== 0) problems.push(`still pending: ${JSON.stringify(event)}`)
    if (home.length !== event.home) problems.push(`${home.length} rows for ${event.home} at home`)
    if (!home.every((row) => row.proof.length > 0)) problems.push('a row without proof')
  }
  return problems
}
