/** A line client at a submission listener: TLS begun, greeted, ready to sign in. */
import { openLineClient, type LineClient } from './line-client.ts'

/** `implicit`: TLS comes before the greeting. */
export async function openSubmission(port: number, implicit = false): Promise<LineClient> {
  const client = await openLineClient(port, { timeoutMs: 30_000 })
  if (implicit) await client.startTls()
  await client.reply()
  if (!implicit) {
    await client.command('EHLO client.test')
    await client.command('STARTTLS')
    await client.startTls()
  }
  await client.command('EHLO client.test')
  return client
}

export const authPlain = (name: string, password: string): string =>
  `AUTH PLAIN ${Buffer.from(`\0${name}\0${password}`).toString('base64')}`
