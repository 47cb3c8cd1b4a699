/** Lists of hosts as the configuration has them: addresses, networks (10.0.0.0/8), and the word loopback. */
import ipaddr from 'ipaddr.js'

/** Whether an address belongs to one of `list`, whose entries are checked already. What is no address does not. */
export function matchNetworks(list: readonly string[]): (address: string) => boolean {
  const networks = list.map((text) => {
    if (text === 'loopback') return null
    if (text.includes('/')) return ipaddr.parseCIDR(text)
    const host = ipaddr.process(text)
    return [host, host.kind() === 'ipv6' ? 128 : 32] as const
  })
  return (address) => {
    if (networks.length === 0 || !ipaddr.isValid(address)) return false
    // An IPv4 client of a socket for both is ::ffff:192.0.2.1.
    const host = ipaddr.process(address)
    return networks.some((network) => {
      if (network === null) return host.range() === 'loopback'
      const [base, bits] = network
      return base.kind() === host.kind() && host.match(base, bits)
    })
  }
}
