/**
 * Thirty messages that an office by the sea could have had last week: plain and HTML, attachments, other alphabets,
 * threads, colleagues and strangers. They go through the MX door like any other mail; only their Date lies in the past.
 */
import MailComposer from 'nodemailer/lib/mail-composer/index.js'
import { makeCsv, makePdf, makePng } from './attachments.ts'
import { demoDomain } from './people.ts'

interface Attachment {
  filename: string
  content: Buffer
  contentType: string
  cid?: string
}

export interface HistoryMail {
  key: string
  from: string
  to: string[]
  cc?: string[]
  subject: string
  text: string
  html?: string
  attachments?: Attachment[]
  /** key of the message that this one answers */
  answers?: string
  /** hours before now */
  ago: number
}

const local = (name: string): string => `${name}@${demoDomain}`
const alice = `Alice Moreau <${local('alice')}>`
const bob = `Bob Lindqvist <${local('bob')}>`
const carol = `Carol Okafor <${local('carol')}>`
const kai = 'Kai Brandt <kai@nordsee-werft.test>'
const ines = 'Inês Carvalho <ines@atelier-mar.test>'
const yuki = '中村 由紀 <yuki@minato-shipping.test>'
const port = 'Port Authority <notices@port-authority.test>'
const bank = 'Coastal Credit Union <service@coastal-credit.test>'
const print = 'Print & Paper <orders@print-paper.test>'
const travel = 'Blue Line Ferries <booking@blueline-ferries.test>'

const page = (title: string, body: string, colour = '#0b5c7a'): string =>
  `<!doctype html><html><body style="margin:0;background:#f3f6f8;font-family:Arial,sans-serif;color:#1d2b33">` +
  `<table role="presentation" width="100%"><tr><td align="center"><table role="presentation" width="560" style="background:#fff;margin:24px 0">` +
  `<tr><td style="background:${colour};color:#fff;padding:18px 24px;font-size:20px">${title}</td></tr><tr><td style="padding:24px;line-height:1.5">${body}</td></tr></table></td></tr></table></body></html>`

const offer = makePdf([
  'Offer 2207',
  'Repair of the landing stage, three weeks',
  'Steel, timber, labour: 18,400 EUR',
  'Valid for thirty days',
])
const minutes = makePdf([
  'Minutes of the Tuesday meeting',
  '1. Landing stage: offer of the yard',
  '2. Summer timetable',
  '3. New telephones',
])

