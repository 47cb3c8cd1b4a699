import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { fastify } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../platform/log.ts'
import { addAnswers } from './answers.ts'
import { addHeaders } from './headers.ts'
import { addPages } from './pages.ts'

const root = mkdtempSync(join(tmpdir(), 'holdfast-pages-'))
let app: FastifyInstance
beforeAll(async () => {
  mkdirSync(join(root, 'web/assets'), { recursive: true })
  writeFileSync(join(root, 'secret.txt'), 'secret')
  for (const file of [
    'index.html',
    'message.html',
    'message-pictures.html',
    'favicon.svg',
    'assets/app-1.js',
    '.hidden.txt',
  ])
    writeFileSync(join(root, 'web', file), file)
  app = fastify()
  addAnswers(app, silentLog)
  await addHeaders(app, false)
  await addPages(app, join(root, 'web'))
})
afterAll(async () => {
  await app.close()
  rmSync(root, { recursive: true })
})
const get = (url: string) => app.inject({ url })

test('places inside the app get index.html, always asked for again', async () => {
  for (const url of ['/', '/mail/m1', '/admin/queue?x=1', '/setup']) {
    const answer = await get(url)
    expect([answer.body, answer.headers['cache-control']]).toEqual(['index.html', 'no-cache'])
  }
})

test('assets never change, other files are asked for again', async () => {
  expect((await get('/assets/app-1.js')).headers['cache-control']).toContain('immutable')
  expect((await get('/favicon.svg')).headers['cache-control']).toBe('no-cache')
})

test.each([
  '/assets/none.js',
  '/.hidden.txt',
  '/api/v1/none',
  '/jmap/none',
  '/..%2fsecret.txt',
  '/%2e%2e%2fsecret.txt',
  '/assets/..%2f..%2fsecret.txt',
  '/assets%5c..%5csecret.txt',
  '/a%00.js',
  '/%ff.js',
])('%s is not given out', async (url) => {
  const answer = await get(url)
  expect(answer.statusCode).toBeGreaterThanOrEqual(400)
  expect(answer.body).not.toContain('secret')
})

test("a message's document may be framed by our page, runs nothing, and loads pictures only where asked", async () => {
  const plain = await get('/message.html')
  expect(plain.headers['x-frame-options']).toBe('SAMEORIGIN')
  expect(plain.headers['content-security-policy']).toMatch(
    /^default-src 'none'; img-src data: blob:; .*frame-ancestors 'self'$/,
  )
  expect(plain.headers['content-security-policy']).not.toContain('script-src')
  expect((await get('/message-pictures.html')).headers['content-security-policy']).toContain('https:')
  expect((await get('/')).headers['x-frame-options']).toBe('DENY')
})
