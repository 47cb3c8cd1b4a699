-- Holdfast's tables. Forward only: never edit a migration that has landed, add the next number.
--
-- Habits: organisation first in every key of a table that belongs to one; ids are uuidv7 made in Node (ordered by
-- time, so B-trees grow at their right edge); text that is compared is stored folded (lower case, A-labels) with
-- COLLATE "C"; closed sets are smallint with the words in server/src/platform/codes.ts; the database's clock is the only
-- clock for leases and schedules. Hot tables carry no foreign keys: `holdfast check` proves what they would.

-- ---------------------------------------------------------------- installation

CREATE TABLE installation (
  singleton        boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  installation_id  uuid        NOT NULL,
  -- A new epoch begins after every restore or import; UIDVALIDITY and JMAP states derive from it.
  epoch            integer     NOT NULL DEFAULT 1 CHECK (epoch > 0),
  -- Set by `export --close`: the source promises never to run again, so an import may keep the epoch.
  closed_at        timestamptz,
  created_at       timestamptz NOT NULL DEFAULT now()
);

-- One row per running process; a row whose heartbeat is old belongs to a dead node, or nobody could write for a while.
CREATE TABLE node (
  node_id       uuid PRIMARY KEY,
  roles         text        NOT NULL,
  started_at    timestamptz NOT NULL DEFAULT now(),
  seen_at       timestamptz NOT NULL DEFAULT now(),
  -- Since when its heartbeat has come without a gap: only then may it call others dead.
  steady_since  timestamptz NOT NULL DEFAULT now()
);

-- Moves on every change to what RCPT and routing look up; processes drop their cached answers when it has moved.
CREATE TABLE directory_generation (
  singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  generation  bigint NOT NULL DEFAULT 1
);
INSERT INTO directory_generation DEFAULT VALUES;

-- ---------------------------------------------------------------- organisation, routes, domains, people

CREATE TABLE organisation (
  organisation_id  uuid PRIMARY KEY,
  slug             text COLLATE "C" NOT NULL UNIQUE,
  name             text        NOT NULL,
  retention_days   integer     NOT NULL DEFAULT 14 CHECK (retention_days BETWEEN 1 AND 3650),
  -- Scopes at their widest level; domain, group and person may narrow or widen them (null there = inherit).
  scope_filtering  boolean     NOT NULL DEFAULT true,
  scope_copy       boolean     NOT NULL DEFAULT true,
  scope_emergency  boolean     NOT NULL DEFAULT true,
  -- Where mail to the outside world leaves; a route of kind mx or smarthost.
  outbound_route_id uuid,
  -- Its own systems that hand us mail for the world: core/directory/outbound-source.ts.
  outbound_sources jsonb       NOT NULL DEFAULT '[]',
  -- Of those that sign in: user name → argon2id. Apart, so that who shows the sources shows no verifier.
  outbound_verifiers jsonb     NOT NULL DEFAULT '{}',
  -- Addresses that are told of alarms.
  alarms_to        jsonb       NOT NULL DEFAULT '[]',
  settings         jsonb       NOT NULL DEFAULT '{}',
  -- When people are told of an outage at their private addresses: core/directory/notice-settings.ts
  notices          jsonb       NOT NULL DEFAULT '{}',
  -- Whether people hear later that their mailbox was opened: core/directory/mailbox-access-settings.ts
  mailbox_access   jsonb       NOT NULL DEFAULT '{}',
  -- Where else its people prove who they are: core/directory/sign-in-settings.ts. The password of the search account beside
  -- it, sealed under the master key.
  sign_in          jsonb       NOT NULL DEFAULT '{}',
  ldap_sealed      bytea,
  -- The secret by which we sign in at the identity provider; null: there is none, or we are a public client.
  provider_sealed  bytea,
  created_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE route (
  organisation_id  uuid        NOT NULL REFERENCES organisation,
  route_id         uuid        NOT NULL UNIQUE,
  name             text        NOT NULL,
  kind             smallint    NOT NULL,              -- codes.ts RouteKind: primary, smarthost, mx
  -- Hosts with priorities, port, protocol, TLS policy, limits, probe, sensitivity, waits: core/directory/route-settings.ts
  settings         jsonb       NOT NULL DEFAULT '{}',
  -- Credentials sealed under the master key.
  secret_sealed    bytea,
  -- Our certificate with its key, for hosts that ask for one; sealed as well.
  client_tls_sealed  bytea,
  -- Passwords of the probes in settings.reach: JSON by name, sealed as well.
  reach_sealed     bytea,
  -- How mail goes home: codes.ts WayBack (smtp; imap comes later).
  way_back         smallint    NOT NULL DEFAULT 1,
  last_ehlo        jsonb,
  -- Whether it takes mail for anybody, found by a probe for a made-up recipient: then nothing is learned from it (promise
  -- 7). null: not found out yet. Since when it answers so, and when it was last asked.
  accepts_all        boolean,
  accepts_all_since  timestamptz,
  accepts_all_at     timestamptz,
  PRIMARY KEY (organisation_id, route_id),
  UNIQUE (organisation_id, name)
);
ALTER TABLE organisation ADD FOREIGN KEY (organisation_id, outbound_route_id) REFERENCES route;

CREATE TABLE domain (
  organisation_id      uuid    NOT NULL REFERENCES organisation,
  domain_id            uuid    NOT NULL UNIQUE,
  name                 text COLLATE "C" NOT NULL UNIQUE,   -- folded, A-label
  kind                 smallint NOT NULL,                  -- codes.ts DomainKind: authoritative, shared, alias-of
  alias_of_domain_id   uuid,
  -- shared: where recipients unknown here go.
  other_route_id       uuid,
  catch_all            text COLLATE "C",
  subaddress_separator text    NOT NULL DEFAULT '+',       -- '' = none
  route_id             uuid,
  -- Promise 7: complete list -> 550 for strangers; incomplete -> callout, else 450 or park.
  recipients_complete  boolean NOT NULL DEFAULT false,
  unknown_policy       smallint NOT NULL DEFAULT 1,        -- codes.ts UnknownPolicy: later (450), park
  -- Whoever takes the mail of an incomplete domain may be asked about a stranger.
  callouts             boolean NOT NULL DEFAULT true,
  -- Unprotected people's mail in an emergency: warn the sender after N hours, or hold and warn the admin (null).
  warn_after_hours     integer,
  scope_filtering      boolean,
  scope_copy           boolean,
  scope_emergency      boolean,
  dkim_selector        text COLLATE "C",
  dkim_public          text,
  dkim_private_sealed  bytea,
  -- The MTA-STS policy that is served for it: mode, mx, maxAge. null: none.
  mta_sts              jsonb,
  -- What the engine may do by itself for it: core/directory/switching.ts. null: as its route says.
  switching            jsonb,
  PRIMARY KEY (organisation_id, domain_id),
  FOREIGN KEY (organisation_id, route_id) REFERENCES route,
  FOREIGN KEY (organisation_id, other_route_id) REFERENCES route,
  FOREIGN KEY (organisation_id, alias_of_domain_id) REFERENCES domain
);

CREATE TABLE person_group (
  organisation_id  uuid NOT NULL REFERENCES organisation,
  group_id         uuid NOT NULL,
  name             text NOT NULL,
  route_id         uuid,
  scope_filtering  boolean,
  scope_copy       boolean,
  scope_emergency  boolean,
  PRIMARY KEY (organisation_id, group_id),
  UNIQUE (organisation_id, name),
  FOREIGN KEY (organisation_id, route_id) REFERENCES route
);

CREATE TABLE person (
  organisation_id  uuid     NOT NULL REFERENCES organisation,
  person_id        uuid     NOT NULL UNIQUE,
  name             text     NOT NULL,
  -- codes.ts PersonKind: person; shared, room: a mailbox of several, to which nobody signs in by itself.
  kind             smallint NOT NULL DEFAULT 1,
  -- codes.ts PersonSource: manual (by hand: no source removes or renames them), csv, ldap, scim, learned
  source           smallint NOT NULL DEFAULT 1,
  upn              text COLLATE "C",                  -- folded
  locale           text     NOT NULL DEFAULT 'en',
  group_id         uuid,
  route_id         uuid,
  scope_filtering  boolean,
  scope_copy       boolean,
  scope_emergency  boolean,
  -- codes.ts Role: person, helpdesk, auditor, admin. Operators are in the table operator.
  role             smallint NOT NULL DEFAULT 1,
  role_since       timestamptz NOT NULL DEFAULT now(),
  -- Of a shared mailbox that was somebody's own, with mail in it: until when. Null: it never was.
  was_own_until    timestamptz,
  -- An address of their own beyond the organisation, for when mail to it says nothing; sealed under the master key.
  private_sealed   bytea,
  disabled_at      timestamptz,
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organisation_id, person_id),
  CHECK (kind = 1 OR disabled_at IS NOT NULL),
  CHECK (kind <> 1 OR was_own_until IS NULL),
  FOREIGN KEY (organisation_id, group_id) REFERENCES person_group,
  FOREIGN KEY (organisation_id, route_id) REFERENCES route
);
CREATE UNIQUE INDEX person_upn ON person (upn) WHERE upn IS NOT NULL;
-- Whose name it could be, where it is nobody's: store/access.ts.
CREATE INDEX person_upn_domain ON person (split_part(upn, '@', -1), organisation_id) WHERE upn IS NOT NULL;

