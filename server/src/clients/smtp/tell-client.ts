/** XFORWARD and XCLIENT said to a server that offers them (client-address.ts has the words), and what their answers mean. */
import type { Capabilities } from '../../protocols/smtp/ehlo.ts'
import type { Reply } from '../../protocols/smtp/reply.ts'
import { heloOf, xclientLine, xforwardLines, type ClientFacts } from './client-address.ts'
import { SmtpFailure } from './result.ts'
import { isGood } from './session.ts'

type Ask = (line: string) => Promise<Reply>

/** Before each transaction. A server that does not take it after all takes the message; the reply: it is closing. */
export async function forward(
  ask: Ask,
  client: ClientFacts | null | undefined,
  offered: Capabilities,
): Promise<Reply | null> {
  for (const line of xforwardLines(client, offered.all.get('XFORWARD'))) {
    const reply = await ask(line)
    if (reply.code === 421) return reply
  }
  return null
}

/**
 * Once for each connection. `anew`: it was taken, and the conversation begins at EHLO again. null: not said, or the server
 * does not take what it offers (50x) and nothing has changed. The reply: it does not want this client.
 */
export async function introduce(ask: Ask, client: ClientFacts, offered: Capabilities): Promise<Reply | 'anew' | null> {
  const line = xclientLine(client, offered.all.get('XCLIENT'))
  if (line === null) return null
  const reply = await ask(line)
  if (isGood(reply)) return 'anew'
  return reply.code >= 500 && reply.code <= 504 ? null : reply
}

/** EHLO as the client said it, for a server looks at that too; what it does not take from a stranger it gets as ours. */
export async function sayHelloFor(
  client: ClientFacts,
  own: string,
  sayHello: (name: string) => Promise<Capabilities>,
): Promise<Capabilities> {
  const theirs = heloOf(client)
  try {
    return await sayHello(theirs ?? own)
  } catch (error) {
    if (theirs === null || !(error instanceof SmtpFailure) || error.code < 500) throw error
    return sayHello(own)
  }
}
