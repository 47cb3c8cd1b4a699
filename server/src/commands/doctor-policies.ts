/**
 * The part of `holdfast doctor` that asks for the MTA-STS policies of our own domains as every sender does (RFC 8461 section 3):
 * the TXT record, and the file by HTTPS under the name mta-sts.DOMAIN with a certificate that is made out to it.
 */
import type { PolicyHost } from '../clients/mta-sts/fetch.ts'
import { policyRecord } from '../core/directory/index.ts'
import type { Sql } from '../platform/db/database.ts'
import { formatPolicy, type Policy } from '../protocols/mta-sts/policy.ts'
import { ownPolicies } from '../store/mta-sts.ts'
import type { Finding } from './doctor.ts'

/** More are said to be left out: each costs two look-ups and a connection. */
const MOST = 50

export async function policyFindings(sql: Sql, others: PolicyHost): Promise<Finding[]> {
  const own = await ownPolicies(sql)
  const findings = await Promise.all(own.slice(0, MOST).map(({ domain, policy }) => lookAt(domain, policy, others)))
  if (own.length > MOST)
    findings.push({
      name: 'MTA-STS',
      standing: 'ok',
      text: `${own.length - MOST} more domains not looked at`,
      remedy: '',
    })
  return findings
}

async function lookAt(domain: string, policy: Policy, others: PolicyHost): Promise<Finding> {
  const warn = (text: string, remedy: string): Finding => ({
    name: 'MTA-STS',
    standing: 'warning',
    text: `${domain}: ${text}`,
    remedy,
  })
  try {
    if (formatPolicy(await others.fetch(domain)) !== formatPolicy(policy))
      return warn(
        `at mta-sts.${domain} there is another policy than ours`,
        `Let mta-sts.${domain} lead to this server, or apply what is published there.`,
      )
  } catch (error) {
    return warn(
      `others cannot get the policy: ${(error as Error).message}`,
      `Give mta-sts.${domain} an address record that leads here, port 443 (listen.https, or a proxy in front of listen.http), and a certificate made out to it (tls.names).`,
    )
  }
  const { name, value } = policyRecord(domain, policy)
  const id = await others.lookUpId(domain).catch(() => null)
  return id !== null && value === `v=STSv1; id=${id};`
    ? { name: 'MTA-STS', standing: 'ok', text: `${domain}: ${policy.mode}, others can get it`, remedy: '' }
    : warn(
        `the record ${name} ${id === null ? 'is missing' : 'has another id'}, so that ${id === null ? 'nobody looks for the policy' : 'others keep the one before'}`,
        `Publish: ${name} TXT "${value}"`,
      )
}