CREATE TABLE address (
  organisation_id  uuid     NOT NULL,
  address          text COLLATE "C" PRIMARY KEY,      -- folded local part @ A-label domain
  person_id        uuid     NOT NULL,
  domain_id        uuid     NOT NULL,
  is_primary       boolean  NOT NULL DEFAULT false,
  display          text     NOT NULL,                 -- as the admin wrote it
  -- A directory source brought it and may take it away again; what was written by hand stays.
  from_source      boolean  NOT NULL DEFAULT false,
  FOREIGN KEY (organisation_id, person_id) REFERENCES person,
  FOREIGN KEY (organisation_id, domain_id) REFERENCES domain
);
CREATE INDEX address_person ON address (organisation_id, person_id);
CREATE UNIQUE INDEX address_primary ON address (organisation_id, person_id) WHERE is_primary;

-- What the address book shows of a person beyond name and addresses: core/directory/card.ts. Nobody needs one.
CREATE TABLE person_card (
  organisation_id  uuid     NOT NULL,
  person_id        uuid     NOT NULL,
  title            text,
  department       text,
  office           text,
  phones           jsonb    NOT NULL DEFAULT '[]',    -- {kind, number}
  manager          text COLLATE "C",                  -- folded address of whom they report to
  hidden           boolean  NOT NULL DEFAULT false,   -- not in the address book
  photo            bytea,                             -- core/directory/photo.ts
  photo_type       text,
  photo_digest     text COLLATE "C",
  -- Which of these the declaration says: no source changes them.
  by_hand          text[]   NOT NULL DEFAULT '{}',
  PRIMARY KEY (organisation_id, person_id),
  FOREIGN KEY (organisation_id, person_id) REFERENCES person ON DELETE CASCADE,
  CHECK ((photo IS NULL) = (photo_type IS NULL) AND (photo IS NULL) = (photo_digest IS NULL))
);

-- The address book as it is searched: a row for each person, list and group that is shown, written with what it is made
-- of (core/directory/book). Words are folded, and matched by their beginnings.
CREATE TABLE book_entry (
  organisation_id  uuid     NOT NULL REFERENCES organisation,
  entry_id         uuid     NOT NULL,                 -- of the person, list or group
  kind             smallint NOT NULL,                 -- codes.ts BookKind: person, list, group
  name             text     NOT NULL,
  sort             text COLLATE "C" NOT NULL,         -- the name, folded
  words            tsvector NOT NULL,
  PRIMARY KEY (organisation_id, entry_id)
);
CREATE INDEX book_entry_sort ON book_entry (organisation_id, sort, entry_id);
CREATE INDEX book_entry_words ON book_entry USING gin (words) WITH (fastupdate = off);

-- Where lists of people come from: core/directory/sources.
CREATE TABLE directory_source (
  organisation_id  uuid     NOT NULL REFERENCES organisation,
  source_id        uuid     NOT NULL,
  name             text     NOT NULL,
  kind             smallint NOT NULL,                 -- codes.ts PersonSource: csv, ldap, scim
  -- Most changes of one run without being asked, the grace of who is missing, how often and from where a list is fetched:
  -- core/directory/sources/settings.ts
  settings         jsonb    NOT NULL DEFAULT '{}',
  -- Password of an account of its own that may read the directory; null: the one of signIn.ldap.
  secret_sealed    bytea,
  created_at       timestamptz NOT NULL DEFAULT now(),
  -- Fetched by the clock: since when, when next, and by whom at present (whose lease ends unless it is renewed).
  scheduled_at     timestamptz,
  due_at           timestamptz,
  lease_id         uuid,
  leased_until     timestamptz,
  -- The last whole list, whoever brought it, and the digest of what it would have changed.
  listed_at        timestamptz,
  listed_digest    text,
  -- Since the last whole list: tries that brought none, the last of them and why.
  failures         integer  NOT NULL DEFAULT 0,
  failed_at        timestamptz,
  failed_why       text,
  PRIMARY KEY (organisation_id, source_id),
  UNIQUE (organisation_id, name),
  CHECK (secret_sealed IS NULL OR kind = 3),
  CHECK ((settings->>'everyMinutes' IS NULL) = (due_at IS NULL) AND (due_at IS NULL) = (scheduled_at IS NULL)),
  CHECK ((lease_id IS NULL) = (leased_until IS NULL))
);
CREATE INDEX directory_source_due ON directory_source (due_at) WHERE due_at IS NOT NULL;

-- Which sources speak of a person, and what each said last. A person taken away whose mail is still here keeps the row:
-- the same id coming back is the same person.
CREATE TABLE person_source (
  organisation_id  uuid     NOT NULL,
  source_id        uuid     NOT NULL,
  external_id      text COLLATE "C" NOT NULL,         -- stable id at the source
  person_id        uuid     NOT NULL,
  said             jsonb    NOT NULL,
  linked_at        timestamptz NOT NULL,
  seen_run_id      uuid     NOT NULL,
  seen_at          timestamptz NOT NULL,
  -- Since which run the source has not named them; the grace counts from it.
  missing_since    timestamptz,
  PRIMARY KEY (organisation_id, source_id, external_id),
  UNIQUE (organisation_id, person_id, source_id),
  FOREIGN KEY (organisation_id, source_id) REFERENCES directory_source ON DELETE CASCADE,
  FOREIGN KEY (organisation_id, person_id) REFERENCES person ON DELETE CASCADE
);

-- The report of a run; the newest of each source are kept.
CREATE TABLE directory_run (
  organisation_id  uuid     NOT NULL,
  run_id           uuid     NOT NULL,
  source_id        uuid     NOT NULL,
  state            smallint NOT NULL,                 -- codes.ts DirectoryRunState: staged, asks, applied, refused, failed
  started_by       text     NOT NULL,                 -- as in audit rows
  started_at       timestamptz NOT NULL,
  decided_by       text,
  decided_at       timestamptz,
  -- Of the plan: what is confirmed is what was shown.
  digest           text     NOT NULL,
  counts           jsonb    NOT NULL,
  -- The first ones; the counts are of all.
  items            jsonb    NOT NULL,
  problems         jsonb    NOT NULL,
  -- Why it asks, was refused or failed.
  why              text     NOT NULL,
  -- The list itself while somebody is asked, packed; gone when it is decided.
  list_packed      bytea,
  PRIMARY KEY (organisation_id, run_id),
  FOREIGN KEY (organisation_id, source_id) REFERENCES directory_source ON DELETE CASCADE
);
CREATE INDEX directory_run_source ON directory_run (organisation_id, source_id, run_id);

-- A source that is written to by SCIM, change by change. Its row is held by each change, and says when the whole is to be made
-- a list again (store/scim-runs.ts).
CREATE TABLE scim_source (
  organisation_id  uuid     NOT NULL,
  source_id        uuid     NOT NULL,
  users            integer  NOT NULL DEFAULT 0,       -- that are not deleted, as are the groups
  groups           integer  NOT NULL DEFAULT 0,
  members          integer  NOT NULL DEFAULT 0,       -- rows of scim_member
  changes          bigint   NOT NULL DEFAULT 0,       -- ever
  compiled         bigint   NOT NULL DEFAULT 0,       -- of them, those that were in a list
  first_change_at  timestamptz,                       -- of those that were in none yet
  last_change_at   timestamptz,
  ran_at           timestamptz,
  claimed_until    timestamptz,
  PRIMARY KEY (organisation_id, source_id),
  FOREIGN KEY (organisation_id, source_id) REFERENCES directory_source ON DELETE CASCADE
);

-- What a client proves that it may write a source by. Generated by us and shown once; several for a source, so that one can
-- take another's place.
CREATE TABLE scim_token (
  token_id         uuid PRIMARY KEY,
  organisation_id  uuid        NOT NULL,
  source_id        uuid        NOT NULL,
  name             text        NOT NULL,
  verifier         bytea       NOT NULL UNIQUE,       -- SHA-256
  created_by       text        NOT NULL,              -- as in audit rows
  created_at       timestamptz NOT NULL DEFAULT now(),
  expires_at       timestamptz,
  last_used_at     timestamptz,                       -- to the hour
  last_place       text,                              -- the network, as networks are told apart at sign-in
  FOREIGN KEY (organisation_id, source_id) REFERENCES scim_source ON DELETE CASCADE
);

