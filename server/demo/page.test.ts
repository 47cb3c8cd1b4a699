/** The stand-in's switch says the truth also when it cannot be made. */
import { createServer } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startStandIn, type StandIn } from '../testkit/stand-in/stand-in.ts'
import { startPage } from './page.ts'

let primary: StandIn
let sink: StandIn
let page: Awaited<ReturnType<typeof startPage>>
beforeAll(async () => {
  primary = await startStandIn()
  sink = await startStandIn()
  page = await startPage({ port: 0, primary, sink, mailboxes: [], numbers: [], holdfastUrl: 'http://127.0.0.1/' })
})
afterAll(() => Promise.all([page.close(), primary.close(), sink.close()]))

interface State {
  primary: { fault: string | null; trouble: string }
}
const read = async (response: Response): Promise<{ status: number; primary: State['primary'] }> => ({
  status: response.status,
  primary: ((await response.json()) as State).primary,
})
const press = async (name: string) =>
  read(await fetch(`http://127.0.0.1:${page.port}/fault?set=${name}`, { method: 'POST', headers: { 'x-demo': '1' } }))
const look = async () => read(await fetch(`http://127.0.0.1:${page.port}/state.json`))

test('On stays off and says why when the port was taken meanwhile; it works again once the port is free', async () => {
  const { port } = primary
  expect(await press('off')).toMatchObject({ status: 200, primary: { fault: 'off', trouble: '' } })
  const thief = createServer()
  await new Promise<void>((done) => thief.listen(port, '127.0.0.1', done))
  const trouble = expect.stringMatching(`^It stays off: port ${port} was taken by another program`) as string
  expect(await press('on')).toMatchObject({ status: 409, primary: { fault: 'off', trouble } })
  expect(await look()).toMatchObject({ primary: { fault: 'off', trouble } })
  await new Promise((done) => thief.close(done))
  expect(await press('on')).toMatchObject({ status: 200, primary: { fault: null, trouble: '' } })
  expect(await look()).toMatchObject({ primary: { fault: null, trouble: '' } })
})
