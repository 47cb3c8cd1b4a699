/**
 * Mail for the proofs: as varied as what really comes, each with a nonce in its body (never in a header that somebody
 * might rewrite). Messages of the kind `identical` share one nonce and all their bytes: they are counted by how many of
 * them were accepted.
 */
import { randomBytes } from 'node:crypto'
import type { Random } from './random.ts'

export interface ProofMail {
  nonce: string
  kind: MailKind
  from: string
  to: string[]
  mailParameters: string
  bytes: Buffer
}

export const mailKinds = [
  'plain',
  'multi-recipient',
  'attachments',
  'html',
  'encoded-headers',
  'eight-bit',
  'raw-utf8-headers',
  'identical',
  'no-message-id',
  'empty-message-id',
  'repeated-message-id',
  'dots',
  'long-lines',
  'no-body',
  'null-sender',
  'two-message-ids',
  'fifty-kilobytes',
  'folded-headers',
] as const
export type MailKind = (typeof mailKinds)[number] | 'ten-megabytes'

const crlf = (lines: string[]): Buffer => Buffer.from(lines.join('\r\n') + '\r\n', 'utf8')

const base64Lines = (bytes: Buffer): string[] => bytes.toString('base64').match(/.{1,76}/g) ?? []

/** Random per message, so that nothing is the same by chance. */
function attachment(boundary: string, name: string, size: number): string[] {
  return [
    `--${boundary}`,
    `Content-Type: application/octet-stream; name="${name}"`,
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment; filename="${name}"`,
    '',
    ...base64Lines(randomBytes(size)),
  ]
}

interface Parts {
  headers: string[]
  body: string[]
  messageId: string[]
}

function parts(kind: MailKind, nonce: string, random: Random): Parts {
  const line = `nonce:${nonce}`
  const text = (charset: string, encoding: string): string[] => [
    'MIME-Version: 1.0',
    `Content-Type: text/plain; charset=${charset}`,
    `Content-Transfer-Encoding: ${encoding}`,
  ]
  const own = [`Message-ID: <${nonce}@proof.outside.test>`]
  const mixed = (inner: string[]): Parts => ({
    headers: ['MIME-Version: 1.0', `Content-Type: multipart/mixed; boundary="b-${nonce}"`],
    body: [
      'This is a message in parts.',
      `--b-${nonce}`,
      'Content-Type: text/plain; charset=utf-8',
      '',
      line,
      'See the files.',
      '',
      ...inner,
      `--b-${nonce}--`,
    ],
    messageId: own,
  })
  switch (kind) {
    case 'attachments':
      return mixed([
        ...attachment(`b-${nonce}`, 'report.bin', 3000 + random.below(20_000)),
        ...attachment(`b-${nonce}`, 'photo.jpg', 2000),
      ])
    case 'fifty-kilobytes':
      return mixed(attachment(`b-${nonce}`, 'fifty.bin', 45_000 + random.below(60_000)))
    case 'ten-megabytes':
      return mixed(attachment(`b-${nonce}`, 'ten.bin', 7_700_000))
    case 'html':
      return {
        headers: ['MIME-Version: 1.0', `Content-Type: multipart/alternative; boundary="b-${nonce}"`],
        body: [
          `--b-${nonce}`,
          'Content-Type: text/plain; charset=utf-8',
          '',
          line,
          '',
          `--b-${nonce}`,
          'Content-Type: text/html; charset=utf-8',
          '',
          `<p>${line}</p><script>alert(1)</script>`,
          `--b-${nonce}--`,
        ],
        messageId: own,
      }
    case 'encoded-headers':
      return {
        headers: [
          'Subject: =?utf-8?B?w5xiZXJzaWNodCDDvGJlciBkYXMgUXVhcnRhbA==?= =?iso-8859-1?Q?caf=E9?=',
          ...text('utf-8', 'quoted-printable'),
        ],
        body: [line, 'Gr=C3=BC=C3=9Fe aus =C3=85lesund'],
        messageId: own,
      }
    case 'eight-bit':
      return { headers: [...text('utf-8', '8bit')], body: [line, 'Grüße, 漢字, ελληνικά, 🐟'], messageId: own }
    case 'raw-utf8-headers':
      return {
        headers: ['Subject: Grüße aus Ålesund', 'X-Note: ελληνικά', ...text('utf-8', '8bit')],
        body: [line, 'é'],
        messageId: own,
      }
    case 'identical':
      return {
        headers: ['Subject: the same for all', ...text('us-ascii', '7bit')],
        body: [line, 'The same words in every copy.'],
        messageId: own,
      }
    case 'no-message-id':
      return { headers: text('us-ascii', '7bit'), body: [line], messageId: [] }
    case 'empty-message-id':
      return { headers: text('us-ascii', '7bit'), body: [line], messageId: ['Message-ID:'] }
    case 'repeated-message-id':
      return {
        headers: text('us-ascii', '7bit'),
        body: [line],
        messageId: ['Message-ID: <always-the-same@proof.outside.test>'],
      }
    case 'two-message-ids':
      return {
        headers: text('us-ascii', '7bit'),
        body: [line],
        messageId: [...own, `Message-ID: <second-${nonce}@proof.outside.test>`],
      }
    case 'dots':
      return { headers: text('us-ascii', '7bit'), body: ['.', line, '..', '...', '.leading', '', '.'], messageId: own }
    case 'long-lines':
      return { headers: text('us-ascii', '7bit'), body: [line, 'x'.repeat(998), 'y'.repeat(998)], messageId: own }
    case 'no-body':
      // not even an empty line: the nonce sits where a reader of headers would look for one more
      return { headers: [`X-Only: header`, `X-Proof: ${line}`], body: [], messageId: own }
    case 'folded-headers':
      return {
        headers: [
          `References: ${Array.from({ length: 30 }, (_, i) => `<r${i}.${nonce}@outside.test>`).join('\r\n\t')}`,
          ...text('us-ascii', '7bit'),
        ],
        body: [line],
        messageId: own,
      }
    default:
      return { headers: text('us-ascii', '7bit'), body: [line, 'Some words.', '', '-- ', 'A sender'], messageId: own }
  }
}

export function makeMail(options: {
  random: Random
  nonce: string
  kind: MailKind
  people: readonly string[]
  to?: readonly string[]
}): ProofMail {
  const { random, nonce, kind, people } = options
  const from = kind === 'null-sender' ? '' : `sender${random.below(20)}@outside.test`
  const many = kind === 'multi-recipient' ? people.length : 1 + (random.below(8) === 0 ? 1 : 0)
  const first = random.below(people.length)
  const to = options.to ? [...options.to] : Array.from({ length: many }, (_, i) => people[(first + i) % people.length]!)
  const { headers, body, messageId } = parts(kind, nonce, random)
  const head = [
    `From: "Sender, A." <${from || 'mailer-daemon@outside.test'}>`,
    `To: ${to.join(', ')}`,
    'Date: Mon, 02 Mar 2026 10:00:00 +0100',
    ...(headers.some((line) => line.startsWith('Subject:')) ? [] : [`Subject: ${kind} ${nonce}`]),
    ...messageId,
    ...headers,
  ]
  return {
    nonce,
    kind,
    from,
    to,
    mailParameters: kind === 'eight-bit' || kind === 'raw-utf8-headers' ? 'BODY=8BITMIME' : '',
    bytes: kind === 'no-body' ? crlf(head) : crlf([...head, '', ...body]),
  }
}

/** `count` messages of all kinds in turn, one of ten megabytes if asked for. */
export function makeCorpus(options: {
  random: Random
  count: number
  people: readonly string[]
  label: string
  big?: boolean
}): ProofMail[] {
  const { random, count, people, label } = options
  const corpus: ProofMail[] = []
  let identical: ProofMail | null = null
  for (let i = 0; i < count; i++) {
    const kind: MailKind =
      options.big && i === Math.floor(count / 2) ? 'ten-megabytes' : mailKinds[i % mailKinds.length]!
    if (kind === 'identical' && identical) corpus.push(identical)
    else {
      const mail = makeMail({ random, nonce: `${label}-${i}`, kind, people })
      if (kind === 'identical') identical = mail
      corpus.push(mail)
    }
  }
  return corpus
}

const noncePattern = /nonce:([A-Za-z0-9-]+)/
export const nonceOf = (bytes: Buffer): string | null =>
  noncePattern.exec(bytes.toString('latin1', 0, Math.min(bytes.length, 65_536)))?.[1] ?? null
export const countKey = (nonce: string, mailbox: string): string => `${nonce} ${mailbox.toLowerCase()}`