-- A user or a group as a client wrote it. A deleted one keeps its row for a while: who comes back is the same.
CREATE TABLE scim_resource (
  organisation_id  uuid        NOT NULL,
  source_id        uuid        NOT NULL,
  resource_id      uuid        NOT NULL,
  kind             smallint    NOT NULL,              -- codes.ts ScimKind: user, group
  name             text COLLATE "C" NOT NULL,         -- userName or displayName, in lower case
  external_id      text COLLATE "C",
  doc              jsonb       NOT NULL,              -- without id, meta and members
  version          integer     NOT NULL DEFAULT 1,
  created_at       timestamptz NOT NULL DEFAULT now(),
  modified_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at       timestamptz,
  PRIMARY KEY (organisation_id, source_id, resource_id)
);
CREATE UNIQUE INDEX scim_resource_user ON scim_resource (organisation_id, source_id, name) WHERE kind = 1 AND deleted_at IS NULL;
CREATE INDEX scim_resource_name ON scim_resource (organisation_id, source_id, kind, name);
CREATE INDEX scim_resource_external ON scim_resource (organisation_id, source_id, external_id) WHERE external_id IS NOT NULL;

-- Members as a client named them: ids of users and groups of the same source, and what else it may have written.
CREATE TABLE scim_member (
  organisation_id  uuid     NOT NULL,
  source_id        uuid     NOT NULL,
  group_id         uuid     NOT NULL,
  member           text COLLATE "C" NOT NULL,
  type             text,
  display          text,
  PRIMARY KEY (organisation_id, source_id, group_id, member)
);
CREATE INDEX scim_member_member ON scim_member (organisation_id, source_id, member);

-- An address that stands for others: its mail goes on to each of `targets`. A person may have the address too; keep_copy
-- says whether they get the mail themselves as well.
CREATE TABLE redirect (
  organisation_id  uuid     NOT NULL,
  redirect_id      uuid     NOT NULL,
  address          text COLLATE "C" NOT NULL UNIQUE,  -- folded local part @ A-label domain
  domain_id        uuid     NOT NULL,
  display          text     NOT NULL,                 -- as the admin wrote it
  targets          text[]   NOT NULL,                 -- as the admin wrote them: here or outside
  keep_copy        boolean  NOT NULL DEFAULT true,
  PRIMARY KEY (organisation_id, redirect_id),
  FOREIGN KEY (organisation_id, domain_id) REFERENCES domain
);

-- Addresses of the organisation, beside their own, that a person may write from.
CREATE TABLE delegation (
  organisation_id  uuid     NOT NULL,
  person_id        uuid     NOT NULL,                 -- who may
  address          text COLLATE "C" NOT NULL,         -- folded; somebody's, or nobody's in a domain of the organisation
  kind             smallint NOT NULL,                 -- codes.ts DelegationKind: sendAs, onBehalf
  display          text     NOT NULL,
  PRIMARY KEY (organisation_id, person_id, address),
  FOREIGN KEY (organisation_id, person_id) REFERENCES person
);

-- Who reads a shared mailbox beside their own: people, and everybody of a group.
CREATE TABLE shared_member (
  organisation_id  uuid     NOT NULL,
  mailbox_id       uuid     NOT NULL,                 -- the person of kind shared or room
  member_id        uuid     NOT NULL,
  is_group         boolean  NOT NULL,
  may_write        boolean  NOT NULL,
  send             smallint,                          -- codes.ts DelegationKind: how they write from its addresses; null: not
  PRIMARY KEY (organisation_id, mailbox_id, member_id),
  FOREIGN KEY (organisation_id, mailbox_id) REFERENCES person ON DELETE CASCADE
);
CREATE INDEX shared_member_of ON shared_member (organisation_id, member_id);

-- Somebody asks for a person's mailbox, a second person decides, the person is told: core/four-eyes. Rows stay.
CREATE TABLE mailbox_access (
  organisation_id  uuid        NOT NULL,
  access_id        uuid        NOT NULL,
  mailbox_id       uuid        NOT NULL,              -- the person whose it is
  asker_id         uuid        NOT NULL,              -- a person: operators read nobody's mail
  purpose          smallint    NOT NULL,              -- codes.ts MailboxAccessPurpose: read, handOver
  reason           text        NOT NULL,
  minutes          integer     NOT NULL CHECK (minutes BETWEEN 15 AND 10080),
  state            smallint    NOT NULL,              -- codes.ts MailboxAccessState
  asked_at         timestamptz NOT NULL DEFAULT now(),
  answer_by        timestamptz NOT NULL,              -- nobody decided until then: lapsed
  decided_at       timestamptz,
  decided_by       text,                              -- as in audit rows; never the asker, never the person
  note             text        NOT NULL DEFAULT '',   -- of who decided
  expires_at       timestamptz,
  -- When the person hears of it: at once, or as the organisation declared, and on what ground.
  tell_at          timestamptz,
  delay_basis      text,
  opened_at        timestamptz,                       -- first read, or handed over
  over_at          timestamptz,
  over_by          text,
  PRIMARY KEY (organisation_id, access_id),
  FOREIGN KEY (organisation_id, mailbox_id) REFERENCES person ON DELETE CASCADE
);
CREATE UNIQUE INDEX mailbox_access_once ON mailbox_access (organisation_id, mailbox_id, asker_id, purpose) WHERE state IN (1, 2);
CREATE INDEX mailbox_access_asker ON mailbox_access (organisation_id, asker_id) WHERE state IN (1, 2);
CREATE INDEX mailbox_access_due ON mailbox_access (coalesce(expires_at, answer_by)) WHERE state IN (1, 2);

-- What somebody is told about their own account and mailbox, in that mailbox and at their private address. Written in the
-- transaction of what it tells of; sent by the role work (core/notices/account-walk.ts).
CREATE TABLE account_notice (
  organisation_id  uuid        NOT NULL,
  notice_id        uuid        NOT NULL,
  person_id        uuid        NOT NULL,
  kind             text        NOT NULL,              -- closed list in platform/codes.ts: accountNoticeKinds
  facts            jsonb       NOT NULL,              -- data, never sentences
  made_at          timestamptz NOT NULL DEFAULT now(),
  due_at           timestamptz NOT NULL DEFAULT now(),
  tries            smallint    NOT NULL DEFAULT 0,
  -- 'told', or why not; null: not yet
  mailbox_outcome  text,
  private_outcome  text,
  PRIMARY KEY (organisation_id, notice_id),
  FOREIGN KEY (organisation_id, person_id) REFERENCES person ON DELETE CASCADE
);
CREATE INDEX account_notice_due ON account_notice (due_at) WHERE mailbox_outcome IS NULL OR private_outcome IS NULL;

-- A list: what is posted to it goes to its members as a message of its own, with headers and bounce addresses of the list.
CREATE TABLE mailing_list (
  organisation_id  uuid     NOT NULL,
  list_id          uuid     NOT NULL,
  address          text COLLATE "C" NOT NULL UNIQUE,  -- folded local part @ A-label domain
  domain_id        uuid     NOT NULL,
  display          text     NOT NULL,                 -- as the admin wrote it
  name             text     NOT NULL,
  members          text[]   NOT NULL,                 -- as the admin wrote them: here or outside
  groups           uuid[]   NOT NULL DEFAULT '{}',    -- whose people are members by their primary addresses
  posting          smallint NOT NULL,                 -- codes.ts ListPosting: anyone, members, organisation, named
  posters          text[]   NOT NULL DEFAULT '{}',    -- named: folded addresses
  help             text,                              -- URL of List-Help
  unsubscribe      text,                              -- URL of List-Unsubscribe
  -- A member is paused at so many bounces within so many days; null: never.
  pause_bounces    integer,
  pause_days       integer,
  PRIMARY KEY (organisation_id, list_id),
  FOREIGN KEY (organisation_id, domain_id) REFERENCES domain
);

-- Bounces of a list's members. The window begins with a bounce and counts towards pausing.
CREATE TABLE list_bounce (
  organisation_id  uuid     NOT NULL,
  list_id          uuid     NOT NULL,
  member           text COLLATE "C" NOT NULL,         -- folded
  bounces          integer  NOT NULL,
  first_at         timestamptz NOT NULL,
  last_at          timestamptz NOT NULL,
  last_text        text     NOT NULL,
  window_from      timestamptz NOT NULL,
  window_bounces   integer  NOT NULL,
  paused_at        timestamptz,
  PRIMARY KEY (organisation_id, list_id, member),
  FOREIGN KEY (organisation_id, list_id) REFERENCES mailing_list ON DELETE CASCADE
);

-- Recipients known without a directory, each with source and age (promise 7).
CREATE TABLE known_recipient (
  organisation_id  uuid     NOT NULL,
  address          text COLLATE "C" NOT NULL,
  route_id         uuid     NOT NULL,
  source           smallint NOT NULL,                 -- codes.ts KnownSource: delivered, callout
  known            boolean  NOT NULL DEFAULT true,    -- false: the primary refused it (callout cache, negative)
  first_seen_at    timestamptz NOT NULL DEFAULT now(),
  seen_at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organisation_id, address)
);
-- The callout cache of a domain is bounded: the oldest answers go.
CREATE INDEX known_recipient_callout ON known_recipient (organisation_id, split_part(address, '@', -1), known, seen_at) WHERE source = 2;

