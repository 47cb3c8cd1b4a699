/** A made-up private address; the password "wrong" and the code "000000" are not taken. */
let standing = {
  ...{ address: null, verifiedAt: null, waiting: null, waitingUntil: null },
  ...{ declared: 'a…@o….example', hasPassword: true, codesLeft: 0 },
}
const set = (more) => (standing = { ...standing, ...more })
export const contactApi = {
  'GET /organisations/o1/people/p0/private-contact': () => standing,
  'GET /me/private-contact': () => standing,
  'POST /me/private-contact': ({ current, address }) =>
    current === 'wrong'
      ? [401, { error: { code: 'sign-in-failed', text: '' } }]
      : set({ waiting: `${address[0]}…@h….example`, waitingUntil: new Date(Date.now() + 900_000).toISOString() }),
  'POST /me/private-contact/code': ({ code }) =>
    code === '000000'
      ? [409, { error: { code: 'code-wrong', text: '' } }]
      : set({ address: standing.waiting, verifiedAt: new Date().toISOString(), waiting: null, waitingUntil: null }),
  'POST /me/private-contact/removal': () => set({ address: null, verifiedAt: null, waiting: null, waitingUntil: null }),
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
