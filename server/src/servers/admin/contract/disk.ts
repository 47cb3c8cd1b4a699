/** The disk of this server: how soon it is at its reserve, where new mail is answered 452. */
import { z } from 'zod'
import { operation } from './operation.ts'
import { count, name } from './words.ts'

const none = z.strictObject({})
const disk = name(
  'Disk',
  z.strictObject({
    /** it is at its reserve: new mail is answered 452 */
    full: z.boolean(),
    /** until it is, at the rate of the last hour or day, the faster of the two; null: nothing grows, or not in sight */
    fullInSeconds: count.nullable(),
  }),
)

export const diskOperations = {
  readDisk: operation({
    id: 'readDisk',
    method: 'GET',
    path: '/disk',
    ability: 'board:see',
    summary: 'How soon the disk of this server is at its reserve',
    params: none,
    query: none,
    body: null,
    answer: disk,
  }),
}
