/**
 * SQL for person `p`: does this person have an emergency mailbox? The narrowest scope that says something, from person to
 * organisation (the domain is that of the primary address).
 */
export const PROTECTED = `coalesce(p.scope_emergency, (SELECT g.scope_emergency FROM person_group g WHERE g.organisation_id = p.organisation_id AND g.group_id = p.group_id),
  (SELECT dm.scope_emergency FROM address a JOIN domain dm USING (organisation_id, domain_id) WHERE a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary),
  (SELECT o.scope_emergency FROM organisation o WHERE o.organisation_id = p.organisation_id))`
