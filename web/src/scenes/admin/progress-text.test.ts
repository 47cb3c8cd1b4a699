/** A return that is over is full, whatever became of its messages, and says what did. */
import { beforeAll, expect, test } from 'vitest'
import en from '../../lib/locales/en.json'
import { i18n } from '../../lib/i18n.ts'
import { returnText } from './progress-text.ts'

beforeAll(() => i18n.init({ lng: 'en', resources: { en: { translation: en } } }))
const none = { home: 0, pending: 0, unsure: 0, refused: 0, cancelled: 0 }

test('three home and one deleted here is all of four', () =>
  expect(returnText(i18n.t, { ...none, total: 4, home: 3, cancelled: 1 }, 'en')).toEqual({
    label: '3 home, 1 deleted here, of 4',
    done: 4,
  }))
test('what is unsure is still to go', () =>
  expect(returnText(i18n.t, { ...none, total: 1206, home: 430, pending: 773, unsure: 2, refused: 1 }, 'en')).toEqual({
    label: '430 home, 1 refused, 775 to go, of 1,206',
    done: 431,
  }))