-- ---------------------------------------------------------------- sign-in

CREATE TABLE operator (
  operator_id    uuid PRIMARY KEY,
  name           text COLLATE "C" NOT NULL UNIQUE,    -- folded sign-in name
  display        text NOT NULL,
  locale         text NOT NULL DEFAULT 'en',
  disabled_at    timestamptz,
  created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE credential (
  credential_id    uuid PRIMARY KEY,
  organisation_id  uuid,                              -- null for an operator
  subject_id       uuid     NOT NULL,                 -- person_id or operator_id
  kind             smallint NOT NULL,                 -- codes.ts CredentialKind: argon2id both
  verifier         text     NOT NULL,
  must_change      boolean  NOT NULL DEFAULT false,
  created_at       timestamptz NOT NULL DEFAULT now(),
  last_used_at     timestamptz,
  -- of a cached one: when the organisation's directory last said that this password is right
  proved_at        timestamptz,
  CHECK (CASE kind WHEN 2 THEN proved_at IS NOT NULL AND organisation_id IS NOT NULL ELSE proved_at IS NULL END)
);
CREATE INDEX credential_subject ON credential (subject_id, kind);
CREATE UNIQUE INDEX credential_password ON credential (subject_id) WHERE kind = 1;
CREATE UNIQUE INDEX credential_cached ON credential (subject_id) WHERE kind = 2;

-- Generated by us, one for each device of a person; only the verifier is stored, and what the password is for never changes.
CREATE TABLE app_password (
  app_password_id  uuid PRIMARY KEY,
  organisation_id  uuid        NOT NULL,
  person_id        uuid        NOT NULL,
  name             text        NOT NULL,              -- of the device, as the person calls it
  protocols        smallint[]  NOT NULL,              -- codes.ts AppProtocol
  verifier         bytea       NOT NULL,              -- SHA-256 of person and password
  created_at       timestamptz NOT NULL DEFAULT now(),
  last_used_at     timestamptz,                       -- to the hour
  last_place       text                               -- the network, as networks are told apart at sign-in
);
CREATE UNIQUE INDEX app_password_person ON app_password (organisation_id, person_id, verifier);

-- The private address a person gave, used for links once a code sent there came back. What an admin declared is
-- person.private_sealed. The row stays when the address goes: what was sent within the hour is counted here.
CREATE TABLE private_contact (
  organisation_id  uuid        NOT NULL,
  person_id        uuid        NOT NULL,
  kind             smallint    NOT NULL DEFAULT 1,    -- codes.ts ContactKind
  sealed           bytea,                             -- an address as person.private_sealed is
  verified_at      timestamptz,
  waiting_sealed   bytea,                             -- not verified yet
  code_hash        bytea,                             -- of the code sent there, under the master key
  code_expires_at  timestamptz,
  code_tries       smallint    NOT NULL DEFAULT 0,
  hour_began_at    timestamptz NOT NULL DEFAULT now(),
  sent_in_hour     smallint    NOT NULL DEFAULT 0,
  PRIMARY KEY (organisation_id, person_id, kind)
);

-- People are asked, by mail to their mailbox here, for a private address: all who have none, now and later, until it is stopped.
CREATE TABLE contact_campaign (
  organisation_id  uuid PRIMARY KEY REFERENCES organisation ON DELETE CASCADE,
  campaign_id      uuid        NOT NULL,
  started_at       timestamptz NOT NULL DEFAULT now(),
  started_by       text        NOT NULL,              -- as in audit
  every_days       smallint    NOT NULL,              -- between two asks of the same person
  times            smallint    NOT NULL,              -- most asks of one person
  stopped_at       timestamptz,
  -- One process at a time asks.
  walker_until     timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE TABLE contact_ask (
  organisation_id  uuid        NOT NULL,
  person_id        uuid        NOT NULL,
  asks             smallint    NOT NULL,
  asked_at         timestamptz NOT NULL,              -- the last time
  why              text,                              -- unsure: being sent; no-way; null: it is in the queue
  PRIMARY KEY (organisation_id, person_id),
  FOREIGN KEY (organisation_id, person_id) REFERENCES person ON DELETE CASCADE
);

CREATE TABLE session (
  token_hash       bytea PRIMARY KEY,                 -- SHA-256 of the cookie's value
  organisation_id  uuid,
  subject_id       uuid        NOT NULL,
  is_operator      boolean     NOT NULL,
  -- the password was the directory's: a one-time password of ours has nothing to be changed for then
  by_directory     boolean     NOT NULL DEFAULT false,
  -- the organisation's identity provider said who it is: it asked for a second factor, if anybody did
  by_provider      boolean     NOT NULL DEFAULT false,
  csrf             text        NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  seen_at          timestamptz NOT NULL DEFAULT now(),
  expires_at       timestamptz NOT NULL,
  client_ip        text,
  user_agent       text,
  -- Signed in by an emergency code: a new password is chosen without the one before.
  chooses_password boolean     NOT NULL DEFAULT false
);
CREATE INDEX session_subject ON session (subject_id);
CREATE INDEX session_expiry ON session (expires_at);

-- Sign-ins under way at an identity provider: made when the browser leaves, gone when it comes back, once. What only the browser
-- knows is its cookie; nonce and PKCE verifier follow from it, so that no row here is worth anything.
CREATE TABLE provider_attempt (
  state_hash       bytea PRIMARY KEY,                 -- SHA-256 of state
  browser_hash     bytea       NOT NULL,              -- SHA-256 of the cookie
  organisation_id  uuid        NOT NULL,
  -- issuer and client it left for: provider_tie.provider
  provider         text        NOT NULL,
  expires_at       timestamptz NOT NULL
);
CREATE INDEX provider_attempt_expiry ON provider_attempt (expires_at);

-- Which person the provider's own id (sub) means, since they came the first time. An e-mail address that is given to somebody else
-- there does not lead to this person's mailbox, and a person has one id there at a time.
CREATE TABLE provider_tie (
  organisation_id  uuid        NOT NULL,
  provider         text        NOT NULL,              -- issuer and client id, with a space between
  subject          text        NOT NULL,
  person_id        uuid        NOT NULL,
  tied_at          timestamptz NOT NULL DEFAULT now(),
  used_at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organisation_id, provider, subject),
  UNIQUE (organisation_id, person_id),
  FOREIGN KEY (organisation_id, person_id) REFERENCES person ON DELETE CASCADE
);

-- Where a name has signed in: what strangers try elsewhere, or beside it, does not slow it down there. Aged, and bounded
-- for each subject.
CREATE TABLE sign_in_place (
  place        bytea PRIMARY KEY,                     -- SHA-256 of sign-in name and network
  subject_id   uuid        NOT NULL,
  seen_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sign_in_place_subject ON sign_in_place (subject_id, seen_at);
CREATE INDEX sign_in_place_age ON sign_in_place (seen_at);

-- Printed codes, each good for one sign-in. Those of a new letter take the place of the earlier ones.
CREATE TABLE emergency_code (
  organisation_id  uuid        NOT NULL,
  person_id        uuid        NOT NULL,
  code_hash        bytea       NOT NULL,              -- SHA-256 of the person's id and the code
  created_at       timestamptz NOT NULL DEFAULT now(),
  used_at          timestamptz,
  PRIMARY KEY (person_id, code_hash),
  FOREIGN KEY (organisation_id, person_id) REFERENCES person ON DELETE CASCADE
);

-- The authenticator app of somebody, asked after the password. A step of 30 seconds counts once, and wrong guesses are counted here
-- so that they are no fewer in several processes.
CREATE TABLE second_factor (
  subject_id       uuid PRIMARY KEY,
  organisation_id  uuid,                              -- null: an operator
  secret_sealed    bytea       NOT NULL,              -- under the master key
  created_at       timestamptz NOT NULL DEFAULT now(),
  confirmed_at     timestamptz,                       -- by a right code; null: offered, and asked of nobody
  last_step        bigint      NOT NULL DEFAULT 0,
  wrong            integer     NOT NULL DEFAULT 0,
  wrong_since      timestamptz NOT NULL DEFAULT '-infinity'
);

-- Who has proved the first of two, for a few minutes and tries: no session.
CREATE TABLE half_sign_in (
  token_hash       bytea PRIMARY KEY,                 -- SHA-256 of the cookie's value
  organisation_id  uuid,
  subject_id       uuid        NOT NULL,
  credential_id    uuid,                              -- the password; null: a link to a private address
  proof            text,                              -- directory, remembered; null: kept here
  chooses_password boolean     NOT NULL DEFAULT false,
  tries            integer     NOT NULL DEFAULT 0,
  expires_at       timestamptz NOT NULL
);
CREATE INDEX half_sign_in_subject ON half_sign_in (subject_id);

-- Passkeys (WebAuthn): public keys alone, nothing here signs anybody in. A key counts at the name of the pages it was made at.
CREATE TABLE passkey (
  passkey_id       uuid PRIMARY KEY,
  organisation_id  uuid,                              -- null: an operator
  subject_id       uuid        NOT NULL,
  rp_id            text        COLLATE "C" NOT NULL,  -- the host of publicUrl then
  credential       bytea       NOT NULL UNIQUE,       -- the authenticator's own name for it
  public_key       bytea       NOT NULL,              -- COSE
  counter          bigint      NOT NULL,              -- of signatures; authenticators that count none say 0
  transports       text[]      NOT NULL,              -- hints for the browser: internal, usb, nfc, ble, hybrid
  name             text        NOT NULL,
  is_backed_up     boolean     NOT NULL,              -- its owner has it on other devices too
  created_at       timestamptz NOT NULL DEFAULT now(),
  last_used_at     timestamptz
);
CREATE INDEX passkey_subject ON passkey (subject_id);

-- What a browser was asked to sign, once and within minutes.
CREATE TABLE passkey_challenge (
  challenge_hash   bytea PRIMARY KEY,                 -- SHA-256 of what was sent
  holder_hash      bytea       NOT NULL,              -- SHA-256 of the cookie of the browser that asked
  purpose          smallint    NOT NULL,              -- codes.ts PasskeyPurpose: signIn, second, add
  network          text        COLLATE "C" NOT NULL,  -- that asked: so many from each
  expires_at       timestamptz NOT NULL
);
CREATE INDEX passkey_challenge_network ON passkey_challenge (network, expires_at);
CREATE INDEX passkey_challenge_end ON passkey_challenge (expires_at);

-- One-time links: set-up of the first administrator, and signing in by a private address. Only the hash is stored.
CREATE TABLE one_time_link (
  token_hash       bytea PRIMARY KEY,
  purpose          smallint    NOT NULL,              -- codes.ts LinkPurpose: setup, signIn
  organisation_id  uuid,
  person_id        uuid,                              -- whose, of signIn
  created_at       timestamptz NOT NULL DEFAULT now(),
  expires_at       timestamptz NOT NULL,
  used_at          timestamptz,
  FOREIGN KEY (organisation_id, person_id) REFERENCES person ON DELETE CASCADE,
  CHECK ((purpose = 2) = (person_id IS NOT NULL))
);
CREATE INDEX one_time_link_person ON one_time_link (person_id, created_at) WHERE person_id IS NOT NULL;

-- ---------------------------------------------------------------- bytes
-- One row (body) up to 256 KB, rows of 256 KB (body_chunk) above, the blob store above 8 MB. The id is a uuidv7, so
-- partitions by day are ranges of ids. What is old moves from here into packs, and a day that is empty then is dropped
-- (store/packs.ts, store/partitions.ts); what is let go before goes row by row (store/sweep.ts).
-- A message's own bytes have body_id = message_id.

CREATE TABLE body (
  organisation_id  uuid  NOT NULL,
  body_id          uuid  NOT NULL,
  bytes            bytea NOT NULL
) PARTITION BY RANGE (body_id);
-- uncompressed, out of line: mail does not gain what pglz costs (measured -15 %). Partitions take it from here; written
-- as ALTER because PostgreSQL 15 does not know STORAGE in CREATE TABLE.
ALTER TABLE body ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE INDEX body_id ON body (body_id);
CREATE TABLE body_default PARTITION OF body DEFAULT;

CREATE TABLE body_chunk (
  organisation_id  uuid    NOT NULL,
  body_id          uuid    NOT NULL,
  seq              integer NOT NULL,
  bytes            bytea NOT NULL
) PARTITION BY RANGE (body_id);
ALTER TABLE body_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE INDEX body_chunk_id ON body_chunk (body_id, seq);
CREATE TABLE body_chunk_default PARTITION OF body_chunk DEFAULT;

-- Bytes on their way into the blob store: reserved before the first write, gone in the commit that links them; a
-- reservation that stays an hour is swept, and its blob when it is half a day old (store/sweep.ts).
CREATE TABLE blob_reservation (
  blob_key         text COLLATE "C" PRIMARY KEY,
  organisation_id  uuid        NOT NULL,
  reserved_at      timestamptz NOT NULL DEFAULT now()
);

-- Blobs that hold the originals of many messages of one organisation and day, one behind the other; a message names its
-- pack in blob_key and its place in pack_offset. Bytes that no message names any more are dead: dead_bytes is always
-- bytes less the sizes of the messages that name the pack, and grows in the transaction that lets a message go.
CREATE TABLE pack (
  blob_key         text COLLATE "C" PRIMARY KEY,
  organisation_id  uuid        NOT NULL,
  -- The ids of its messages lie between these: by them a pack's messages are found along message's key.
  first_id         uuid        NOT NULL,
  last_id          uuid        NOT NULL,
  bytes            bigint      NOT NULL,
  dead_bytes       bigint      NOT NULL,
  -- Since when its oldest dead bytes are dead; null: none are.
  dead_since       timestamptz,
  made_at          timestamptz NOT NULL DEFAULT now(),
  -- Nothing in it lives. The blob goes some time later, for a reader may be in the middle of it, and then this row.
  ended_at         timestamptz
);

-- How far the sweep has come on each of its walks (store/sweep.ts): the next page begins after this key.
CREATE TABLE sweep_mark (
  walk             text COLLATE "C" PRIMARY KEY,
  organisation_id  uuid NOT NULL,
  id               uuid NOT NULL
);

-- ---------------------------------------------------------------- the outside world

-- What other domains demand of whoever sends to them (RFC 8461), kept as long as they say.
CREATE TABLE mta_sts_policy (
  domain      text COLLATE "C" PRIMARY KEY,           -- A-label
  policy_id   text        NOT NULL,
  mode        text        NOT NULL,                   -- enforce, testing, none
  mx          text[]      NOT NULL,
  max_age     integer     NOT NULL,                   -- seconds
  expires_at  timestamptz NOT NULL
);

-- How TLS towards other domains went, counted by UTC day until it has been reported to them (RFC 8460).
CREATE TABLE tls_result (
  day          date              NOT NULL,
  domain       text COLLATE "C"  NOT NULL,            -- A-label
  policy_key   text COLLATE "C"  NOT NULL,            -- digest of policy
  result       text COLLATE "C"  NOT NULL,            -- '' is success, else a word of RFC 8460 section 4.3
  sending_ip   text COLLATE "C"  NOT NULL,
  mx_host      text COLLATE "C"  NOT NULL,
  receiving_ip text COLLATE "C"  NOT NULL,
  sessions     bigint            NOT NULL,
  policy       jsonb             NOT NULL,
  reason       text              NOT NULL,            -- words about one of the failures
  PRIMARY KEY (day, domain, policy_key, result, sending_ip, mx_host, receiving_ip)
);

-- The reports themselves: one for each day and domain, whoever makes it; kept some days, so that none is made twice.
CREATE TABLE tls_report (
  day       date              NOT NULL,
  domain    text COLLATE "C"  NOT NULL,
  report_id uuid              NOT NULL,
  state     text COLLATE "C"  NOT NULL,               -- open, sent, unwanted, given-up
  attempts  integer           NOT NULL DEFAULT 0,
  due_at    timestamptz       NOT NULL,               -- while somebody tries: when the claim runs out
  told      text              NOT NULL DEFAULT '',    -- how the last try ended
  PRIMARY KEY (day, domain)
);
CREATE INDEX tls_report_due ON tls_report (due_at) WHERE state = 'open';

-- ---------------------------------------------------------------- messages, deliveries, attempts

CREATE TABLE message (
  organisation_id    uuid        NOT NULL,
  message_id         uuid        NOT NULL,
  received_at        timestamptz NOT NULL,
  direction          smallint    NOT NULL,            -- codes.ts Direction: inbound, outbound, dsn, draft, notice
  envelope_from      text        NOT NULL,            -- '' = null sender
  header_from        text,
  subject            text,
  message_id_header  text,
  header_date        timestamptz,
  in_reply_to        text,
  size               bigint      NOT NULL,            -- of the original, bytes
  sha256             bytea       NOT NULL,            -- of the original
  body_store         smallint    NOT NULL,            -- codes.ts BodyStore: row, chunks, blob, gone, packed
  blob_key           text COLLATE "C",                -- of its own blob, or of its pack
  pack_offset        bigint,                          -- packed: where the original begins; it is size bytes long
  prefix             bytea       NOT NULL,            -- trace headers written once at accept
  client_ip          text,
  helo               text,
  tls                text,
  -- Facts needed later and not in columns: dsn {ret, envid}, smtputf8, eightbit, submission {person, draft copy}.
  facts              jsonb       NOT NULL DEFAULT '{}',
  PRIMARY KEY (organisation_id, message_id)
);
-- Posted to a list by somebody who asked to hear of success: rare, and away once they were told.
CREATE INDEX message_list_asked ON message (received_at) WHERE facts ? 'asked';

CREATE TABLE delivery (
  organisation_id  uuid        NOT NULL,
  delivery_id      uuid        NOT NULL,
  message_id       uuid        NOT NULL,
  recipient        text        NOT NULL,              -- as sent to the next hop
  person_id        uuid,
  route_id         uuid        NOT NULL,
  state            smallint    NOT NULL,              -- codes.ts DeliveryState
  reason           text,                              -- codes.ts Reason: why it is in this state
  attempts         integer     NOT NULL DEFAULT 0,
  next_attempt     timestamptz NOT NULL,              -- while leased: the end of the lease
  lease            uuid,                              -- the holder's node id
  -- true once the primary has been away while this was open: it belongs to a return
  held             boolean     NOT NULL DEFAULT false,
  accepted_at      timestamptz NOT NULL,
  finished_at      timestamptz,
  notify           smallint    NOT NULL DEFAULT 0,    -- bit set, codes.ts Notify (0 = not given)
  orcpt            text,
  dsn_sent         smallint    NOT NULL DEFAULT 0,    -- bit set of DSNs already made: delayed 1, final 2
  -- Of what a redirect or a list sends on: the address of ours that it came for, and the envelope's sender where it is
  -- another than the message's (SRS, VERP: docs/decisions/0013-redirects.md, 0014-lists.md).
  via              text,
  sender           text,
  -- An admin let it go: Quiet Time holds it no more, however often it is tried.
  released         boolean     NOT NULL DEFAULT false,
  PRIMARY KEY (organisation_id, delivery_id)
) WITH (fillfactor = 90);
-- Open work only: waiting mail of closed routes costs the pollers nothing.
CREATE INDEX delivery_due ON delivery (route_id, next_attempt, delivery_id) WHERE state < 10;
CREATE INDEX delivery_open_person ON delivery (organisation_id, person_id, delivery_id) WHERE state < 10;
-- Leases that ran out or whose holder died become unsure; found without wading through waiting mail.
CREATE INDEX delivery_leased ON delivery (next_attempt) WHERE state = 1;
-- Refused after our 250: a DSN or the parking lot is due (promise 9).
CREATE INDEX delivery_dsn_due ON delivery (finished_at) WHERE state = 11 AND dsn_sent < 2;
-- The sender asked to hear of a delay (NOTIFY=DELAY): rare, so the index is nearly always empty.
CREATE INDEX delivery_delay_due ON delivery (accepted_at) WHERE state < 10 AND dsn_sent = 0 AND (notify & 8) <> 0;
-- The sender asked to hear of success, and the next server does not tell: as rare.
CREATE INDEX delivery_relayed_due ON delivery (finished_at) WHERE state = 10 AND reason = 'relayed' AND dsn_sent < 2;
CREATE INDEX delivery_message ON delivery (organisation_id, message_id);
-- Held by Quiet Time: rare, so nearly always empty.
CREATE INDEX delivery_quiet ON delivery (organisation_id, delivery_id) WHERE state < 10 AND reason = 'quiet-time';
CREATE INDEX delivery_parked ON delivery (organisation_id, delivery_id) WHERE state = 13;

CREATE TABLE attempt (
  organisation_id  uuid        NOT NULL,
  delivery_id      uuid        NOT NULL,
  attempt_no       integer     NOT NULL,
  at               timestamptz NOT NULL DEFAULT now(),
  outcome          smallint    NOT NULL,              -- codes.ts AttemptOutcome
  reason           text        NOT NULL,
  host             text,
  smtp_code        smallint,
  enhanced         text,
  reply            text,
  remote_id        text,
  tls              text,
  took_ms          integer     NOT NULL DEFAULT 0,
  PRIMARY KEY (organisation_id, delivery_id, attempt_no)
);

-- What an admin must look at: never a silent drop.
CREATE TABLE parking (
  organisation_id  uuid        NOT NULL,
  delivery_id      uuid        NOT NULL,
  reason           text        NOT NULL,
  parked_at        timestamptz NOT NULL DEFAULT now(),
  seen_by          text,
  seen_at          timestamptz,
  PRIMARY KEY (organisation_id, delivery_id)
);

-- ---------------------------------------------------------------- copies, folders, placements

CREATE TABLE copy (
  organisation_id  uuid        NOT NULL,
  copy_id          uuid        NOT NULL,              -- its time is the mailbox's received time (INTERNALDATE)
  message_id       uuid        NOT NULL,
  person_id        uuid        NOT NULL,
  source           smallint    NOT NULL,              -- codes.ts CopySource: received, sent, draft, imported
  expires_at       timestamptz NOT NULL,              -- 'infinity' where it ends when nothing is owed
  policy           text        NOT NULL,              -- what set expires_at, e.g. 'organisation:14d', 'owed'
  held_by          text,                              -- legal hold
  delivery_id      uuid,                              -- the delivery to this person, where there is one
  thread_id        uuid        NOT NULL,
  -- Whether it was given a place in a mailbox (placement, live or tombstone); false: a rolling copy without one.
  placed           boolean     NOT NULL DEFAULT true,
  PRIMARY KEY (organisation_id, copy_id)
);
CREATE INDEX copy_message ON copy (organisation_id, message_id);
-- No index by expires_at: ids are ordered by time, so what has ended is found walking a person's or an organisation's
-- copies by age, and the accept path keeps an index less.

-- What was refused in a session, for the organisation of its recipient, else of its sender, of who tried to sign in, of the
-- system that sent it; the nil id: nobody's here. Kept for two weeks.
CREATE TABLE refusal (
  organisation_id  uuid        NOT NULL,
  refusal_id       uuid        NOT NULL,
  at               timestamptz NOT NULL,
  client_ip        text        NOT NULL,
  helo             text        NOT NULL,
  tls              text,
  during           text        NOT NULL,              -- connect, the command, or message: at its end
  envelope_from    text,                              -- '' = null sender; null: not said
  recipient        text,                              -- null: it was about none
  sign_in          text,                              -- the address that tried to sign in, or has
  message_id       text,                              -- the header's, where as much of the message was read
  reply            text        NOT NULL,              -- with its code
  times            integer     NOT NULL,              -- so often within a few seconds
  PRIMARY KEY (organisation_id, refusal_id)
);
CREATE INDEX refusal_recipient ON refusal (organisation_id, lower(recipient), refusal_id) WHERE recipient IS NOT NULL;
CREATE INDEX refusal_sender ON refusal (organisation_id, lower(envelope_from), refusal_id) WHERE envelope_from IS NOT NULL;
CREATE INDEX refusal_sign_in ON refusal (organisation_id, lower(sign_in), refusal_id) WHERE sign_in IS NOT NULL;
CREATE INDEX refusal_message ON refusal (organisation_id, message_id, refusal_id) WHERE message_id IS NOT NULL;
CREATE INDEX refusal_client ON refusal (organisation_id, client_ip, refusal_id);
CREATE INDEX refusal_age ON refusal (at);

-- Which message put what a person sent by the primary into Sent: a message that comes in several parts gives one copy.
CREATE TABLE sent_mark (
  organisation_id  uuid        NOT NULL,
  person_id        uuid        NOT NULL,
  mark             bytea       NOT NULL,              -- SHA-256 of what the parts have in common
  message_id       uuid        NOT NULL,
  marked_at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organisation_id, person_id, mark)
);
CREATE INDEX sent_mark_age ON sent_mark (marked_at);

-- A person's folders, numbered from 1 and never reused; 1 is the Inbox.
CREATE TABLE folder (
  organisation_id  uuid     NOT NULL,
  person_id        uuid     NOT NULL,
  folder_no        integer  NOT NULL,
  parent_no        integer,
  name             text     NOT NULL,
  role             smallint,                          -- codes.ts FolderRole: inbox, drafts, sent, trash, junk, archive
  uidvalidity      bigint   NOT NULL,
  uidnext          bigint   NOT NULL DEFAULT 1,
  modseq           bigint   NOT NULL DEFAULT 1,
  total            integer  NOT NULL DEFAULT 0,
  unseen           integer  NOT NULL DEFAULT 0,
  bytes            bigint   NOT NULL DEFAULT 0,
  removed_modseq   bigint,
  PRIMARY KEY (organisation_id, person_id, folder_no)
) WITH (fillfactor = 20);  -- counters move with every message: room for HOT updates

-- A copy's place in a folder. Rows with a tombstone stay as the change log: what IMAP and JMAP clients ask
-- "changed since" about. flags is a bit set (codes.ts Flag), keywords the rest.
CREATE TABLE placement (
  organisation_id  uuid     NOT NULL,
  person_id        uuid     NOT NULL,
  folder_no        integer  NOT NULL,
  uid              bigint   NOT NULL,
  copy_id          uuid     NOT NULL,
  message_id       uuid     NOT NULL,
  thread_id        uuid     NOT NULL,                 -- the copy's: lists and counts of threads need not ask each copy
  flags            integer  NOT NULL DEFAULT 0,
  keywords         text[],
  created_modseq   bigint   NOT NULL,
  modseq           bigint   NOT NULL,
  tombstone        timestamptz,
  -- Where it was before it was moved to Trash, so that undo knows the way back.
  moved_from       integer,
  size             bigint   NOT NULL,
  PRIMARY KEY (organisation_id, person_id, folder_no, uid)
) WITH (fillfactor = 90);
CREATE INDEX placement_copy ON placement (organisation_id, person_id, folder_no, copy_id);
CREATE INDEX placement_changes ON placement (organisation_id, person_id, folder_no, modseq) WHERE modseq > created_modseq;
-- A person's threads: the messages of one, and how many there are of them by folder.
CREATE INDEX placement_thread ON placement (organisation_id, person_id, thread_id, folder_no) INCLUDE (flags) WHERE tombstone IS NULL;

-- Bytes of the messages that people put into their own mailboxes (drafts, imports), by the day (UTC) on which their copies
-- end: what the storage limit of one person counts, kept in the transaction that adds them. Deleting makes no room before
-- that day, for the bytes stay. Whoever changes expires_at of such a copy moves its bytes here too.
CREATE TABLE own_content (
  organisation_id  uuid   NOT NULL,
  person_id        uuid   NOT NULL,
  ends_on          date   NOT NULL,
  bytes            bigint NOT NULL,
  PRIMARY KEY (organisation_id, person_id, ends_on)
);

-- Files a person uploads before they are part of a message (JMAP upload); swept after a day.
CREATE TABLE upload (
  organisation_id  uuid        NOT NULL,
  upload_id        uuid        NOT NULL,              -- bytes are in body / body_chunk under this id
  person_id        uuid        NOT NULL,
  type             text        NOT NULL,
  size             bigint      NOT NULL,
  body_store       smallint    NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organisation_id, upload_id)
);

