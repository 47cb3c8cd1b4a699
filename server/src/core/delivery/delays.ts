/**
 * Notices of delay (promise 8): a sender who asked for them (NOTIFY=DELAY, RFC 3461 section 4.1) hears once that a
 * delivery is still open after a while (delivery.delayNotice). Of our own accord we write only about recipients without
 * an emergency mailbox, and only where their domain's policy says after how many hours; protected people have their mail
 * here, so nobody is worried about it. Aligned senders only, never the null sender; nothing about the delivery changes
 * but the note that its sender was dealt with.
 */
import { listDelayed, noteDelayed, type DelayedDelivery } from '../../store/delays.ts'
import { createPatience, type NoticeDeps, type Notices } from './notices.ts'

const BATCH = 50

export function createDelays(deps: NoticeDeps, notices: Notices): { run: () => Promise<number> } {
  const patience = createPatience<DelayedDelivery>(deps.log)
  const settings = deps.config.delivery
  const note = (one: DelayedDelivery): Promise<void> => noteDelayed(deps.db, one.organisationId, one.deliveryId)

  async function tell(one: DelayedDelivery): Promise<boolean> {
    if (!(await notices.isAligned(one))) return false
    // Protected people's mail never runs out.
    const until = one.isProtected ? null : new Date(one.acceptedAt.getTime() + settings.maxAge * 1000)
    return notices.send(one, {
      action: 'delayed',
      at: one.dueAt,
      // RFC 3464 section 2.3.4: delayed goes with a 4.x.x status.
      status: one.enhanced?.startsWith('4') ? one.enhanced : '4.0.0',
      diagnostic: one.smtpCode === null ? null : one.reply,
      willRetryUntil: until,
      subject: 'Your message is delayed',
      text: ({ recipient, subject }) => [
        'Your message',
        `  "${subject}"`,
        `has not been delivered to ${recipient} yet.`,
        '',
        'Nothing is lost, and you need not send it again: it is tried on until it is delivered' +
          (until ? ', and you hear from us if that does not succeed.' : '.'),
      ],
    })
  }

  return {
    async run() {
      const due = await listDelayed(deps.db, { afterSeconds: settings.delayNotice, limit: BATCH })
      let told = 0
      const deal = async (one: DelayedDelivery): Promise<void> => {
        if (await tell(one)) told++
        await note(one)
      }
      await patience.each(due, deal, note)
      return told
    },
  }
}
