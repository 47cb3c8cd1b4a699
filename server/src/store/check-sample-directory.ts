/** Of directories: a shared mailbox, everybody in the address book, a person that one knows, a run that was done, and one that waits with its list. */
import { BookKind, DelegationKind, DirectoryRunState, PersonKind, PersonSource, ScimKind } from '../platform/codes.ts'
import type { Sql } from '../platform/db/database.ts'
import type { Id } from '../platform/ids.ts'

export async function insertDirectory(sql: Sql, o: Id, personId: Id, id: () => Id): Promise<void> {
  const [mailboxId, groupId] = [id(), id()]
  await sql.query(
    `INSERT INTO person (organisation_id, person_id, name, kind, disabled_at) VALUES ($1, $2, 'Office', ${PersonKind.shared}, now())`,
    [o, mailboxId],
  )
  await sql.query(
    `INSERT INTO address (organisation_id, address, person_id, domain_id, is_primary, display)
     SELECT $1, 'office@' || split_part(address, '@', 2), $2, domain_id, true, 'office@' || split_part(address, '@', 2) FROM address WHERE person_id = $3 AND is_primary`,
    [o, mailboxId, personId],
  )
  await sql.query(`INSERT INTO person_group (organisation_id, group_id, name) VALUES ($1, $2, 'Readers')`, [o, groupId])
  await sql.query(
    `INSERT INTO shared_member (organisation_id, mailbox_id, member_id, is_group, may_write, send)
     VALUES ($1, $2, $3, false, true, ${DelegationKind.sendAs}), ($1, $2, $4, true, false, NULL)`,
    [o, mailboxId, personId, groupId],
  )
  await sql.query(
    `INSERT INTO book_entry (organisation_id, entry_id, kind, name, sort, words)
     SELECT organisation_id, person_id, ${BookKind.person}, name, name, array_to_tsvector(ARRAY[name]) FROM person WHERE organisation_id = $1
     ON CONFLICT DO NOTHING`,
    [o],
  )
  const [sourceId, done, waits] = [id(), id(), id()]
  await sql.query(
    `INSERT INTO directory_source (organisation_id, source_id, name, kind) VALUES ($1, $2, 'sample', ${PersonSource.csv})`,
    [o, sourceId],
  )
  await sql.query(
    `INSERT INTO directory_run (organisation_id, run_id, source_id, state, started_by, started_at, digest, counts, items, problems, why, list_packed)
     VALUES ($1, $2, $4, ${DirectoryRunState.applied}, 'sample', now(), '', '{}', '[]', '[]', '', NULL),
       ($1, $3, $4, ${DirectoryRunState.asks}, 'sample', now(), '', '{}', '[]', '[]', '', '\\x00')`,
    [o, done, waits, sourceId],
  )
  await sql.query(`UPDATE person SET source = ${PersonSource.csv} WHERE person_id = $1`, [personId])
  await sql.query('UPDATE address SET from_source = true WHERE organisation_id = $1 AND person_id = $2', [o, personId])
  await sql.query(
    `INSERT INTO person_source (organisation_id, source_id, external_id, person_id, said, linked_at, seen_run_id, seen_at)
     SELECT $1, $2, 'sample', $3, jsonb_build_object('addresses', jsonb_agg(address)), now(), $4, now() FROM address WHERE person_id = $3`,
    [o, sourceId, personId, done],
  )
  await insertScim(sql, o, id)
}

/** A client's user in a group, a group that it deleted, and a token. */
async function insertScim(sql: Sql, o: Id, id: () => Id): Promise<void> {
  const [sourceId, userId, groupId, goneId] = [id(), id(), id(), id()]
  await sql.query(
    `INSERT INTO directory_source (organisation_id, source_id, name, kind) VALUES ($1, $2, 'scim sample', ${PersonSource.scim})`,
    [o, sourceId],
  )
  await sql.query(
    `INSERT INTO scim_source (organisation_id, source_id, users, groups, members, changes, first_change_at, last_change_at)
     VALUES ($1, $2, 1, 1, 1, 4, now(), now())`,
    [o, sourceId],
  )
  await sql.query(
    `INSERT INTO scim_resource (organisation_id, source_id, resource_id, kind, name, external_id, doc, deleted_at)
     VALUES ($1, $2, $3, ${ScimKind.user}, 'sam', 's', '{"userName": "Sam", "externalId": "s"}', NULL),
       ($1, $2, $4, ${ScimKind.group}, 'crew', NULL, '{"displayName": "Crew"}', NULL), ($1, $2, $5, ${ScimKind.group}, 'gone', NULL, '{}', now())`,
    [o, sourceId, userId, groupId, goneId],
  )
  await sql.query(
    'INSERT INTO scim_member (organisation_id, source_id, group_id, member) VALUES ($1, $2, $3, $4::uuid::text)',
    [o, sourceId, groupId, userId],
  )
  await sql.query(
    `INSERT INTO scim_token (token_id, organisation_id, source_id, name, verifier, created_by) VALUES ($1, $2, $3, 'sample', '\\x00', 'sample')`,
    [id(), o, sourceId],
  )
}
