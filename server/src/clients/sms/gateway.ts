/**
 * Text messages by whatever gateway takes them over HTTPS: one POST, whose body and headers the administrator writes as their provider
 * documents it, `{to}` and `{text}` put in. Redirects are not followed: what is in the message must go to nobody else.
 *
 * Failure: not an answer of 2xx within ten seconds is an error; the gateway's answer is not repeated in it, for it may hold the text.
 */
export interface SmsGateway {
  /** `to`: +4179…; throws where the gateway did not take it */
  send(to: string, text: string): Promise<void>
}

export interface SmsSettings {
  url: string
  /** of the body: what the places are encoded for */
  format: 'json' | 'form'
  /** with {to} and {text}, of JSON without quotes around them */
  body: string
  /** by name; secrets among them */
  headers: Readonly<Record<string, string>>
}

const WITHIN_MS = 10_000
const TYPES = { json: 'application/json', form: 'application/x-www-form-urlencoded' } as const

export function smsBody({ format, body }: Pick<SmsSettings, 'format' | 'body'>, to: string, text: string): string {
  const encoded = (value: string): string => (format === 'json' ? JSON.stringify(value) : encodeURIComponent(value))
  const values: Record<string, string> = { to: encoded(to), text: encoded(text) }
  // In one pass: what is put in is not looked through for places again.
  return body.replaceAll(/\{(to|text)\}/g, (_place, name: string) => values[name]!)
}

export function createSmsGateway(settings: SmsSettings): SmsGateway {
  return {
    async send(to, text) {
      let answer: Response
      try {
        answer = await fetch(settings.url, {
          method: 'POST',
          headers: { 'content-type': TYPES[settings.format], ...settings.headers },
          body: smsBody(settings, to, text),
          redirect: 'error',
          signal: AbortSignal.timeout(WITHIN_MS),
        })
      } catch (error) {
        const { message, cause } = error as Error
        throw new Error(`the SMS gateway did not answer: ${cause instanceof Error ? cause.message : message}`)
      }
      await answer.body?.cancel()
      if (!answer.ok) throw new Error(`the SMS gateway answered ${answer.status}`)
    },
  }
}

/** A telephone number as people type it, in the form of E.164. Null: it is none, or lacks the country's code. */
export function foldPhone(typed: string): string | null {
  if (typed.length > 40) return null
  const plain = typed.replaceAll(/[\s\p{Pd}().\/]/gu, '').replace(/^00/, '+')
  return /^\+[1-9]\d{6,14}$/.test(plain) ? plain : null
}
