/**
 * What tests in a browser have around them: a Holdfast of their own with an organisation, a stand-in primary, a sink for
 * what leaves, and Chromium.
 */
import type { Browser } from 'playwright-core'
import { startStandIn } from '../../server/testkit/stand-in/stand-in.ts'
import type { StandIn } from '../../server/testkit/stand-in/stand-in.ts'
import { startBrowser } from '../peers/chromium.ts'
import { createInstallation } from './holdfast.ts'
import type { RunningHoldfast } from './holdfast.ts'
import { makeOperator } from './operator.ts'
import { declareOrganisation } from './organisation.ts'
import type { OrganisationWish } from './organisation.ts'

export interface BrowserStage {
  server: RunningHoldfast
  primary: StandIn
  sink: StandIn
  browser: Browser
  close(): Promise<void>
}

export type StageWish = Pick<OrganisationWish, 'domain' | 'people' | 'route'> & {
  /** false: the set-up link is still to be used */
  operator: boolean
}

export async function startBrowserStage({ operator, ...wish }: StageWish): Promise<BrowserStage> {
  const [primary, sink] = await Promise.all([startStandIn(), startStandIn()])
  const installation = createInstallation({ name: 'browser' })
  const server = await installation.start()
  if (operator) await makeOperator(server)
  await declareOrganisation(installation, { ...wish, primaryPort: primary.port, outboundPort: sink.port })
  const browser = await startBrowser()
  return {
    server,
    primary,
    sink,
    browser,
    async close() {
      await browser.close()
      await server.stop()
      await installation.remove()
      await Promise.all([primary.close(), sink.close()])
    },
  }
}
