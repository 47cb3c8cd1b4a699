/** A made-up private address and telephone; the password "wrong" and the code "000000" are not taken. */
const empty = { given: null, verifiedAt: null, waiting: null, waitingUntil: null }
let standing = {
  ...{ address: empty, phone: empty, mayPhone: true },
  ...{ declared: 'a…@o….example', hasPassword: true, codesLeft: 0 },
}
const set = (kind, more) => (standing = { ...standing, [kind]: { ...standing[kind], ...more } })
const masked = {
  address: (value) => `${value[0]}…@h….example`,
  phone: (value) => `${value.slice(0, 2)}…${value.slice(-2)}`,
}
export const contactApi = {
  'GET /organisations/o1/people/p0/private-contact': () => standing,
  'GET /me/private-contact': () => standing,
  'POST /me/private-contact': ({ current, kind, value }) =>
    current === 'wrong'
      ? [401, { error: { code: 'sign-in-failed', text: '' } }]
      : set(kind, { waiting: masked[kind](value), waitingUntil: new Date(Date.now() + 900_000).toISOString() }),
  'POST /me/private-contact/code': ({ kind, code }) =>
    code === '000000'
      ? [409, { error: { code: 'code-wrong', text: '' } }]
      : set(kind, {
          ...{ given: standing[kind].waiting, verifiedAt: new Date().toISOString() },
          ...{ waiting: null, waitingUntil: null },
        }),
  'POST /me/private-contact/removal': ({ kind }) => set(kind, empty),
}

const ways = { people: 214, none: 12, password: 61, withCodes: 90, withContact: 80 }
let campaign = null
const both = () => ({ ...ways, campaign })
export const waysBackApi = {
  'GET /organisations/o1/ways-back': both,
  'POST /organisations/o1/ways-back/campaign': ({ everyDays, times }) => {
    campaign = { startedAt: new Date().toISOString(), startedBy: 'Alice Martin', everyDays, times, stoppedAt: null }
    Object.assign(campaign, { asked: 61, exhausted: 7, unreachable: 1, left: 73 })
    return both()
  },
  'DELETE /organisations/o1/ways-back/campaign': () => {
    campaign = null
    return both()
  },
}
