/** What a transaction knows about its message, whether it comes from memory or from the queue. */
import { expect, test } from 'vitest'
import type { Incoming } from '../queue/index.ts'
import type { ClaimedDelivery } from '../../store/claims.ts'
import { jobsOfClaims, jobsOfIncoming } from './job.ts'

test('recipients share a transaction only with the same sender, from memory and from the queue', () => {
  const senders = [undefined, 'SRS0=a@corp.test', undefined, 'SRS0=b@corp.test', 'SRS0=a@corp.test']
  const message = { clientIp: null, helo: null, facts: {}, messageId: 'm', envelopeFrom: 's@outside.test' }
  const one = (i: number) => ({ routeId: 'r', recipient: `x${i}@world.test`, hot: true })
  const incoming = {
    ...message,
    deliveries: senders.map((sender, i) => ({ ...one(i), ...(sender ? { sender } : {}) })),
    body: { kind: 'row', bytes: Buffer.from('x') },
  } as unknown as Incoming
  const claims = senders.map((sender, i) => ({
    ...message,
    ...one(i),
    envelopeFrom: sender ?? message.envelopeFrom,
    acceptedAt: new Date(0),
  })) as unknown as ClaimedDelivery[]
  for (const jobs of [
    jobsOfIncoming(incoming, (routeId) => routeId, 1),
    jobsOfClaims(claims, (routeId) => routeId, how),
  ])
    expect(jobs.map((job) => [job.envelopeFrom, ...job.recipients.map(({ address }) => address[1])])).toEqual([
      ['s@outside.test', '0', '2'],
      ['SRS0=a@corp.test', '1', '4'],
      ['SRS0=b@corp.test', '3'],
    ])
})

const how = { returnEventId: null, byReturn: false, isTrial: false }

test.each([
  ['192.0.2.7', 'mail.outside.test', { ip: '192.0.2.7', helo: 'mail.outside.test', name: undefined }],
  ['192.0.2.7', null, { ip: '192.0.2.7', helo: null, name: undefined }],
  [null, null, null],
])('the client %s %s is known on both ways', (clientIp, helo, client) => {
  const message = { clientIp, helo, facts: {}, messageId: 'm', routeId: 'r' }
  const incoming = {
    ...message,
    deliveries: [{ routeId: 'r', recipient: 'a@corp.test', hot: true }],
    body: { kind: 'row', bytes: Buffer.from('x') },
  } as unknown as Incoming
  const claim = { ...message, recipient: 'a@corp.test', acceptedAt: new Date(0) } as unknown as ClaimedDelivery
  expect(jobsOfIncoming(incoming, (routeId) => routeId, 1)[0]!.client).toEqual(client)
  expect(jobsOfClaims([claim], (routeId) => routeId, how)[0]!.client).toEqual(client)
})
