/**
 * What of a client's line goes into the log. Clients of ours are set up by hand, and a password may come anywhere: after
 * AUTH, as a line of its own behind it (RFC 4954 section 4), in a command that was mistyped. So only what an envelope
 * consists of is repeated; of other commands the verb, and of what is no command nothing.
 */
const ENVELOPE = new Set(['EHLO', 'HELO', 'MAIL', 'RCPT'])
const LONGEST = 200

/** `commands`: what the listener offers. */
export function spoken(line: Buffer, commands: ReadonlyMap<string, unknown>): string {
  const text = line.toString('utf8')
  const verb = /^[A-Za-z]{1,20}(?![^\s])/.exec(text)?.[0].toUpperCase()
  if (verb === undefined || !commands.has(verb)) return 'a line that is no command'
  return ENVELOPE.has(verb) ? text.trimEnd().slice(0, LONGEST) : verb
}
