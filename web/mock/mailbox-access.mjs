/** Made-up requests for mailboxes; who approves p-young is not independent. */
const at = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString()
const row = (id, more) => ({
  ...{
    id,
    mailboxId: 'p4',
    mailboxName: 'Bernadette von Lichtenstein-Hohenfels',
    askerId: 'p9',
    askerName: 'Bob Müller',
  },
  ...{
    purpose: 'read',
    reason: 'She is on sick leave, and Harbour Authorities wait for the signed offer she sent.',
    minutes: 480,
  },
  ...{ state: 'asked', askedAt: at(30), answerBy: at(-10_000), decidedAt: null, decidedBy: null, note: '' },
  ...{ expiresAt: null, tellAt: null, delayBasis: null, openedAt: null, overAt: null, overBy: null },
  ...{ mayDecide: false, mayEnd: false },
  ...more,
})
const decided = { decidedAt: at(20), decidedBy: 'The Boss', expiresAt: at(-440), tellAt: at(20) }
const rows = [
  row('a1', { mayDecide: true }),
  row('a2', {
    ...decided,
    state: 'open',
    openedAt: at(5),
    mayEnd: true,
    note: 'spoke with the works council',
    mailboxName: 'Claire',
  }),
  row('a3', {
    ...decided,
    state: 'expired',
    purpose: 'handOver',
    mailboxName: 'Dora',
    overAt: at(1),
    delayBasis: 'court order 12 Gs 1/26',
  }),
  row('a4', { state: 'declined', decidedAt: at(9), decidedBy: 'The Boss', overAt: at(9), overBy: 'The Boss' }),
]
export const mailboxAccessApi = {
  'GET /organisations/o1/mailbox-access': () => ({ items: rows, next: null }),
  'POST /organisations/o1/mailbox-access': () => rows[0],
  'POST /organisations/o1/mailbox-access/a1/approve': () => [403, { error: { code: 'not-independent', text: '' } }],
  'POST /organisations/o1/mailbox-access/a1/decline': () => rows[3],
  'POST /organisations/o1/mailbox-access/a2/end': () => rows[2],
  'GET /me/mailbox-access': () => ({
    lent: [
      {
        id: 'a2',
        mailboxId: 'p4',
        name: 'Bernadette von Lichtenstein-Hohenfels',
        reason: rows[0].reason,
        until: at(-440),
      },
    ],
    mine: [row('a5', { ...decided, state: 'open', mailboxName: 'Alice Martin', openedAt: at(2) })],
  }),
}
