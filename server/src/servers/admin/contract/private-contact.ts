/** The private address of a person: their own doing; a help desk sees that there is one and can take it away. */
import { z } from 'zod'
import { operation } from './operation.ts'
import { count, id, name, text, time } from './words.ts'

const none = z.strictObject({})
/** Addresses are masked: j…@h….example. */
const standing = name(
  'PrivateContact',
  z.strictObject({
    /** verified: links to sign in and notices go there */
    address: z.string().nullable(),
    verifiedAt: time.nullable(),
    waiting: z.string().nullable(),
    waitingUntil: time.nullable(),
    /** what an admin declared: for notices alone */
    declared: z.string().nullable(),
    hasPassword: z.boolean(),
    codesLeft: count,
  }),
)
/** the account's password, once more */
const current = text(1024)
const wish = name('PrivateContactWish', z.strictObject({ current, address: text(320).trim().min(3) }))
const typed = name('PrivateContactCode', z.strictObject({ code: text(20) }))
const removal = name('PrivateContactRemoval', z.strictObject({ current }))

const own = { params: none, query: none, ability: 'account' } as const
const theirs = {
  params: z.strictObject({ org: id, person: id }),
  query: none,
  body: null,
  ability: 'people:reset',
} as const
export const privateContactOperations = {
  readOwnContact: operation({
    ...own,
    id: 'readOwnContact',
    method: 'GET',
    path: '/me/private-contact',
    summary: 'My private address, masked, and which ways back in I have',
    body: null,
    answer: standing,
  }),
  giveOwnContact: operation({
    ...own,
    id: 'giveOwnContact',
    method: 'POST',
    path: '/me/private-contact',
    summary: 'Give a private address: a code is sent there',
    body: wish,
    answer: standing,
  }),
  confirmOwnContact: operation({
    ...own,
    id: 'confirmOwnContact',
    method: 'POST',
    path: '/me/private-contact/code',
    summary: 'The code that was sent: the address is verified and used from now on',
    body: typed,
    answer: standing,
  }),
  removeOwnContact: operation({
    ...own,
    id: 'removeOwnContact',
    method: 'POST',
    path: '/me/private-contact/removal',
    summary: 'Remove my private address; it is told there',
    body: removal,
    answer: standing,
  }),
  readContact: operation({
    ...theirs,
    id: 'readContact',
    method: 'GET',
    path: '/organisations/:org/people/:person/private-contact',
    summary: "A person's private address, masked, and which ways back in they have",
    answer: standing,
  }),
  removeContact: operation({
    ...theirs,
    id: 'removeContact',
    method: 'DELETE',
    path: '/organisations/:org/people/:person/private-contact',
    summary: 'Remove the private address that a person gave; it is told there',
    answer: null,
  }),
}