-- What a person sent, or is to leave at its time: links the author's copy to the message that left.
CREATE TABLE submission (
  organisation_id  uuid        NOT NULL,
  submission_id    uuid        NOT NULL,
  person_id        uuid        NOT NULL,
  copy_id          uuid        NOT NULL,              -- the author's copy (draft, later Sent)
  message_id       uuid        NOT NULL,              -- the message that left; its own id while it waits
  -- Who wrote it, where person_id is a shared mailbox; null: its person.
  actor_id         uuid,
  identity_address text        NOT NULL,
  envelope_digest  bytea,                             -- of recipients given beside the message; null: those it names
  recipients       integer     NOT NULL,              -- that the author named: counts against the hourly allowance
  sent_at          timestamptz NOT NULL DEFAULT now(),
  undo_status      smallint    NOT NULL DEFAULT 1,    -- codes.ts UndoStatus: final, pending, canceled, waiting
  -- The envelope as its author gave it (core/submission/envelope.ts); null: as the header said.
  envelope         jsonb,
  -- By which it came, for its Received field.
  protocol         text        NOT NULL DEFAULT 'HTTP',
  -- When it is to leave (RFC 4865), and when that is tried next; null: at once.
  release_at       timestamptz,
  due_at           timestamptz,
  -- The state of a person's submissions, for their clients.
  changed_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organisation_id, submission_id)
);
CREATE INDEX submission_person ON submission (organisation_id, person_id, submission_id);
-- What the person sent within the last hour.
CREATE INDEX submission_sent ON submission (organisation_id, person_id, sent_at);
-- The same of the whole organisation.
CREATE INDEX submission_sent_by_all ON submission (organisation_id, sent_at) INCLUDE (recipients, undo_status);
CREATE INDEX submission_copy ON submission (organisation_id, copy_id);
CREATE INDEX submission_changed ON submission (organisation_id, person_id, changed_at);
-- One try at a time for a draft, whichever process has it: the second is a conflict, not a second message.
CREATE UNIQUE INDEX submission_pending ON submission (organisation_id, copy_id) WHERE undo_status IN (2, 4);
-- What waits for its time: nearly always little.
CREATE INDEX submission_due ON submission (due_at) WHERE undo_status = 4;

