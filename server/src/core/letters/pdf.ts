/**
 * Letters with emergency codes as one PDF (A4, a page each), for a printer and envelopes with a window. Written page by page: five
 * thousand letters need little more memory than one. The picture (QR) holds the page's address and the person's but no code, so that
 * a photograph of it gives nothing away.
 */
import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import PDFDocument from 'pdfkit'
import qrcode from 'qrcode-generator'
import { letterLocaleOf, letterWords } from './words.ts'

export interface Letter {
  name: string
  organisation: string
  /** with which the person signs in */
  address: string
  locale: string
  codes: readonly string[]
}

export interface LetterOptions {
  /** of the pages, without a slash at its end */
  url: string
  /** milliseconds */
  madeAt: number
  /** between two letters, each of which keeps the process busy for some milliseconds: others get their turn */
  pause: () => Promise<void>
}

const font = (name: string): string => createRequire(import.meta.url).resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`)

/** Points. The window of an envelope is where DIN 5008 form B has it; C5 and DL fit. */
const MARGIN = 62
const WINDOW_TOP = 135
const TEXT_TOP = 235
const QR_SIDE = 104

/** Ends `out`. Throws what it throws. */
export async function writeLetters(letters: Iterable<Letter>, out: Writable, options: LetterOptions): Promise<void> {
  const document = new PDFDocument({
    size: 'A4',
    margin: MARGIN,
    autoFirstPage: false,
    font: font('DejaVuSans'),
    info: { Title: 'Holdfast', CreationDate: new Date(options.madeAt) },
  })
  document.registerFont('plain', font('DejaVuSans'))
  document.registerFont('bold', font('DejaVuSans-Bold'))
  document.registerFont('mono', font('DejaVuSansMono-Bold'))
  const written = pipeline(document, out)
  // Looked at in the end; until then nobody may.
  written.catch(() => undefined)
  for (const letter of letters) {
    drawLetter(document, letter, options)
    await options.pause()
    if (out.writableNeedDrain) await Promise.race([once(out, 'drain'), written])
  }
  document.end()
  await written
}

function drawLetter(document: PDFKit.PDFDocument, letter: Letter, { url, madeAt }: LetterOptions): void {
  const locale = letterLocaleOf(letter.locale)
  const words = letterWords(locale, { ...letter, url })
  document.addPage()
  const width = document.page.width - 2 * MARGIN
  const plain = (size = 10): PDFKit.PDFDocument => document.font('plain').fontSize(size)

  plain(8).text(letter.organisation, MARGIN, WINDOW_TOP, { width: 240, height: 12, ellipsis: true })
  plain(11).text(letter.name, MARGIN, WINDOW_TOP + 18, { width: 240, height: 44, ellipsis: true })

  document.font('bold').fontSize(15).text(words.title, MARGIN, TEXT_TOP, { width })
  plain().moveDown(0.8).text(words.greeting, { width }).moveDown(0.5)
  document.text(words.why, { width, lineGap: 1.5 }).moveDown(0.7)
  for (const [n, step] of words.steps.entries()) {
    const top = document.y
    document.text(`${n + 1}.`, MARGIN, top, { width: 16, lineBreak: false })
    document.text(step, MARGIN + 18, top, { width: width - 18, lineGap: 1.5 }).moveDown(0.25)
  }

  const boxTop = document.y + 10
  const codesWidth = width - QR_SIDE - 40
  document.font('bold').fontSize(10).text(words.codesTitle, MARGIN, boxTop, { width: codesWidth })
  document.moveDown(0.5).font('mono').fontSize(15)
  for (const code of letter.codes) document.text(code, MARGIN, document.y + 7, { width: codesWidth, lineBreak: false })
  const codesEnd = document.y
  const qrLeft = MARGIN + width - QR_SIDE
  drawQr(document, `${url}/sign-in#${encodeURIComponent(letter.address)}`, qrLeft, boxTop)
  plain(7.5).text(words.qr, qrLeft - 20, boxTop + QR_SIDE + 6, { width: QR_SIDE + 20, align: 'right' })

  plain().text('', MARGIN, Math.max(codesEnd, document.y) + 18)
  for (const line of words.keep) document.text(line, MARGIN, document.y, { width, lineGap: 1.5 }).moveDown(0.35)
  const at = new Intl.DateTimeFormat(locale === 'en' ? 'en-GB' : locale, { dateStyle: 'long', timeZone: 'UTC' })
  plain(8)
    .moveDown(0.6)
    .text(words.made(at.format(madeAt)), { width })
}

function drawQr(document: PDFKit.PDFDocument, text: string, left: number, top: number): void {
  // M: 15 % of it may be lost to a fold or a stamp.
  const code = qrcode(0, 'M')
  code.addData(text)
  code.make()
  const modules = code.getModuleCount()
  const side = QR_SIDE / modules
  for (let row = 0; row < modules; row++)
    for (let from = 0; from < modules; from++) {
      if (!code.isDark(row, from)) continue
      let to = from + 1
      while (to < modules && code.isDark(row, to)) to++
      // A hair more, so that no white line is left between two.
      document.rect(left + from * side, top + row * side, (to - from) * side + 0.1, side + 0.1)
      from = to
    }
  document.fill('black')
}
