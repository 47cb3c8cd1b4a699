/**
 * A report about TLS towards a domain during one UTC day (RFC 8460 section 4), and the mail that carries it (section 5.3).
 * Pure.
 */
import { base64Lines } from '../dsn/encode.ts'

export type PolicyType = 'tlsa' | 'sts' | 'no-policy-found'

/** What was asked of the sessions that a count is about. */
export interface ReportedPolicy {
  type: PolicyType
  /** TLSA records, or lines of the MTA-STS policy */
  strings: string[]
  /** patterns of an MTA-STS policy */
  mx: string[]
}

export interface ReportedResult {
  policy: ReportedPolicy
  /** '' is success */
  result: string
  sendingIp: string
  mxHost: string
  receivingIp: string
  sessions: number
  /** a few words about one of the failures */
  reason: string
}

export interface ReportHead {
  reportId: string
  /** this installation */
  submitter: string
  domain: string
  /** 2026-11-27 */
  day: string
}

export function reportJson(
  { reportId, submitter, domain, day }: ReportHead,
  results: readonly ReportedResult[],
): string {
  const byPolicy = new Map<string, ReportedResult[]>()
  for (const one of results) {
    const key = JSON.stringify(one.policy)
    byPolicy.set(key, [...(byPolicy.get(key) ?? []), one])
  }
  const sum = (some: ReportedResult[]): number => some.reduce((all, { sessions }) => all + sessions, 0)
  const policies = [...byPolicy.values()].map((all) => {
    const { type, strings, mx } = all[0]!.policy
    const failures = all.filter(({ result }) => result !== '')
    return {
      policy: {
        'policy-type': type,
        ...(strings.length > 0 ? { 'policy-string': strings } : {}),
        'policy-domain': domain,
        ...(mx.length > 0 ? { 'mx-host': mx } : {}),
      },
      summary: {
        'total-successful-session-count': sum(all) - sum(failures),
        'total-failure-session-count': sum(failures),
      },
      ...(failures.length > 0 ? { 'failure-details': failures.map(detailOf) } : {}),
    }
  })
  return JSON.stringify({
    'organization-name': submitter,
    'date-range': { 'start-datetime': `${day}T00:00:00Z`, 'end-datetime': `${day}T23:59:59Z` },
    'contact-info': `postmaster@${submitter}`,
    'report-id': reportId,
    policies,
  })
}

const detailOf = (one: ReportedResult): object => ({
  'result-type': one.result,
  ...(one.sendingIp === '' ? {} : { 'sending-mta-ip': one.sendingIp }),
  ...(one.mxHost === '' ? {} : { 'receiving-mx-hostname': one.mxHost }),
  ...(one.receivingIp === '' ? {} : { 'receiving-ip': one.receivingIp }),
  'failed-session-count': one.sessions,
  ...(one.reason === '' ? {} : { 'additional-information': one.reason }),
})

/** RFC 8460 section 5.1. */
function fileName({ submitter, domain, day, reportId }: ReportHead): string {
  const begin = Date.parse(`${day}T00:00:00Z`) / 1000
  return `${submitter}!${domain}!${begin}!${begin + 86_399}!${reportId}.json.gz`
}

/** The report as a message without signature. `date`: as in a header. */
export function reportMail(head: ReportHead, gzip: Buffer, to: string, date: string): Buffer {
  const { submitter, domain, day, reportId } = head
  const boundary = `tlsrpt-${reportId}`
  const lines = [
    `From: TLS reports of ${submitter} <tls-reports@${submitter}>`,
    `To: <${to}>`,
    `Date: ${date}`,
    `Subject: Report Domain: ${domain}`,
    ` Submitter: ${submitter}`,
    ` Report-ID: <${reportId}@${submitter}>`,
    `Message-ID: <${reportId}@${submitter}>`,
    `TLS-Report-Domain: ${domain}`,
    `TLS-Report-Submitter: ${submitter}`,
    // RFC 8689 section 5 and RFC 8460 section 3: what is wrong with TLS must not keep the report about it away.
    'TLS-Required: No',
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type="tlsrpt";',
    `\tboundary="${boundary}"`,
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `This is a report about TLS towards the mail servers of ${domain}`,
    `on ${day} (UTC), as ${submitter} saw it.`,
    `--${boundary}`,
    'Content-Type: application/tlsrpt+gzip',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment;',
    `\tfilename="${fileName(head)}"`,
    '',
    base64Lines(gzip),
    `--${boundary}--`,
    '',
  ]
  return Buffer.from(lines.join('\r\n'))
}
