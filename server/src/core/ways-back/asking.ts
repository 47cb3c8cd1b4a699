/**
 * Asks people for a private address, by mail to their mailbox while it works: some at a time, one process at a time (a claim that runs
 * out), so that five thousand people are a quiet hour and no burst. An ask is noted before its mail is made, whose id is derived from
 * campaign, person, number and time, so that after a crash the same one is made again, which is there once.
 *
 * Failure: what is our own passing trouble is tried again in the next round; whoever has no way to their address is noted as asked, and
 * counted in the standing.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { Direction } from '../../platform/codes.ts'
import type { Log } from '../../platform/log.ts'
import {
  beginAsk,
  claimCampaigns,
  endAsk,
  nextAsked,
  releaseCampaign,
  type AskedPerson,
  type AskingCampaign,
} from '../../store/contact-campaign.ts'
import { noticeSettingsSchema } from '../directory/index.ts'
import { createOwnMail, derivedId, type OwnMailDeps } from '../own-mail/index.ts'
import { askText } from './words.ts'

const AT_ONCE = 25
const EVERY_MS = 10_000
const CLAIM_SECONDS = 120

export interface Asking {
  /** One page of every campaign; how many were asked. start() does so every ten seconds. */
  run(): Promise<number>
  start(): void
  stop(): Promise<void>
}

export interface AskingDeps extends OwnMailDeps {
  clock: Clock
  log: Log
  /** where people sign in */
  publicUrl: string
}

const noNotices = noticeSettingsSchema.parse({})

export function createAsking(deps: AskingDeps): Asking {
  const { db, clock, log } = deps
  const send = createOwnMail(deps)
  let timer: Timer | null = null
  let running: Promise<number> | null = null

  async function ask(campaign: AskingCampaign, person: AskedPerson): Promise<void> {
    const { organisationId, campaignId, organisation, outboundRouteId } = campaign
    const { personId, address, domain } = person
    const begun = await beginAsk(db, campaign, person)
    if (!begun) return
    const { contact = null } = noticeSettingsSchema.catch(noNotices).parse(campaign.notices)
    const { locale, subject, lines } = askText(person.locale, {
      ...{ person: person.name, organisation, address, contact, url: deps.publicUrl },
      ...{ everyDays: campaign.everyDays, left: Math.max(campaign.times - begun.number, 0) },
    })
    const refused = await send({
      ...{ organisationId, outboundRouteId, direction: Direction.dsn, from: organisation, domain },
      messageId: derivedId(`contact ${campaignId} ${personId} ${begun.number}`, begun.at),
      ...{ to: { name: person.name, address }, locale, subject, lines },
    })
    if (refused !== null) log.warn({ personId, err: String(refused) }, 'a person cannot be asked for a private address')
    await endAsk(db, organisationId, personId, refused === null ? null : 'no-way')
  }

  async function page(campaign: AskingCampaign): Promise<number> {
    let asked = 0
    for (const person of await nextAsked(db, campaign, AT_ONCE))
      try {
        await ask(campaign, person)
        asked++
      } catch (error) {
        log.warn({ personId: person.personId, err: String(error) }, 'a person was not asked; it is tried again')
      }
    await releaseCampaign(db, campaign)
    return asked
  }

  async function round(): Promise<number> {
    if (deps.publicUrl === '') return 0
    let asked = 0
    for (const campaign of await claimCampaigns(db, CLAIM_SECONDS)) asked += await page(campaign)
    return asked
  }

  const run = (): Promise<number> =>
    (running ??= round().finally(() => {
      running = null
    }))

  return {
    run,
    start() {
      timer = clock.every(EVERY_MS, () => {
        if (running) return
        run().catch((error: unknown) => log.warn({ err: String(error) }, 'people were not asked; it is tried again'))
      })
    },
    async stop() {
      timer?.cancel()
      await running?.catch(() => undefined)
    },
  }
}
