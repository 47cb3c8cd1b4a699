/** Organisations, routes with their modes, domains, people with address and folders. */
import { CLOSED_FROM, DOMAINS, ROUTES, SIZE, sqlOf, type Shape } from './shape.ts'
import { PREFIX_BYTES } from './mail.ts'

/** Statements, in their order; `port`: where all routes lead. */
export function peopleStatements(shape: Shape, port: number): string[] {
  const sql = sqlOf(shape)
  const organisations = `generate_series(0, ${shape.organisations - 1}) AS o`
  const persons = `(SELECT p, p % ${shape.organisations} AS o FROM generate_series(0, ${shape.people - 1}) AS p) AS persons`
  const of = (count: number): string => `${organisations} CROSS JOIN generate_series(0, ${count - 1}) AS n`
  // As the bench declares its own routes: nothing but mail moves their modes.
  const settings = {
    hosts: [{ host: '127.0.0.1', port }],
    tls: 'none',
    sensitivity: 'patient',
    probe: { enabled: false },
  }
  const began = `to_timestamp(${shape.from} / 1000.0)`
  const total = sql.placed
  return [
    `INSERT INTO organisation (organisation_id, slug, name)
     SELECT ${sql.organisationId}, 'flat' || o, 'Organisation number ' || o FROM ${organisations}`,
    `INSERT INTO route (organisation_id, route_id, name, kind, settings)
     SELECT ${sql.organisationId}, ${sql.routeId('n')}, 'primary ' || n, 1, '${JSON.stringify(settings)}' FROM ${of(ROUTES)}`,
    `INSERT INTO domain (organisation_id, domain_id, name, kind, route_id, recipients_complete)
     SELECT ${sql.organisationId}, ${sql.domainId('n')}, ${sql.domainName('n')}, 1, ${sql.routeId(`n % ${ROUTES}`)}, true FROM ${of(DOMAINS)}`,
    `INSERT INTO person (organisation_id, person_id, name) SELECT ${sql.organisationId}, ${sql.personId}, 'Person ' || p FROM ${persons}`,
    `INSERT INTO address (organisation_id, address, person_id, domain_id, is_primary, display)
     SELECT ${sql.organisationId}, ${sql.address}, ${sql.personId}, ${sql.domainId(sql.domain)}, true, ${sql.address} FROM ${persons}`,
    `INSERT INTO folder (organisation_id, person_id, folder_no, name, role, uidvalidity, uidnext, modseq, total, unseen, bytes)
     SELECT ${sql.organisationId}, ${sql.personId}, no, name, no, 1 + no, c + 1, c + 1, c, c, c::bigint * ${SIZE + PREFIX_BYTES}
     FROM ${persons} CROSS JOIN unnest(ARRAY['Inbox', 'Drafts', 'Sent', 'Trash', 'Junk', 'Archive']) WITH ORDINALITY AS f(name, no)
     CROSS JOIN LATERAL (SELECT CASE WHEN no = 1 THEN ${total} ELSE 0 END AS c) AS counted`,
    `INSERT INTO return_event (organisation_id, return_event_id, route_id, began_at)
     SELECT ${sql.organisationId}, ${sql.eventId('n')}, ${sql.routeId('n')}, ${began} FROM ${of(ROUTES)} WHERE n >= ${CLOSED_FROM}`,
    `INSERT INTO route_mode (organisation_id, route_id, mode, since, version, cause, pin, pin_reason, pin_author, return_event_id)
     SELECT ${sql.organisationId}, ${sql.routeId('n')}, CASE WHEN closed THEN 3 ELSE 1 END, ${began}, CASE WHEN closed THEN 2 ELSE 1 END,
       CASE WHEN closed THEN 'pinned-emergency' ELSE 'first-seen' END, CASE WHEN closed THEN 1 END, CASE WHEN closed THEN 'the bench' END,
       CASE WHEN closed THEN 'cli:root' END, CASE WHEN closed THEN ${sql.eventId('n')} END
     FROM ${of(ROUTES)} CROSS JOIN LATERAL (SELECT n >= ${CLOSED_FROM} AS closed) AS c`,
  ]
}
