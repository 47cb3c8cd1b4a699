/**
 * Notices of success (RFC 3461 section 5.2.2): a sender who asked for one (NOTIFY=SUCCESS) and whose mail went on to a server
 * that sends none hears from us: that it lies in the mailbox, where the next server is the one that keeps it (LMTP, which has
 * no DSN: RFC 2033), else that it was handed over, and that nobody will say more. Where the next server speaks DSN, it is
 * asked to, and we keep quiet (section 5.2.1). What is written to a list has arrived with the list (section 5.2.7.3). Aligned
 * senders only (promise 9); once, whatever happens.
 */
import { listPosted, listRelayed, notePosted, noteRelayed, type RelayedDelivery } from '../../store/relayed.ts'
import { createPatience, type Notice, type NoticeDeps, type Notices } from './notices.ts'

const BATCH = 50

type Words = Pick<Notice, 'action' | 'subject' | 'text'>

const WORDS: { [By in RelayedDelivery['by']]: (host: string) => Words } = {
  mailbox: (host) => ({
    action: 'delivered',
    subject: 'Your message was delivered',
    text: ({ recipient, subject }) => [
      'Your message',
      `  "${subject}"`,
      `was delivered to the mailbox of ${recipient}${host}.`,
      '',
      'Whether anybody has read it is not known.',
    ],
  }),
  hop: (host) => ({
    action: 'relayed',
    subject: 'Your message was handed over',
    text: ({ recipient, subject }) => [
      'Your message',
      `  "${subject}"`,
      `for ${recipient} was handed over to the recipient's mail system${host}, which took it.`,
      '',
      'That system sends no confirmations, so you will not hear whether it reached the mailbox.',
    ],
  }),
  list: () => ({
    action: 'delivered',
    subject: 'Your message was delivered to the list',
    text: ({ recipient, subject }) => [
      'Your message',
      `  "${subject}"`,
      `was taken by the list ${recipient}, which sends it on to its members.`,
      '',
      'You will not hear whether it reached each of them.',
    ],
  }),
}

export function createRelayed(deps: NoticeDeps, notices: Notices): { run: () => Promise<number> } {
  const patience = createPatience<RelayedDelivery>(deps.log)
  const note = ({ by, organisationId, deliveryId }: RelayedDelivery): Promise<void> =>
    by === 'list' ? notePosted(deps.db, organisationId, deliveryId) : noteRelayed(deps.db, organisationId, deliveryId)

  async function tell(one: RelayedDelivery): Promise<boolean> {
    if (one.envelopeFrom === '' || !(await notices.isAligned(one))) return false
    return notices.send(one, {
      at: one.finishedAt,
      status: one.enhanced?.startsWith('2') ? one.enhanced : '2.0.0',
      diagnostic: null,
      willRetryUntil: null,
      ...WORDS[one.by](one.host ? ` (${one.host})` : ''),
    })
  }

  return {
    async run() {
      const due = [...(await listRelayed(deps.db, BATCH)), ...(await listPosted(deps.db, BATCH))]
      let told = 0
      await patience.each(
        due,
        async (one) => {
          if (await tell(one)) told++
          await note(one)
        },
        note,
      )
      return told
    },
  }
}