export const history: readonly HistoryMail[] = [
  {
    key: 'stage-1',
    from: kai,
    to: [alice],
    subject: 'Offer for the landing stage',
    ago: 212,
    text: 'Good morning Alice,\n\nour offer is attached. We could start in the second week of next month, when the tides suit us.\n\nKind regards\nKai Brandt, Nordsee yard\n',
    attachments: [{ filename: 'Offer 2207.pdf', content: offer, contentType: 'application/pdf' }],
  },
  {
    key: 'stage-2',
    from: alice,
    to: [bob, carol],
    subject: 'Fwd: Offer for the landing stage',
    answers: 'stage-1',
    ago: 210,
    text: 'Could you both look at this before Tuesday? I find the price fair, the date worries me.\n\nAlice\n',
  },
  {
    key: 'stage-3',
    from: bob,
    to: [alice],
    cc: [carol],
    subject: 'Re: Offer for the landing stage',
    answers: 'stage-2',
    ago: 207,
    text: 'The date is fine if the ferry lands at the north quay meanwhile. I will ask the port.\n\n> the date worries me\n\nMe less.\n\nBob\n',
  },
  {
    key: 'port-1',
    from: port,
    to: [local('bob')],
    subject: 'Notice 41: north quay, berths in the coming month',
    ago: 190,
    text: 'Berths 3 and 4 of the north quay are free from the 8th to the 29th. Requests in writing please.\n',
    html: page(
      'Notice 41',
      '<p>Berths <b>3 and 4</b> of the north quay are free from the <b>8th to the 29th</b>.</p><p>Requests in writing please.</p>',
      '#37474f',
    ),
  },
  {
    key: 'stage-4',
    from: bob,
    to: [alice, carol],
    subject: 'Re: Offer for the landing stage',
    answers: 'stage-3',
    ago: 188,
    text: 'The port says yes: berths 3 and 4 are ours from the 8th. Notice attached.\n\nBob\n',
    attachments: [
      {
        filename: 'berths.csv',
        content: makeCsv([
          ['berth', 'from', 'to'],
          [3, '8th', '29th'],
          [4, '8th', '29th'],
        ]),
        contentType: 'text/csv',
      },
    ],
  },
  {
    key: 'ines-1',
    from: ines,
    to: [local('carol')],
    subject: 'Esboços para o cartaz de verão',
    ago: 180,
    text: 'Olá Carol,\n\nseguem dois esboços. O azul é o da vossa proa; a letra pode ser maior.\n\nAté já,\nInês\n',
    attachments: [
      {
        filename: 'cartaz-verão-1.png',
        content: makePng(320, 200, [11, 92, 122], [240, 200, 120]),
        contentType: 'image/png',
      },
      {
        filename: 'cartaz-verão-2.png',
        content: makePng(320, 200, [120, 30, 60], [250, 230, 200]),
        contentType: 'image/png',
      },
    ],
  },
  {
    key: 'ines-2',
    from: carol,
    to: [`ines@atelier-mar.test`, local('alice')],
    subject: 'Re: Esboços para o cartaz de verão',
    answers: 'ines-1',
    ago: 176,
    text: 'Dear Inês,\n\nthe first one, without a doubt. Larger letters, yes.\n\nCarol\n',
  },
  {
    key: 'bank-1',
    from: bank,
    to: [local('alice')],
    subject: 'Your statement is ready',
    ago: 170,
    text: 'Your statement for last month is ready. Sign in at your branch page to read it; we never send links.\n',
    html: page(
      'Coastal Credit Union',
      '<p>Your statement for last month is ready.</p><p>Sign in at your branch page to read it; <i>we never send links</i>.</p>',
      '#2e7d32',
    ),
  },
  {
    key: 'yuki-1',
    from: yuki,
    to: [local('alice')],
    cc: [local('bob')],
    subject: '来月の入港予定について',
    ago: 165,
    text: 'アリス様\n\nいつもお世話になっております。来月の入港予定をお送りします。9日と23日の午前を予定しております。\n\nよろしくお願いいたします。\n中村\n',
  },
  {
    key: 'yuki-2',
    from: alice,
    to: [local('bob')],
    subject: 'Re: 来月の入港予定について',
    answers: 'yuki-1',
    ago: 163,
    text: 'The 9th collides with the crane. Can we offer the 10th?\n\nAlice\n',
  },
  {
    key: 'print-1',
    from: print,
    to: [local('carol')],
    subject: 'Order 5512: 400 posters A2',
    ago: 150,
    text: 'Thank you for your order.\n\n400 posters A2, 170 g, matt   312.00\nDelivery                        18.00\nTotal                          330.00\n',
    html: page(
      'Order 5512',
      '<table width="100%" border="1" cellpadding="6" style="border-collapse:collapse"><tr><th align="left">Item</th><th align="right">Price</th></tr><tr><td>400 posters A2, 170 g, matt</td><td align="right">312.00</td></tr><tr><td>Delivery</td><td align="right">18.00</td></tr><tr><td><b>Total</b></td><td align="right"><b>330.00</b></td></tr></table>',
      '#6a1b9a',
    ),
  },
  {
    key: 'meeting-1',
    from: alice,
    to: [bob, carol],
    subject: 'Tuesday, 10:00, the room with the map',
    ago: 148,
    text: '1. Landing stage\n2. Summer timetable\n3. New telephones\n\nCoffee is on me.\nAlice\n',
  },
  {
    key: 'meeting-2',
    from: carol,
    to: [alice, bob],
    subject: 'Re: Tuesday, 10:00, the room with the map',
    answers: 'meeting-1',
    ago: 147,
    text: 'Point 4: who waters the plants in August?\n',
  },
  {
    key: 'meeting-3',
    from: bob,
    to: [alice, carol],
    subject: 'Re: Tuesday, 10:00, the room with the map',
    answers: 'meeting-2',
    ago: 146,
    text: 'I do, if nobody counts them afterwards.\n',
  },
  {
    key: 'ferry-1',
    from: travel,
    to: [local('alice')],
    subject: 'Your crossing on Friday, 07:40',
    ago: 130,
    text: 'One adult, one bicycle. Be at the ramp twenty minutes before departure.\n',
    html: page(
      'Blue Line Ferries',
      '<h2 style="margin-top:0">Friday, 07:40</h2><p>One adult, one bicycle.<br>Be at the ramp twenty minutes before departure.</p><p><img src="cid:strip" width="320" height="40" alt=""></p>',
    ),
    attachments: [
      {
        filename: 'strip.png',
        content: makePng(320, 40, [11, 92, 122], [160, 210, 230]),
        contentType: 'image/png',
        cid: 'strip',
      },
    ],
  },
  {
    key: 'ferry-2',
    from: travel,
    to: [local('bob')],
    subject: 'Timetable change from the first of next month',
    ago: 128,
    text: 'The 18:10 becomes the 18:25. All other crossings stay.\n',
  },
  {
    key: 'minutes',
    from: carol,
    to: [alice, bob],
    subject: 'Minutes of Tuesday',
    ago: 120,
    text: 'Attached. Shout if I have misheard you.\n\nCarol\n',
    attachments: [{ filename: 'minutes.pdf', content: minutes, contentType: 'application/pdf' }],
  },
  {
    key: 'minutes-2',
    from: bob,
    to: [carol],
    cc: [alice],
    subject: 'Re: Minutes of Tuesday',
    answers: 'minutes',
    ago: 118,
    text: 'I said "nobody counts them", not "nobody cares". Otherwise perfect.\n',
  },
  {
    key: 'phones-1',
    from: 'Håkon Sørli <hakon@fjord-telefon.test>',
    to: [local('carol')],
    subject: 'Tilbud: nye telefoner på kaien',
    ago: 100,
    text: 'Hei Carol,\n\ntolv apparater, to uker leveringstid. Skal jeg komme innom på mandag?\n\nHilsen Håkon\n',
  },
  {
    key: 'phones-2',
    from: carol,
    to: [local('alice')],
    subject: 'Fwd: Tilbud: nye telefoner på kaien',
    answers: 'phones-1',
    ago: 99,
    text: 'Twelve telephones, two weeks. Monday?\n',
  },
  {
    key: 'stage-5',
    from: kai,
    to: [local('alice'), local('bob')],
    subject: 'Re: Offer for the landing stage',
    answers: 'stage-1',
    ago: 90,
    text: 'Then we begin on the 9th. The crane comes the evening before; please keep the ramp free.\n\nKai\n',
  },
  {
    key: 'school',
    from: 'Harbour Primary School <office@harbour-school.test>',
    to: [local('bob')],
    subject: 'Class 3b would like to see the cranes',
    ago: 84,
    text: 'Dear Mr Lindqvist,\n\ntwenty-two children, one hour, many questions. Would the 16th suit you?\n',
  },
  {
    key: 'school-2',
    from: bob,
    to: [carol],
    subject: 'Fwd: Class 3b would like to see the cranes',
    answers: 'school',
    ago: 83,
    text: 'Twenty-two hard hats, size small. Do we have them?\n',
  },
  {
    key: 'weather',
    from: 'Coast Weather <bulletin@coast-weather.test>',
    to: [local('alice'), local('bob'), local('carol')],
    subject: 'Bulletin: wind 7, gusts 9, Thursday night',
    ago: 70,
    text: 'WIND south-west 7, gusts 9 between 22 and 04.\nWATER 40 cm above mean.\nNEXT bulletin at 18.\n',
  },
  {
    key: 'weather-2',
    from: alice,
    to: [bob, carol],
    subject: 'Re: Bulletin: wind 7, gusts 9, Thursday night',
    answers: 'weather',
    ago: 68,
    text: 'Please double the lines on the pontoon before you leave today.\n\nAlice\n',
  },
  {
    key: 'fleet',
    from: 'Μαρία Παππά <maria@aegean-lines.test>',
    to: [local('alice')],
    subject: 'Ερώτηση για τον ελλιμενισμό',
    ago: 50,
    text: 'Καλημέρα,\n\nέχετε θέση για ένα σκάφος 24 μέτρων τον Ιούλιο;\n\nΜε εκτίμηση\nΜαρία Παππά\n',
  },
  {
    key: 'numbers',
    from: bob,
    to: [alice],
    subject: 'Passengers, last quarter',
    ago: 30,
    text: 'As a table, so that nobody has to type it again.\n',
    attachments: [
      {
        filename: 'passengers.csv',
        content: makeCsv([
          ['month', 'passengers', 'bicycles'],
          ['one', 4120, 310],
          ['two', 5230, 488],
          ['three', 7011, 902],
        ]),
        contentType: 'text/csv',
      },
    ],
  },
  {
    key: 'numbers-2',
    from: alice,
    to: [bob],
    cc: [carol],
    subject: 'Re: Passengers, last quarter',
    answers: 'numbers',
    ago: 28,
    text: 'Nine hundred bicycles! We need that second rack.\n',
  },
  {
    key: 'news',
    from: 'Small Harbours Monthly <letter@small-harbours.test>',
    to: [local('carol')],
    subject: 'Lighthouse keepers wanted, and other news',
    ago: 20,
    text: 'In this issue: lighthouse keepers wanted; how to varnish an oar; the tide table of next month.\n',
    html: page(
      'Small Harbours Monthly',
      '<h2>Lighthouse keepers wanted</h2><p>A summer on the rock, with a view.</p><h2>How to varnish an oar</h2><p>Seven thin coats, one thick book to read between them.</p><p><img src="https://tracker.small-harbours.test/open.gif?reader=carol" width="1" height="1" alt=""></p>',
      '#ad1457',
    ),
  },
  {
    key: 'friday',
    from: carol,
    to: [alice, bob],
    subject: 'Soup on Friday?',
    ago: 6,
    text: 'Fish soup at noon, at the quay. Bring bread.\n\nCarol 🐟\n',
  },
]

const messageId = (key: string): string => `<${key}@history.${demoDomain}>`
const addressIn = (text: string): string => /<([^>]+)>/.exec(text)?.[1] ?? text

/** Envelope and bytes of one message, dated relative to now. */
export async function compose(mail: HistoryMail, now: number): Promise<{ from: string; to: string[]; bytes: Buffer }> {
  const to = [...mail.to, ...(mail.cc ?? [])]
  const composer = new MailComposer({
    from: mail.from,
    to: mail.to,
    ...(mail.cc ? { cc: mail.cc } : {}),
    subject: mail.subject,
    text: mail.text,
    ...(mail.html ? { html: mail.html } : {}),
    ...(mail.attachments ? { attachments: mail.attachments } : {}),
    messageId: messageId(mail.key),
    ...(mail.answers ? { inReplyTo: messageId(mail.answers), references: messageId(mail.answers) } : {}),
    date: new Date(now - mail.ago * 3_600_000),
    newline: '\r\n',
  })
  return {
    from: addressIn(mail.from),
    to: to.map(addressIn).filter((address) => address.endsWith(`@${demoDomain}`)),
    bytes: await composer.compile().build(),
  }
}
