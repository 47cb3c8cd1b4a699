/** Made-up learned addresses, which can be forgotten, and a disk that fills the faster the worse the mode. */
const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString()
let known = [
  ['anna.lind@example.com', true, 'delivered', 190, 60_000],
  ['bernadette.von.lichtenstein-hohenfels@harbour-authority.example', true, 'callout', 2_900, 2_900],
  ['billing@example.com', true, 'callout', 12, 14_000],
  ['info2019@example.com', false, 'callout', 3, 3],
  ['ghost@harbour-authority.example', false, 'callout', 47, 1_500],
].map(([address, there, source, seen, first]) => ({
  address,
  known: there,
  source,
  route: 'mail.example.com',
  firstSeenAt: ago(first),
  seenAt: ago(seen),
}))
const domainOf = ({ address }) => address.split('@')[1]
const base = '/organisations/o1/known-recipients'

export const learnedApi = {
  [`GET ${base}`]: () => ({ items: known, next: null }),
  [`GET ${base}/domains`]: () =>
    [...new Set(known.map(domainOf))].map((domain) => {
      const own = known.filter((one) => domainOf(one) === domain)
      return { domain, known: own.filter((one) => one.known).length, refused: own.filter((one) => !one.known).length }
    }),
  [`POST ${base}/forget`]({ address, domain }) {
    const before = known.length
    known = known.filter((one) => one.address !== address && domainOf(one) !== domain)
    return { forgotten: before - known.length }
  },
}

export const diskOf = (mode) => ({
  full: mode === 'hold',
  fullInSeconds: { normal: null, recovering: 4.2 * 86_400, hold: 0 }[mode] ?? 6.2 * 3600,
})
