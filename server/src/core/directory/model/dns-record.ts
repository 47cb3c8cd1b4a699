/** A record that the admin is asked to publish. */
export interface DnsRecord {
  name: string
  type: 'TXT'
  value: string
}
