/** Through the doors: what the primary said at EHLO, to a delivery or a probe, decides at RCPT. */
import { afterEach, expect, test } from 'vitest'
import { oneServer, type OneServer } from '../../testkit/one-server.ts'

let one: OneServer
afterEach(() => one.close())

const rcpt = async (mailParameters: string): Promise<string> =>
  (await one.send('x', ['alice@corp.test'], { mailParameters })).recipients[0]!.reply.text

test.each([true, false])(
  'a declared size above what the primary takes, with probes: %s',
  async (enabled) => {
    one = await oneServer({
      primary: { extensions: ['PIPELINING', 'SIZE 20000', '8BITMIME'] },
      route: { probe: { enabled } },
    })
    if (!enabled) {
      // Nothing was seen yet: taken.
      expect(await rcpt('SIZE=20001')).toMatch(/^2\.1\.5/)
    }
    await one.until('the offer is known', async () => /^5\.3\.4/.test(await rcpt('SIZE=20001')))
    expect(await rcpt('SIZE=20001')).toContain('takes 20000 octets at most')
    expect(await rcpt('SIZE=17000')).toMatch(/^2\.1\.5/)
    expect(await one.count('route WHERE last_ehlo IS NOT NULL AND kind = 1')).toBe(1)
  },
  60_000,
)
