/** What an error from the database means for the statement that was under way. */

/** The connection ended, or gave no answer in time: what was under way may have been carried out, or may still be. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

export type DbErrorClass =
  /** The data is at fault (22xxx, 23xxx): the same statement will fail again. */
  | 'data'
  /** Deadlock, serialisation failure, lock time-out: repeat the transaction. */
  | 'repeat'
  /** The server said no before anything was done (starting, shutting down, too many connections, disk full). */
  | 'unavailable'
  /** The connection broke: whether a statement under way was committed is unknown. */
  | 'connection'
  /** No error of the database, or one that nobody has met yet. */
  | 'other'

/** Of sockets alone: a file that is not there (ENOENT) or a disk that cannot be read (EIO) is no lost connection. */
const SOCKET = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENOTCONN',
])
const SQLSTATE = /^[0-9A-Z]{5}$/

/** By class of the SQLSTATE (PostgreSQL, appendix A), or by the socket's own error. */
export function classifyDbError(error: unknown): DbErrorClass {
  if (error instanceof ConnectionLost) return 'connection'
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown }
  if (typeof code !== 'string') return 'other'
  // A server's socket file that is not there is ENOENT, but of a connect.
  if (SOCKET.has(code) || syscall === 'connect' || syscall === 'getaddrinfo') return 'connection'
  if (!SQLSTATE.test(code)) return 'other'
  if (code.startsWith('22') || code.startsWith('23')) return 'data'
  if (code === '40001' || code === '40P01' || code === '55P03') return 'repeat'
  if (code.startsWith('53') || code === '57P03') return 'unavailable'
  if (code.startsWith('57P') || code.startsWith('08') || code === '40003') return 'connection'
  return 'other'
}
