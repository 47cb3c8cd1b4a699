/** The record that says that a domain of ours has an MTA-STS policy (RFC 8461 section 3.1); its id changes with the policy. */
import { createHash } from 'node:crypto'
import { formatPolicy, type Policy } from '../../../protocols/mta-sts/policy.ts'
import type { DnsRecord } from './dns-record.ts'

export function policyRecord(domain: string, policy: Policy): DnsRecord {
  const id = createHash('sha256').update(formatPolicy(policy)).digest('hex').slice(0, 20)
  return { name: `_mta-sts.${domain}`, type: 'TXT', value: `v=STSv1; id=${id};` }
}
