/** RFC 2919, RFC 2369. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeWords } from './words.ts'
import { listFields } from './list-fields.ts'

const plain = { address: 'news@corp.test', name: 'News', isOpen: true, help: null, unsubscribe: null }

test('what there is is said, and nothing else', () => {
  expect(listFields(plain)).toBe('List-Id: "News" <news.corp.test>\r\nList-Post: <mailto:news@corp.test>\r\n')
  const all = { isOpen: false, help: 'https://corp.test/help', unsubscribe: 'mailto:boss@corp.test' }
  expect(listFields({ ...plain, ...all })).toBe(
    'List-Id: "News" <news.corp.test>\r\nList-Post: NO (only a few may)\r\n' +
      'List-Help: <https://corp.test/help>\r\nList-Unsubscribe: <mailto:boss@corp.test>\r\n',
  )
})

test('a local part that is no label is spelled in hex, and quoted in the link', () => {
  expect(listFields({ ...plain, address: 'a+b/c@corp.test' })).toBe(
    'List-Id: "News" <612b622f63.corp.test>\r\nList-Post: <mailto:a%2Bb%2Fc@corp.test>\r\n',
  )
})

test('any name is one field that says it again, in lines that fit', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.constant('Ü'.repeat(200))), (name) => {
      const lines = listFields({ ...plain, name }).split('\r\n')
      for (const line of lines) expect(line.length).toBeLessThan(500)
      const id = lines.findIndex((line) => line.startsWith('List-Post: '))
      for (const line of lines.slice(1, id)) expect(line).toMatch(/^ /)
      const field = lines.slice(0, id).join('\r\n')
      expect(field).toMatch(/^[\x20-\x7e\r\n]*<news\.corp\.test>$/)
      if (!/^[\x20-\x7e]*$/.test(name))
        expect(decodeWords(field.replace(/\r\n /g, ' '))).toContain(
          name
            .toWellFormed()
            .replace(/\p{Cc}+/gu, ' ')
            .trim(),
        )
    }),
  )
})
