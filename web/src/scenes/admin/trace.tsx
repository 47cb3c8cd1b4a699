/** One message from accept to the last reply: every delivery, every attempt, every copy, the ledger. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { TraceDelivery } from '../../data/contract.ts'
import { traceQuery } from '../../data/queries.ts'
import { encryptionText } from '../../lib/encryption.ts'
import { proofText } from '../../lib/engine-text.ts'
import { fileSize, stretch } from '../../lib/format.ts'
import { sentence } from '../../lib/sentence.ts'
import { ErrorState, LoadingState } from '../../ui/states.tsx'
import { TimeText } from '../../ui/time-text.tsx'
import { StateWord, Why } from './words.tsx'

const here = getRouteApi('/signed/admin/$org/trace/$message')

export function TraceScene() {
  const { t, i18n } = useTranslation()
  const { org, message: id } = here.useParams()
  const { data, error, refetch } = useQuery(traceQuery(org, id))
  const back = (
    <p>
      <Link to="/admin/$org/trace" params={{ org }}>
        ← {t('admin.trace')}
      </Link>
    </p>
  )
  if (!data)
    return (
      <>
        {back}
        {error ? <ErrorState error={error} retry={() => void refetch()} /> : <LoadingState />}
      </>
    )
  const { message, deliveries, copies, ledger } = data
  const facts: [string, ReactNode][] = [
    [t('trace.from'), message.from || '<>'],
    [t('trace.recipients'), message.recipients.join(', ')],
    [t('trace.accepted'), <TimeText key="at" at={message.acceptedAt} form="long" />],
    [t('trace.direction'), sentence(t, 'trace', message.direction)],
    [t('queue.size'), fileSize(message.size, i18n.language)],
    [t('trace.client'), [message.helo, message.clientIp].filter(Boolean).join(' · ') || '–'],
    ['TLS', message.tls ?? t('trace.notEncrypted')],
    [
      t('trace.messageId'),
      <span key="mid" className="mono">
        {message.messageIdHeader ?? '–'}
      </span>,
    ],
    [
      t('trace.ownId'),
      <span key="own" className="mono">
        {message.ownId ?? '–'}
      </span>,
    ],
    [
      message.mended ? t('trace.digestSent') : t('trace.digest'),
      <span key="digest" className="mono">
        {message.digest}
      </span>,
    ],
  ]
  if (message.mended)
    facts.push([
      t('trace.mended'),
      <span key="mended">
        {t('trace.mendedEnds', { count: message.mended.count })} <span className="mono">{message.mended.digest}</span>
      </span>,
    ])
  return (
    <>
      {back}
      <h1>{message.subject || t('mail.noSubject')}</h1>
      <section className="card" aria-label={t('trace.message')}>
        <dl className="facts">
          {facts.map(([name, value]) => (
            <div key={name} style={{ display: 'contents' }}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </section>
      <h2>{t('trace.deliveries')}</h2>
      {deliveries.map((delivery) => (
        <Delivery key={delivery.deliveryId} delivery={delivery} />
      ))}
      <h2>{t('trace.copies')}</h2>
      <section className="card">
        {copies.length === 0 ? (
          <p className="muted">{t('trace.noCopies')}</p>
        ) : (
          <ul style={{ margin: 0, paddingInlineStart: 'var(--space-4)' }}>
            {copies.map((copy) => (
              <li key={copy.person + copy.source}>
                {copy.person}{' '}
                <span className="muted">
                  {copy.folder && `${copy.folder} · `}
                  {copy.expiresAt ? (
                    <>
                      {t('trace.expires')} <TimeText at={copy.expiresAt} />
                    </>
                  ) : (
                    t('trace.keptForever')
                  )}
                </span>
              </li>
            ))}
          </ul>
        )}
      </section>
      {ledger.length > 0 && (
        <>
          <h2>{t('trace.ledger')}</h2>
          <section className="card">
            <ol className="attempts">
              {ledger.map((row) => (
                <li key={row.ledgerId}>
                  <span className="line">
                    <TimeText at={row.at} form="seconds" /> <StateWord state={row.outcome} /> {row.recipient}
                  </span>
                  <span className="mono">{proofText(t, row.proof, row.person)}</span>
                </li>
              ))}
            </ol>
          </section>
        </>
      )}
    </>
  )
}

function Delivery({ delivery }: { delivery: TraceDelivery }) {
  const { t, i18n } = useTranslation()
  return (
    <section className="card stack" aria-label={delivery.recipient}>
      <div className="line">
        <h3 className="grow" style={{ overflowWrap: 'anywhere', minWidth: 0 }}>
          {delivery.recipient}
        </h3>
        <StateWord state={delivery.state} />
      </div>
      <p>
        {delivery.quiet ? (
          <>
            {t('quiet.heldByLine', { window: delivery.quiet.window })}{' '}
            <TimeText at={delivery.quiet.until} form="clock" />
          </>
        ) : (
          <Why reason={delivery.reason} />
        )}{' '}
        {delivery.route && <span className="muted">{delivery.route}</span>}
      </p>
      {delivery.via && (
        <p className="muted">
          {t('trace.via', { address: delivery.via })}{' '}
          {delivery.sender && t('trace.sentAs', { sender: delivery.sender })}
        </p>
      )}
      {delivery.attemptRows.length === 0 ? (
        <p className="muted">{t('trace.noAttempts')}</p>
      ) : (
        <ol className="attempts">
          {delivery.attemptRows.map((attempt) => (
            <li key={attempt.attemptNo}>
              <span className="line">
                <strong>{t('trace.attempt', { number: attempt.attemptNo })}</strong>
                <TimeText at={attempt.at} form="seconds" />
                <StateWord state={attempt.outcome} />
              </span>
              <Why reason={attempt.reason} />
              {attempt.reply && <span className="mono">{attempt.reply}</span>}
              <span className="muted small">
                {[
                  attempt.host,
                  attempt.host && encryptionText(t, attempt.tls),
                  attempt.durationMs < 1000 ? `${attempt.durationMs} ms` : stretch(attempt.durationMs, i18n.language),
                ]
                  .filter(Boolean)
                  .join(' · ')}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}