-- ---------------------------------------------------------------- continuity

CREATE TABLE route_mode (
  organisation_id  uuid        NOT NULL,
  route_id         uuid        NOT NULL,
  mode             smallint    NOT NULL,              -- codes.ts Mode
  since            timestamptz NOT NULL DEFAULT now(),
  version          bigint      NOT NULL DEFAULT 1,    -- one setter, with a version check
  cause            text        NOT NULL,              -- codes.ts Reason
  detail           text,
  pin              smallint,                          -- codes.ts Pin: emergency, normal, hold
  pin_reason       text,
  pin_author       text,
  pin_until        timestamptz,
  -- The machine's memory: evidence window, pace of the return. Shape: core/continuity/machine.ts
  memory           jsonb       NOT NULL DEFAULT '{}',
  -- Who judges this route now, until when (a lease, not an owner).
  judge            uuid,
  judge_until      timestamptz NOT NULL DEFAULT '-infinity',
  return_event_id  uuid,
  PRIMARY KEY (organisation_id, route_id)
) WITH (fillfactor = 50);  -- the judge's lease of every route moves every few seconds: room for HOT updates

-- What admins pinned besides routes: a whole organisation, a domain, a group, a person. No row = what is wider decides;
-- which pin counts where several reach: core/continuity/pin-order.ts.
CREATE TABLE mode_pin (
  organisation_id  uuid        NOT NULL,
  target           smallint    NOT NULL,              -- codes.ts PinTarget
  target_id        uuid        NOT NULL,              -- of an organisation: its own id
  pin              smallint    NOT NULL,              -- codes.ts Pin
  pin_reason       text        NOT NULL,
  pin_author       text        NOT NULL,
  pin_until        timestamptz,
  since            timestamptz NOT NULL DEFAULT now(),
  -- the microsecond of this act: whoever changes a pin says which one they saw
  version          bigint      NOT NULL,
  PRIMARY KEY (organisation_id, target, target_id)
);

