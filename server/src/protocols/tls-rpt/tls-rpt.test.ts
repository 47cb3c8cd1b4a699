/** The record that asks for reports, and the report itself (RFC 8460). */
import { gunzipSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import fc from 'fast-check'
import { parseReportRecord } from './record.ts'
import { reportJson, reportMail, type ReportedResult } from './report.ts'

test.each<[string, string[]]>([
  ['v=TLSRPTv1; rua=mailto:reports@corp.test', ['reports@corp.test']],
  ['v=TLSRPTv1;rua=mailto:a%2Bb@corp.test?subject=x,https://corp.test/tls', ['a+b@corp.test', 'https://corp.test/tls']],
  ['v=TLSRPTv1; other=x; rua = https://corp.test:8443/tls?x=1 ;', ['https://corp.test:8443/tls?x=1']],
  ['v=TLSRPTv1; rua=http://corp.test/,ftp://x,mailto:,mailto:no one@corp.test', []],
  ['v=TLSRPTv1; rua=https://user:pw@corp.test/', []],
  ['v=TLSRPTv1; rua=mailto:%0d%0aRCPT@corp.test,mailto:%zz@corp.test', []],
  ['v=TLSRPTv1', []],
  ['v=TLSRPTv2; rua=mailto:reports@corp.test', []],
  [
    `v=TLSRPTv1; rua=${Array.from({ length: 9 }, (_, i) => `mailto:r${i}@corp.test`).join(',')}`,
    Array.from({ length: 5 }, (_, i) => `r${i}@corp.test`),
  ],
])('%s', (text, wanted) => {
  const split = [text.slice(0, 12), text.slice(12)]
  const found = parseReportRecord([split, ['v=spf1 -all']])
  expect(found.map((one) => (one.kind === 'mail' ? one.address : one.url))).toEqual(wanted)
})
test('two records are as good as none', () => {
  const record = ['v=TLSRPTv1; rua=mailto:reports@corp.test']
  expect(parseReportRecord([record, record])).toEqual([])
})
test('whatever is published: addresses of one line, or nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (noise) => {
      for (const one of parseReportRecord([[`v=TLSRPTv1; rua=mailto:${noise},https://x/${noise}`]]))
        expect(one.kind === 'mail' ? one.address : one.url).toMatch(/^[!-~]+$/)
    }),
  )
})

const head = { reportId: 'id-1', submitter: 'mx.holdfast.test', domain: 'corp.test', day: '2026-11-26' }
const result = (change: Partial<ReportedResult>): ReportedResult => ({
  policy: { type: 'sts', strings: ['version: STSv1'], mx: ['*.corp.test'] },
  result: '',
  sendingIp: '',
  mxHost: '',
  receivingIp: '',
  sessions: 1,
  reason: '',
  ...change,
})

test('the report: a summary for each policy, details of failures (RFC 8460 section 4.4)', () => {
  const report: unknown = JSON.parse(
    reportJson(head, [
      result({ sessions: 5 }),
      result({
        result: 'certificate-expired',
        sessions: 2,
        mxHost: 'mx.corp.test',
        receivingIp: '192.0.2.1',
        sendingIp: '192.0.2.9',
        reason: 'old',
      }),
      result({ policy: { type: 'no-policy-found', strings: [], mx: [] }, sessions: 7 }),
    ]),
  )
  expect(report).toEqual({
    'organization-name': 'mx.holdfast.test',
    'date-range': { 'start-datetime': '2026-11-26T00:00:00Z', 'end-datetime': '2026-11-26T23:59:59Z' },
    'contact-info': 'postmaster@mx.holdfast.test',
    'report-id': 'id-1',
    'policies': [
      {
        'policy': {
          'policy-type': 'sts',
          'policy-string': ['version: STSv1'],
          'policy-domain': 'corp.test',
          'mx-host': ['*.corp.test'],
        },
        'summary': { 'total-successful-session-count': 5, 'total-failure-session-count': 2 },
        'failure-details': [
          {
            'result-type': 'certificate-expired',
            'sending-mta-ip': '192.0.2.9',
            'receiving-mx-hostname': 'mx.corp.test',
            'receiving-ip': '192.0.2.1',
            'failed-session-count': 2,
            'additional-information': 'old',
          },
        ],
      },
      {
        policy: { 'policy-type': 'no-policy-found', 'policy-domain': 'corp.test' },
        summary: { 'total-successful-session-count': 7, 'total-failure-session-count': 0 },
      },
    ],
  })
})

test('its mail: the fields and media types of section 5.3, and the bytes as they were', () => {
  const gzip = gzipSync(reportJson(head, [result({})]))
  const mail = reportMail(head, gzip, 'reports@corp.test', 'Fri, 27 Nov 2026 01:00:00 +0000').toString()
  expect(mail).toContain(
    'Subject: Report Domain: corp.test\r\n Submitter: mx.holdfast.test\r\n Report-ID: <id-1@mx.holdfast.test>\r\n',
  )
  expect(mail).toContain('\r\nTLS-Report-Domain: corp.test\r\nTLS-Report-Submitter: mx.holdfast.test\r\n')
  expect(mail).toContain('Content-Type: multipart/report; report-type="tlsrpt";\r\n')
  expect(mail).toContain('Content-Type: application/tlsrpt+gzip\r\n')
  expect(mail).toContain('filename="mx.holdfast.test!corp.test!1795651200!1795737599!id-1.json.gz"')
  expect(mail.split('\r\n').every((line) => line.length <= 998 && !/[\r\n]/.test(line))).toBe(true)
  const base64 = /\.json\.gz"\r\n\r\n([\s\S]*?)\r\n--tlsrpt-id-1--\r\n$/.exec(mail)![1]!
  expect(gunzipSync(Buffer.from(base64, 'base64')).toString()).toBe(reportJson(head, [result({})]))
})
