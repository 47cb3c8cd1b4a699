// @vitest-environment jsdom
/** Copies on this device: each window its own, and what a closed one left behind is offered once. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Draft } from './draft.ts'
import { ABANDONED_MS, adoptAbandoned, localCopy } from './local-copy.ts'

const draft = { text: 'half a sentence', files: [], messageId: 'a@b', blind: false, tried: null } as unknown as Draft

beforeEach(() => {
  localStorage.clear()
  vi.useFakeTimers()
})
afterEach(() => vi.useRealTimers())

test('two windows that write a new message do not share a copy', () => {
  localCopy('p1', 'new..one').write(draft)
  expect(localCopy('p1', 'new..two').read()).toBeNull()
  expect(adoptAbandoned('p1', 'new..', 'new..two')).toBeNull()
  expect(localCopy('p1', 'new..one').read()).toEqual(draft)
})

test('what a closed window left behind is taken over once, by the same person only', () => {
  localCopy('p1', 'new..one').write(draft)
  vi.advanceTimersByTime(ABANDONED_MS)
  expect(adoptAbandoned('p2', 'new..', 'new..two')).toBeNull()
  expect(adoptAbandoned('p1', 'reply.e1.', 'reply.e1.two')).toBeNull()
  expect(adoptAbandoned('p1', 'new..', 'new..two')).toEqual(draft)
  expect(localCopy('p1', 'new..two').read()).toEqual(draft)
  expect(adoptAbandoned('p1', 'new..', 'new..three')).toBeNull()
})

test('what the server has too is there for a reload, and offered to nobody else', () => {
  const copy = localCopy('p1', 'new..one')
  copy.write(draft, true)
  expect(copy.read()).toEqual(draft)
  vi.advanceTimersByTime(ABANDONED_MS)
  expect(adoptAbandoned('p1', 'new..', 'new..two')).toBeNull()
  expect(copy.read()).toBeNull()
})

test('a closed writer drops what was saved and keeps what was not', () => {
  const copy = localCopy('p1', 'new..one')
  copy.write(draft, true)
  copy.dropSaved()
  expect(copy.read()).toBeNull()
  copy.write(draft)
  copy.dropSaved()
  expect(copy.read()).toEqual(draft)
})

test('broken storage is no copy', () => {
  localStorage.setItem('holdfast.draft.p1.new..one', '{"at":1,"draft":{"text":7}}')
  expect(localCopy('p1', 'new..one').read()).toBeNull()
})
