import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ListError } from './decode.ts'
import { readCsv } from './read.ts'

const read = (text: string, encoding: BufferEncoding = 'utf8') => readCsv(Buffer.from(text, encoding))
const entries = (text: string) => read(text).list.entries
const problems = (text: string) => read(text).list.problems.map(({ row, code }) => `${row} ${code}`)
const whyNot = (text: string | Uint8Array): string => {
  try {
    readCsv(Buffer.from(text))
  } catch (error) {
    if (error instanceof ListError) return error.message
    throw error
  }
  return 'was read'
}

test('headings in three languages and three separators, in any order', () => {
  const alice = { externalId: '7', name: 'Alice Martin', addresses: ['alice@x.test', 'am@x.test'], enabled: true }
  expect(entries('id,name,email,aliases\n7,Alice Martin,alice@x.test,am@x.test\n')).toMatchObject([alice])
  expect(
    entries('Personalnummer;Nachname;Vorname;E-Mail-Adresse;Aliase\r\n7;Martin;Alice;alice@x.test;am@x.test'),
  ).toMatchObject([alice])
  expect(
    entries('Prénom\tNom\tAdresse électronique\tMatricule\tAlias\nAlice\tMartin\talice@x.test\t7\tam@x.test'),
  ).toMatchObject([alice])
  expect(
    entries(
      'sep=;\nObjectGUID;DisplayName;Mail;proxyAddresses\n7;Alice Martin;alice@x.test;"SMTP:alice@x.test;smtp:am@x.test;X500:/o=x"',
    ),
  ).toMatchObject([{ ...alice, row: 3 }])
})

test('a cell may hold separators, quotes and line ends; rows are counted as a spreadsheet does', () => {
  expect(
    entries('name,email\n\n"Martin, ""Al""",a@x.test\n"two\nlines",b@x.test\nC,c@x.test\n').map(({ row, name }) => [
      row,
      name,
    ]),
  ).toEqual([
    [3, 'Martin, "Al"'],
    [4, 'two\nlines'],
    [5, 'C'],
  ])
})

test('UTF-8 with and without its mark, UTF-16 and Windows-1252 are told apart', () => {
  const text = 'Name;E-Mail\nJürgen Größe;j@x.test\n'
  const marked = (bytes: number[], body: Buffer) => readCsv(Buffer.concat([Buffer.from(bytes), body]))
  for (const reading of [
    read(text),
    marked([0xef, 0xbb, 0xbf], Buffer.from(text)),
    marked([0xff, 0xfe], Buffer.from(text, 'utf16le')),
    read(text, 'latin1'),
  ])
    expect(reading.list.entries).toMatchObject([{ name: 'Jürgen Größe', externalId: 'j@x.test' }])
  expect(readCsv(Buffer.from('6e616d652c6d61696c0a809c2c6140782e74657374', 'hex'))).toMatchObject({
    encoding: 'windows-1252',
    list: { entries: [{ name: '€œ' }] },
  })
})

test('a file that is cut off within a letter is not taken for one of another encoding', () => {
  const whole = Buffer.from('name,email\nJürgen Größe,j@x.test\nZoë')
  expect(whyNot(whole.subarray(0, -1))).toMatch(/most likely it was cut off/)
})

test('what a terminal would obey is not shown', () => {
  expect(read('name,email,\u001b[2J\u009b\nA,a@x.test,1').unused).toEqual(['\ufffd[2J\ufffd'])
})

test('what a row may say besides', () => {
  expect(
    entries('id,name,email,upn,group,language,active\n1,A,a@x.test,a.a,Staff,de-AT,nein\n2,B,b@x.test,,,,\n'),
  ).toEqual([
    {
      row: 2,
      externalId: '1',
      name: 'A',
      addresses: ['a@x.test'],
      upn: 'a.a',
      group: 'Staff',
      locale: 'de',
      enabled: false,
    },
    { row: 3, externalId: '2', name: 'B', addresses: ['b@x.test'], upn: null, group: null, enabled: true },
  ])
  expect(read('id,name,email,Kostenstelle\n1,A,a@x.test,2').unused).toEqual(['Kostenstelle'])
})

test('bad rows are named with their row, and whom they are about is kept', () => {
  const file =
    'id,name,email,language,active\n1,A,,en,yes\n2,B,b@x.test,xx,yes\n3,C,c@x.test,en,perhaps\n4,D\n5,E,e@x.test,en,yes,more\n6,F,f@x.test,en,yes,\n'
  expect(problems(file)).toEqual([
    '2 no-address',
    '3 bad-locale',
    '4 bad-enabled',
    '5 too-few-columns',
    '6 too-many-columns',
  ])
  expect(read(file).list).toMatchObject({
    entries: [{ externalId: '6' }],
    unusable: [
      { externalId: '1' },
      { externalId: '2', addresses: ['b@x.test'] },
      { externalId: '3' },
      { externalId: null, addresses: [] },
      { externalId: null, addresses: [] },
    ],
  })
})

