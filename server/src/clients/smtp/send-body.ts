/** What follows 354: the body, dot-stuffed and corked, then the dot; or the reply that came before it could be sent. */
import { createDotStuffer } from '../../protocols/smtp/dot-stuffing.ts'
import type { Reply } from '../../protocols/smtp/reply.ts'
import { SmtpFailure } from './result.ts'
import type { SmtpSocket } from './socket.ts'

/**
 * `dotSent` is true from the moment the dot was handed over. Gives the replies that came before it: then it is not sent,
 * so that nothing can have been taken, and the connection is closed. A server that refuses the message while it is still
 * coming has decided, whether it then hangs up, falls silent or goes on reading; what it would take the next bytes for is
 * anybody's guess. None: the dot is on its way, and in the same write what `behind` gave.
 */
export async function sendBody(
  socket: SmtpSocket,
  body: AsyncIterable<Buffer> | Iterable<Buffer>,
  blockMs: number,
  dotSent: { value: boolean },
  behind: () => string = () => '',
): Promise<Reply[]> {
  const stuffer = createDotStuffer()
  const pieces: Buffer[] = []
  socket.cork()
  try {
    for await (const chunk of body) {
      if (socket.answered()) break
      let room = true
      pieces.length = 0
      stuffer.write(chunk, pieces)
      for (const piece of pieces) room = socket.write(piece)
      if (room) continue
      socket.uncork()
      await socket.drained(blockMs, 'data')
      socket.cork()
    }
    if (socket.answered()) return await takeEarlyReplies(socket)
    if (!socket.open()) throw new SmtpFailure('data', 'dropped', 'the connection broke in the middle of the message')
    dotSent.value = true
    socket.write(stuffer.end())
    const more = behind()
    if (more !== '') socket.write(more)
    return []
  } finally {
    socket.uncork()
  }
}

async function takeEarlyReplies(socket: SmtpSocket): Promise<Reply[]> {
  const replies: Reply[] = []
  while (socket.answered()) replies.push(await socket.reply(0, 'data'))
  socket.destroy()
  const good = replies.find((reply) => reply.code < 400)
  if (good) throw new SmtpFailure('data', 'protocol', `the server said ${good.code} before the message had ended`)
  return replies
}