-- People whose mailbox at a primary fails while their colleagues' take mail (core/continuity/mailbox-rule.ts), each primary
-- for itself: somebody may have addresses at two. Only those with failures have a row; it goes with their next success there.
-- `since`: from then on their mail for that primary waits, one may try at a time.
CREATE TABLE mailbox_trouble (
  organisation_id  uuid        NOT NULL,
  person_id        uuid        NOT NULL,
  route_id         uuid        NOT NULL,
  failures         integer     NOT NULL,
  first_at         timestamptz NOT NULL DEFAULT now(),
  last_at          timestamptz NOT NULL DEFAULT now(),
  last_text        text,
  -- The delivery that failed first, and whether it is the mailbox that was refused or more than this one message failed.
  first_delivery   uuid        NOT NULL,
  is_mailbox       boolean     NOT NULL,
  since            timestamptz,
  tries            integer     NOT NULL DEFAULT 0,
  next_try         timestamptz,
  PRIMARY KEY (organisation_id, person_id, route_id)
);

-- Counted per route, kind and second: not a row per observation.
CREATE TABLE evidence (
  organisation_id  uuid        NOT NULL,
  route_id         uuid        NOT NULL,
  second           timestamptz NOT NULL,
  kind             smallint    NOT NULL,              -- codes.ts EvidenceKind
  -- Which of the route's reach probes says so; '' where it is about taking mail.
  probe            text COLLATE "C" NOT NULL DEFAULT '',
  seen             integer     NOT NULL,
  last_text        text,
  PRIMARY KEY (organisation_id, route_id, second, kind, probe)
);
-- What became of canaries, and refused probes: seldom, and looked at over hours.
CREATE INDEX evidence_canary ON evidence (organisation_id, route_id, second) WHERE kind >= 15;

-- How each host of a primary's route answered last: what one dead host among others shows. One row for each host.
CREATE TABLE route_host (
  organisation_id  uuid        NOT NULL,
  route_id         uuid        NOT NULL,
  host             text COLLATE "C" NOT NULL,        -- name:port, as in the settings
  good             boolean     NOT NULL,
  since            timestamptz NOT NULL,             -- it has answered like this
  at               timestamptz NOT NULL,
  text             text        NOT NULL,
  PRIMARY KEY (organisation_id, route_id, host)
);

-- One outage of one route, from the first held message to the last one home.
CREATE TABLE return_event (
  organisation_id  uuid        NOT NULL,
  return_event_id  uuid        NOT NULL,
  route_id         uuid        NOT NULL,
  began_at         timestamptz NOT NULL DEFAULT now(),
  recovering_at    timestamptz,
  finished_at      timestamptz,
  owed_at_start    integer,
  PRIMARY KEY (organisation_id, return_event_id)
);
CREATE INDEX return_event_route ON return_event (organisation_id, route_id, began_at);

-- People who said that they cannot reach their mail, each once: a later report moves the time. `signed`: they had signed in
-- here; the others only named an address, which anybody can.
CREATE TABLE reach_report (
  organisation_id  uuid        NOT NULL,
  person_id        uuid        NOT NULL,
  signed           boolean     NOT NULL,
  route_id         uuid        NOT NULL,
  at               timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organisation_id, person_id, signed)
);
CREATE INDEX reach_report_age ON reach_report (at);