test('a file that is broken as a whole is not used, and why is said', () => {
  expect(whyNot('name,email\n"A,a@x.test\nB,b@x.test\n')).toMatch(/Line \d+: a quote \("\) is opened and never closed/)
  expect(whyNot('name,email\n"A"B,a@x.test\n')).toMatch(/Line 2: .*behind the quote/)
  expect(whyNot('name,email\nA "B" C,a@x.test\n')).toMatch(/Line 2: .*within a cell/)
  expect(whyNot(`name,email\n"${'x'.repeat(200_000)}",a@x.test`)).toMatch(/longer than 100000/)
  expect(whyNot('name,phone\nA,1')).toMatch(/No column has e-mail addresses/)
  expect(whyNot('id,email\n1,a@x.test')).toMatch(/No column has names/)
  expect(whyNot('name,email,Mail\nA,a@x.test,a@x.test')).toMatch(/"email" and "Mail" both say the same/)
  expect(whyNot('')).toBe('The file is empty.')
  expect(whyNot('\n \n')).toBe('The file is empty.')
  expect(whyNot(Buffer.from([0x50, 0x4b, 3, 4, 0, 0]))).toMatch(/not text/)
  expect(whyNot(Buffer.alloc(33 * 1024 * 1024, 'a'))).toMatch(/larger than 32 MB/)
  expect(whyNot(`name,email\n${'a,b\n'.repeat(200_001)}`)).toMatch(/more than 200000 rows/)
  expect(whyNot(`name,email\n${'\n'.repeat(200_001)}a,a@x.test`)).toMatch(/more than 200000 rows/)
  expect(whyNot(`name,email${',x'.repeat(300)}\n`)).toMatch(/more than 200 columns/)
  // Two hundred thousand empty rows are slow to read.
}, 120_000)

const cell = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n\0\u2028\u2029\ufeff]/g, '').trim())

test('what a spreadsheet writes is read as it was', () => {
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  fc.assert(
    fc.property(
      fc.array(cell, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(';', ',', '\t'),
      fc.constantFrom('\n', '\r\n', '\r'),
      (names, separator, end) => {
        const rows = [['id', 'name', 'email'], ...names.map((name, i) => [String(i), name, `p${i}@x.test`])]
        const text = rows.map((row) => row.map(quoted).join(separator)).join(end)
        expect(entries(text.toWellFormed()).map(({ name }) => name)).toEqual(names.map((name) => name.toWellFormed()))
      },
    ),
  )
})

test('no bytes whatever make it fail in another way than by a sentence', () => {
  const piece = fc.constantFrom(
    'id',
    'name',
    'email',
    'Prénom',
    ',',
    ';',
    '\t',
    '"',
    '""',
    '\n',
    '\r\n',
    '\r',
    'a@x.test',
    'sep=;\n',
    '\ufeff',
    ' ',
    'yes',
    '𝔘',
    '\u0085',
  )
  const text = fc
    .array(fc.oneof({ weight: 8, arbitrary: piece }, fc.string({ unit: 'binary' })), { maxLength: 60 })
    .map((all) => Buffer.from(all.join('')))
  const headed = text.map((body) => Buffer.concat([Buffer.from('id;name;email;aliases;active\n'), body]))
  fc.assert(
    fc.property(
      fc.oneof(
        text,
        headed,
        fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each)),
      ),
      (bytes) => {
        expect(typeof whyNot(bytes)).toBe('string')
      },
    ),
    { numRuns: 500 },
  )
})

test('what the address book shows, by headings in three languages', () => {
  const cardOf = (text: string) => readCsv(Buffer.from(text)).list.entries[0]!.card
  expect(cardOf('id,name,email\n1,A,a@x.test')).toBeUndefined()
  expect(
    cardOf('id,name,email,Job title,Department,Office,Phone,Mobile phone,Manager\n1,A,a@x.test,CEO,Board,R1,1|2,3,2'),
  ).toEqual({
    ...{ title: 'CEO', department: 'Board', office: 'R1', manager: '2' },
    phones: [
      { kind: 'work', number: '1' },
      { kind: 'work', number: '2' },
      { kind: 'mobile', number: '3' },
    ],
  })
  expect(cardOf('Matricule;Nom;E-mail;Fonction;Service;Téléphone;Masqué\n1;A;a@x.test;;Ventes;01 23;oui')).toEqual({
    ...{ title: null, department: 'Ventes', hidden: true },
    phones: [{ kind: 'work', number: '01 23' }],
  })
  expect(cardOf('Personalnummer;Name;E-Mail;Funktion;Abteilung;Telefon;Büro\n1;A;a@x.test;Leiter;;;7')).toEqual({
    ...{ title: 'Leiter', department: null, office: '7', phones: [] },
  })
  // Of two columns that say the same the first counts: no list is refused for it.
  expect(readCsv(Buffer.from('name,email,Title,Position\nA,a@x.test,x,y')).unused).toEqual(['Position'])
})
