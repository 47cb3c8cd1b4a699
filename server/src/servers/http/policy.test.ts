/** Our own MTA-STS policies: at their host and nowhere else, as others read them. */
import type { FastifyInstance } from 'fastify'
import { fastify } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLog } from '../../platform/log.ts'
import { parsePolicy } from '../../protocols/mta-sts/policy.ts'
import { addAnswers } from './answers.ts'
import { addPolicies } from './policy.ts'

const policy = { mode: 'enforce', mx: ['mx1.corp.test', '*.mail.corp.test'], maxAge: 604_800 } as const
let app: FastifyInstance
beforeAll(() => {
  app = fastify()
  addAnswers(app, silentLog)
  addPolicies(app, (domain) => Promise.resolve(domain === 'corp.test' ? policy : null))
})
afterAll(() => app.close())

const get = (host: string) => app.inject({ url: '/.well-known/mta-sts.txt', headers: { host } })

test.each(['mta-sts.corp.test', 'MTA-STS.corp.test', 'mta-sts.corp.test:443'])('%s: the policy', async (host) => {
  const answer = await get(host)
  expect(answer.statusCode).toBe(200)
  expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8')
  expect(parsePolicy(answer.body)).toEqual(policy)
})

test.each(['corp.test', 'mta-sts.other.test', 'mta-sts.', 'evil.mta-sts.corp.test'])('%s: none', async (host) => {
  expect((await get(host)).statusCode).toBe(404)
})
