/** The private address and telephone of a person: their own doing; a help desk sees that there is one and can take it away. */
import { z } from 'zod'
import { operation } from './operation.ts'
import { count, id, name, text, time } from './words.ts'

const none = z.strictObject({})
const kind = z.enum(['address', 'phone'])
/** Masked: j…@h….example, +4…67. */
const place = z.strictObject({
  /** verified: links to sign in go there, and to an address notices */
  given: z.string().nullable(),
  verifiedAt: time.nullable(),
  waiting: z.string().nullable(),
  waitingUntil: time.nullable(),
})
const standing = name(
  'PrivateContact',
  z.strictObject({
    address: place,
    phone: place,
    /** text messages can be sent from here */
    mayPhone: z.boolean(),
    /** the address an admin declared: for notices alone */
    declared: z.string().nullable(),
    hasPassword: z.boolean(),
    codesLeft: count,
  }),
)
/** the account's password, once more */
const current = text(1024)
const wish = name('PrivateContactWish', z.strictObject({ current, kind, value: text(320).trim().min(3) }))
const typed = name('PrivateContactCode', z.strictObject({ kind, code: text(20) }))
const removal = name('PrivateContactRemoval', z.strictObject({ kind, current }))

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
    summary: 'My private address and telephone, masked, and which ways back in I have',
    body: null,
    answer: standing,
  }),
  giveOwnContact: operation({
    ...own,
    id: 'giveOwnContact',
    method: 'POST',
    path: '/me/private-contact',
    summary: 'Give a private address or telephone: a code is sent there',
    body: wish,
    answer: standing,
  }),
  confirmOwnContact: operation({
    ...own,
    id: 'confirmOwnContact',
    method: 'POST',
    path: '/me/private-contact/code',
    summary: 'The code that was sent: the address or telephone is verified and used from now on',
    body: typed,
    answer: standing,
  }),
  removeOwnContact: operation({
    ...own,
    id: 'removeOwnContact',
    method: 'POST',
    path: '/me/private-contact/removal',
    summary: 'Remove my private address or telephone; it is told there',
    body: removal,
    answer: standing,
  }),
  readContact: operation({
    ...theirs,
    id: 'readContact',
    method: 'GET',
    path: '/organisations/:org/people/:person/private-contact',
    summary: "A person's private address and telephone, masked, and which ways back in they have",
    answer: standing,
  }),
  removeContact: operation({
    ...theirs,
    id: 'removeContact',
    method: 'DELETE',
    path: '/organisations/:org/people/:person/private-contact/:kind',
    params: z.strictObject({ org: id, person: id, kind }),
    summary: 'Remove the private address or telephone that a person gave; it is told there',
    answer: null,
  }),
}
