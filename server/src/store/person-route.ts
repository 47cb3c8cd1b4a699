/** SQL for person `p`: the route of their mail, as routing finds it: the person's, else the group's, else that of the domain of the primary address. */
export const PERSON_ROUTE = `coalesce(p.route_id,
  (SELECT g.route_id FROM person_group g WHERE g.organisation_id = p.organisation_id AND g.group_id = p.group_id),
  (SELECT coalesce(dm.route_id, al.route_id) FROM address a JOIN domain dm USING (organisation_id, domain_id)
   LEFT JOIN domain al ON al.organisation_id = dm.organisation_id AND al.domain_id = dm.alias_of_domain_id
   WHERE a.organisation_id = p.organisation_id AND a.person_id = p.person_id AND a.is_primary))`
