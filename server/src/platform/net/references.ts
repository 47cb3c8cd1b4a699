/** Reference hosts as the configuration has them: host:port, or an https address. */

/** What is wrong with it, or null. */
export function referenceFault(text: string): string | null {
  if (/^https:\/\//i.test(text))
    return URL.canParse(text) ? null : `"${text}" is not an address; write it as https://www.example.org/`
  const { host, port } = hostAndPort(text)
  if (host !== '' && Number.isInteger(port) && port > 0 && port < 65_536) return null
  return `"${text}" is neither host:port (ns1.example.net:53, [2001:db8::1]:53) nor an https address`
}

/** Of `host:port`, IPv6 addresses in brackets; what is not that has an empty host. */
export function hostAndPort(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text)
  return match ? { host: match[1] ?? match[2]!, port: Number(match[3]) } : { host: '', port: 0 }
}
