/**
 * The closed list of what an audit row can say was done. A new act of an admin or of the engine gets its word here first;
 * words are stored: never rename or reuse one.
 */
export const auditActions = [
  // the installation
  'installation-started',
  'setup-link-made',
  'operator-created',
  'operator-changed',
  'exported',
  'imported',
  'epoch-begun',
  // signing in
  'signed-in',
  'signed-out',
  'sign-in-refused',
  'password-set',
  'password-changed',
  'sessions-revoked',
  // what an organisation consists of
  'organisation-created',
  'organisation-changed',
  'organisation-removed',
  'route-created',
  'route-changed',
  'route-removed',
  'domain-created',
  'domain-changed',
  'domain-removed',
  'dkim-key-made',
  'group-created',
  'group-changed',
  'group-removed',
  'person-created',
  'person-changed',
  'person-removed',
  'applied',
  'list-member-paused',
  'list-member-resumed',
  // continuity
  'mode-changed',
  'pin-set',
  'pin-removed',
  'mailbox-fails',
  'mailbox-well',
  'judging-blind',
  'accept-all-found',
  'accept-all-over',
  'return-begun',
  'return-stopped',
  'return-finished',
  // Quiet Time
  'quiet-set',
  'quiet-removed',
  'quiet-released',
  'quiet-extended',
  // queue and parking
  'delivery-retried',
  'delivery-cancelled',
  'delivery-expired',
  'deletions-confirmed',
  'parked-seen',
  'parked-released',
  'parked-dropped',
  // looking at what belongs to others
  'trace-read',
  'message-read',
] as const
export type AuditAction = (typeof auditActions)[number]