-- An outage of a route as people are told of it: what goes on again within minutes is the same one.
CREATE TABLE outage (
  organisation_id  uuid        NOT NULL,
  outage_id        uuid        NOT NULL,
  route_id         uuid        NOT NULL,
  began_at         timestamptz NOT NULL DEFAULT now(),
  down_since       timestamptz,                       -- in an emergency without a break; null: not now
  calm_since       timestamptz,                       -- normal since; null: not now
  was_down         boolean     NOT NULL DEFAULT false,
  over_at          timestamptz,
  -- Since when people are told, by whom ('engine' or as in audit), in which words of an admin; null: not yet.
  told_at          timestamptz,
  told_by          text,
  own_text         text,
  suppressed_at    timestamptz,
  suppressed_by    text,
  -- How many there were to tell at told_at, and how far the walk over them has come.
  people           integer     NOT NULL DEFAULT 0,
  told             integer     NOT NULL DEFAULT 0,    -- their notice is in the queue
  failed           integer     NOT NULL DEFAULT 0,    -- no way to them
  told_after       uuid,                              -- the last person of the walk
  told_all_at      timestamptz,
  over_told        integer     NOT NULL DEFAULT 0,
  over_after       uuid,
  over_all_at      timestamptz,
  -- One process at a time walks.
  walker_until     timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (organisation_id, outage_id)
);
CREATE UNIQUE INDEX outage_open ON outage (organisation_id, route_id) WHERE over_at IS NULL;
CREATE INDEX outage_walk ON outage (outage_id)
  WHERE told_at IS NOT NULL AND (told_all_at IS NULL OR over_all_at IS NULL);

-- Who was told: a row for each person and outage, and with it never a second notice.
CREATE TABLE person_notice (
  organisation_id  uuid        NOT NULL,
  outage_id        uuid        NOT NULL,
  person_id        uuid        NOT NULL,
  told_at          timestamptz,                       -- null: there was no way to them, or not yet
  why              text,                              -- then
  over_told_at     timestamptz,
  -- How often our own trouble kept them from being told (that it is over, once told_at is set), and until when they rest.
  tries            integer     NOT NULL DEFAULT 0,
  again_at         timestamptz,
  PRIMARY KEY (organisation_id, outage_id, person_id)
);

-- What the primary has yet to receive besides open deliveries: sent mail, changes.
CREATE TABLE owed_item (
  organisation_id  uuid        NOT NULL,
  owed_id          uuid        NOT NULL,
  route_id         uuid,                              -- null: the person has no primary; it stays here
  person_id        uuid        NOT NULL,
  kind             smallint    NOT NULL,              -- codes.ts OwedKind: sent
  copy_id          uuid        NOT NULL,
  state            smallint    NOT NULL,              -- codes.ts OwedState: owed, home, stays-here, cancelled
  reason           text        NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  finished_at      timestamptz,
  PRIMARY KEY (organisation_id, owed_id)
);
-- Of a person, owed or staying here: what the page of that person counts.
CREATE INDEX owed_item_person ON owed_item (organisation_id, person_id) WHERE state IN (1, 3);
CREATE UNIQUE INDEX owed_item_copy ON owed_item (organisation_id, copy_id, kind);

-- Append-only: a row per attempt to bring something home, with outcome and proof.
CREATE TABLE ledger (
  organisation_id  uuid        NOT NULL,
  ledger_id        uuid        NOT NULL,
  return_event_id  uuid,
  route_id         uuid        NOT NULL,
  person_id        uuid,
  delivery_id      uuid,
  owed_id          uuid,
  message_id       uuid        NOT NULL,
  attempt_no       integer     NOT NULL,
  at               timestamptz NOT NULL DEFAULT now(),
  outcome          smallint    NOT NULL,              -- codes.ts AttemptOutcome
  proof            text        NOT NULL,              -- the primary's own words, e.g. its reply to the final dot
  PRIMARY KEY (organisation_id, ledger_id)
);
CREATE INDEX ledger_event ON ledger (organisation_id, return_event_id, ledger_id);
CREATE INDEX ledger_delivery ON ledger (organisation_id, delivery_id);
-- What a return brought home to a person: every page of every person asks while it runs.
CREATE INDEX ledger_home ON ledger (organisation_id, return_event_id, person_id, delivery_id) WHERE outcome = 1;
-- What a person deleted before it went home, by time: asked at each deletion.
CREATE INDEX ledger_cancelled ON ledger (organisation_id, person_id, ledger_id) WHERE outcome = 5;

-- ---------------------------------------------------------------- Quiet Time

-- Moves with every change to windows, at its beginning: who holds mail by what was read before notices, and looks again.
CREATE TABLE quiet_generation (
  singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  generation  bigint NOT NULL DEFAULT 1
);
INSERT INTO quiet_generation DEFAULT VALUES;

-- Times at which mail that comes in is held. Whether one is open is computed from its plan, never stored.
CREATE TABLE quiet_window (
  organisation_id  uuid        NOT NULL,              -- the zero uuid: the provider's own, over all organisations
  window_id        uuid        NOT NULL,
  name             text        NOT NULL,
  target           smallint    NOT NULL,              -- codes.ts QuietTarget: all, route, domain, group, person
  target_id        uuid,
  -- Pattern, hours, zone, what is exempt, what becomes of modes: core/quiet/window.ts
  plan             jsonb       NOT NULL,
  -- Released early: closed until then, where it would have closed. Extended: open until then. Both end by themselves.
  released_until   timestamptz,
  extended_until   timestamptz,
  set_by           text        NOT NULL,
  set_at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organisation_id, window_id),
  UNIQUE (organisation_id, name)
);

-- What is or was held: by which window (which may be gone), since when, until when. Held now are open deliveries with the
-- reason quiet-time.
CREATE TABLE quiet_hold (
  organisation_id  uuid        NOT NULL,
  delivery_id      uuid        NOT NULL,
  window_id        uuid        NOT NULL,
  window_name      text        NOT NULL,
  since            timestamptz NOT NULL DEFAULT now(),
  until            timestamptz NOT NULL,
  PRIMARY KEY (organisation_id, delivery_id)
);

-- ---------------------------------------------------------------- audit

-- One chain per organisation; the zero uuid is the installation's own. Only the head row is ever locked.
CREATE TABLE audit_head (
  organisation_id  uuid PRIMARY KEY,
  seq              bigint NOT NULL DEFAULT 0,
  hash             bytea  NOT NULL
);
-- What needs a person: core/alarms. One row for each standing cause, whoever finds it and however often.
CREATE TABLE alarm (
  organisation_id  uuid        NOT NULL REFERENCES organisation,
  alarm_id         uuid        NOT NULL,
  kind             text        NOT NULL,              -- closed list in platform/codes.ts: alarmKinds
  subject          text        NOT NULL,              -- 'route:<id>', 'probe:<route id>:<name>', 'node:<id>', 'source:<id>'
  facts            jsonb       NOT NULL,              -- data, never sentences: route, mode, cause, the evidence
  opened_at        timestamptz NOT NULL DEFAULT now(),
  ended_at         timestamptz,
  acknowledged_at  timestamptz,
  acknowledged_by  text,                              -- as in audit rows
  -- Mail about it: the next one is due (null: none), how many there were, and the last.
  tell_at          timestamptz,
  told             integer     NOT NULL DEFAULT 0,
  told_at          timestamptz,
  PRIMARY KEY (organisation_id, alarm_id)
);
CREATE UNIQUE INDEX alarm_standing ON alarm (organisation_id, kind, subject) WHERE ended_at IS NULL;
CREATE INDEX alarm_to_tell ON alarm (tell_at) WHERE tell_at IS NOT NULL;
-- When it was told by mail: what the limit of letters an hour counts.
CREATE TABLE alarm_letter (
  organisation_id  uuid        NOT NULL,
  alarm_id         uuid        NOT NULL,
  at               timestamptz NOT NULL
);
CREATE INDEX alarm_letter_recent ON alarm_letter (organisation_id, at);

CREATE TABLE audit (
  organisation_id  uuid        NOT NULL,
  seq              bigint      NOT NULL,
  at               timestamptz NOT NULL,
  actor            text        NOT NULL,              -- 'engine', 'cli:root', 'person:<id>', 'operator:<name>'
  action           text        NOT NULL,              -- closed list in core/audit/actions.ts
  subject          text        NOT NULL,
  detail           jsonb       NOT NULL,
  hash             bytea       NOT NULL,              -- SHA-256 over the previous hash and this row's canonical JSON
  PRIMARY KEY (organisation_id, seq)
);
-- Whose ways in were touched lately, by whom (core/four-eyes): few rows of many.
CREATE INDEX audit_ways_in ON audit (organisation_id, subject, at)
  WHERE action IN ('password-set', 'emergency-codes-made', 'second-factor-removed', 'private-address-removed', 'provider-untied');
