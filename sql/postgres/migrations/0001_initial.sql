-- The first schema. A task is in exactly one place: ready, delayed, leases, blocked or finished. `tasks` holds what was asked
-- and is not touched by a claim. Every key begins with the client: no shared sequence tells one tenant of another's volume, and
-- tenants can be placed on shards. `task_id` is a UUIDv7 and the position in the queue; `events` counts the audit rows of a task,
-- so that two moves of one task from one place collide on the key of the audit.
CREATE SCHEMA prismq AUTHORIZATION prismq_owner;
REVOKE ALL ON SCHEMA prismq FROM PUBLIC;
GRANT USAGE ON SCHEMA prismq TO prismq_engine, prismq_auth, prismq_audit, prismq_janitor, prismq_client, prismq_worker, prismq_admin;
SET ROLE prismq_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA prismq REVOKE ALL ON FUNCTIONS FROM PUBLIC;

CREATE TABLE prismq.meta (
  key text COLLATE "C" PRIMARY KEY,
  value text NOT NULL
);
INSERT INTO prismq.meta (key, value) VALUES ('lanes_version', '0'), ('categories_version', '0'), ('draws', '0'), ('category_mode', 'open'), ('restore_epoch', '0');

CREATE TABLE prismq.clients (
  client_id text COLLATE "C" PRIMARY KEY,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  weight integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 1000),
  created_at_utc bigint NOT NULL,
  -- WEIGHTED_RANDOM: the smallest draw taken so far; new draws start above it.
  draw_floor double precision NOT NULL DEFAULT 0
);

-- One row for each distinct (client, type, compatibility) that has tasks, numbered within its client.
CREATE TABLE prismq.lanes (
  client_id text COLLATE "C" NOT NULL,
  lane_no integer NOT NULL,
  type text COLLATE "C" NOT NULL,
  compatibility text COLLATE "C" NOT NULL DEFAULT '{}',
  region text,
  PRIMARY KEY (client_id, lane_no),
  UNIQUE (client_id, type, compatibility)
);
CREATE INDEX lanes_region ON prismq.lanes (client_id, region) WHERE region IS NOT NULL;

CREATE TABLE prismq.tasks (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  lane_no integer NOT NULL,
  generation integer NOT NULL DEFAULT 0,
  priority integer NOT NULL CHECK (priority BETWEEN 1 AND 1000),
  effective_priority integer NOT NULL,
  max_attempts integer NOT NULL,
  max_run_ms bigint NOT NULL,
  run_after_utc bigint NOT NULL,
  created_at_utc bigint NOT NULL,
  due_at_utc bigint,
  expires_at_utc bigint,
  amended_at_utc bigint,
  purged_at_utc bigint,
  payload text,
  format text,
  idempotency_key text COLLATE "C",
  request_digest text,
  created_by text,
  metadata text,
  traceparent text,
  PRIMARY KEY (client_id, task_id)
);
CREATE UNIQUE INDEX tasks_idempotency ON prismq.tasks (client_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX tasks_format ON prismq.tasks (client_id, format) WHERE format IS NOT NULL;

-- The narrow tables have no foreign key: its check would lock and dirty a row of `tasks` at every move. That a task is in one
-- place is kept by the functions (the only door), by the key of the audit, and checked by the suites.
CREATE TABLE prismq.ready (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  priority integer NOT NULL,
  lane_no integer NOT NULL,
  attempt integer NOT NULL,
  claims integer NOT NULL,
  releases integer NOT NULL,
  losses integer NOT NULL,
  events integer NOT NULL,
  draw double precision NOT NULL,
  due_at_utc bigint,
  expires_at_utc bigint,
  PRIMARY KEY (client_id, priority, task_id)
);
CREATE INDEX ready_lane ON prismq.ready (client_id, lane_no, priority, task_id);
CREATE INDEX ready_expires ON prismq.ready (expires_at_utc) WHERE expires_at_utc IS NOT NULL;

-- What becomes ready later: scheduled (state queued) or retried (state failed).
CREATE TABLE prismq.delayed (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  lane_no integer NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('queued', 'failed')),
  run_after_utc bigint NOT NULL,
  attempt integer NOT NULL,
  claims integer NOT NULL,
  releases integer NOT NULL,
  losses integer NOT NULL,
  events integer NOT NULL,
  due_at_utc bigint,
  expires_at_utc bigint,
  PRIMARY KEY (client_id, task_id)
);
CREATE INDEX delayed_run_after ON prismq.delayed (run_after_utc);
CREATE INDEX delayed_client ON prismq.delayed (client_id, state, task_id);
CREATE INDEX delayed_expires ON prismq.delayed (expires_at_utc) WHERE expires_at_utc IS NOT NULL;

-- Who runs it. No index on lease_until_utc: heartbeats would rewrite it, and the table is as small as the work in hand.
CREATE TABLE prismq.leases (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  lane_no integer NOT NULL,
  worker_id text COLLATE "C" NOT NULL,
  lease_id uuid NOT NULL,
  reserved_at_utc bigint NOT NULL,
  lease_until_utc bigint NOT NULL,
  attempt integer NOT NULL,
  claims integer NOT NULL,
  releases integer NOT NULL,
  losses integer NOT NULL,
  events integer NOT NULL,
  due_at_utc bigint,
  expires_at_utc bigint,
  PRIMARY KEY (client_id, task_id)
) WITH (fillfactor = 80);

CREATE TABLE prismq.blocked (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  lane_no integer NOT NULL,
  claims integer NOT NULL DEFAULT 0,
  events integer NOT NULL,
  due_at_utc bigint,
  expires_at_utc bigint,
  PRIMARY KEY (client_id, task_id)
);
CREATE INDEX blocked_expires ON prismq.blocked (expires_at_utc) WHERE expires_at_utc IS NOT NULL;

-- How it ended. The last lease and the kind of its end answer a repeated settle.
CREATE TABLE prismq.finished (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  lane_no integer NOT NULL,
  status text COLLATE "C" NOT NULL CHECK (status IN ('completed', 'dead_letter', 'cancelled')),
  finished_at_utc bigint NOT NULL,
  attempt integer NOT NULL,
  claims integer NOT NULL,
  releases integer NOT NULL,
  events integer NOT NULL,
  reserved_at_utc bigint,
  processing_started_utc bigint,
  run_ms bigint,
  lease_id uuid,
  worker_id text COLLATE "C",
  reason text,
  result text,
  PRIMARY KEY (client_id, task_id)
);
CREATE INDEX finished_client ON prismq.finished (client_id, status, finished_at_utc);

-- Attempts that did not complete: the error, and the last lease for a repeated settle.
CREATE TABLE prismq.task_attempts (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  claims integer NOT NULL,
  attempt integer NOT NULL,
  worker_id text COLLATE "C" NOT NULL,
  lease_id uuid NOT NULL,
  outcome text COLLATE "C" NOT NULL CHECK (outcome IN ('fail', 'expire', 'release')),
  ended_at_utc bigint NOT NULL,
  error_kind text,
  error_message text,
  error_stack text,
  PRIMARY KEY (client_id, task_id, claims),
  FOREIGN KEY (client_id, task_id) REFERENCES prismq.tasks
);

-- The audit: one row an event, in the transaction of the event, append-only, numbered within its task.
CREATE TABLE prismq.task_events (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  seq integer NOT NULL,
  attempt integer,
  at_utc bigint NOT NULL,
  event text COLLATE "C" NOT NULL,
  from_status text COLLATE "C",
  to_status text COLLATE "C",
  actor text COLLATE "C" NOT NULL,
  details text,
  -- The transaction that wrote it: the sealer numbers what no running transaction can still add to.
  xact bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
  PRIMARY KEY (client_id, task_id, seq)
);
CREATE INDEX task_events_xact ON prismq.task_events USING brin (xact) WITH (pages_per_range = 16, autosummarize = on);

-- For the stream of events, which goes by time: the table grows in its order.
CREATE INDEX task_events_at ON prismq.task_events USING brin (at_utc) WITH (pages_per_range = 16, autosummarize = on);

-- `event_id` is microseconds since the epoch, moved on where two would be the same.
CREATE TABLE prismq.security_events (
  event_id bigint PRIMARY KEY,
  at_utc bigint NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  client_id text COLLATE "C",
  object text,
  outcome text NOT NULL CHECK (outcome IN ('done', 'denied')),
  details text,
  xact bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
CREATE INDEX security_events_xact ON prismq.security_events USING brin (xact) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX security_events_client ON prismq.security_events (client_id, event_id);

-- The order of the audit, made by the sealer once nothing can come between: transactions commit in another order than they write.
CREATE TABLE prismq.audit_numbers (
  chain text COLLATE "C" NOT NULL CHECK (chain IN ('tasks', 'security')),
  id bigint NOT NULL,
  client_id text COLLATE "C" NOT NULL,
  task_id uuid,
  seq integer,
  event_id bigint,
  PRIMARY KEY (chain, id)
);
CREATE INDEX audit_numbers_client ON prismq.audit_numbers (chain, client_id, id);

-- The chain over both: a seal covers rows of one client that follow each other (docs/audit-format.md).
CREATE TABLE prismq.audit_seals (
  client_id text COLLATE "C" NOT NULL,
  chain text COLLATE "C" NOT NULL CHECK (chain IN ('tasks', 'security')),
  seq bigint NOT NULL,
  rows integer NOT NULL,
  first_id bigint NOT NULL,
  last_id bigint NOT NULL,
  prev_hash text NOT NULL,
  hash text NOT NULL,
  marks text NOT NULL,
  at_utc bigint NOT NULL,
  PRIMARY KEY (client_id, chain, seq)
);
CREATE INDEX audit_seals_last ON prismq.audit_seals (chain, last_id);

-- How far rows are numbered and sealed.
CREATE TABLE prismq.audit_passed (
  chain text COLLATE "C" PRIMARY KEY,
  sealed_id bigint NOT NULL,
  numbered_id bigint NOT NULL,
  next_xact bigint NOT NULL
);
INSERT INTO prismq.audit_passed (chain, sealed_id, numbered_id, next_xact) VALUES ('tasks', 0, 0, 0), ('security', 0, 0, 0);

CREATE TABLE prismq.task_messages (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  message_id uuid NOT NULL DEFAULT gen_random_uuid(),
  at_utc bigint NOT NULL,
  attempt integer NOT NULL,
  message text NOT NULL,
  details text,
  PRIMARY KEY (client_id, task_id, message_id),
  FOREIGN KEY (client_id, task_id) REFERENCES prismq.tasks
);
CREATE INDEX task_messages_at ON prismq.task_messages (at_utc);

CREATE TABLE prismq.task_progress (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  at_utc bigint NOT NULL,
  value text NOT NULL,
  PRIMARY KEY (client_id, task_id),
  FOREIGN KEY (client_id, task_id) REFERENCES prismq.tasks
);

CREATE TABLE prismq.task_metadata (
  client_id text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  PRIMARY KEY (client_id, task_id, key),
  FOREIGN KEY (client_id, task_id) REFERENCES prismq.tasks
);
CREATE INDEX task_metadata_find ON prismq.task_metadata (client_id, key, value);

-- Which lanes a distinct (declared ∩ granted) covers: matched when a set or a lane is born, so that a claim matches nothing.
-- A set is named by the hash of its content.
CREATE TABLE prismq.capability_sets (
  set_id uuid PRIMARY KEY,
  content jsonb NOT NULL,
  -- How many lanes it covers, and whether no client has two of them: then a claim goes by lanes alone.
  covered integer NOT NULL DEFAULT 0,
  by_lane boolean NOT NULL DEFAULT true
);
CREATE TABLE prismq.capability_lanes (
  set_id uuid NOT NULL REFERENCES prismq.capability_sets ON DELETE CASCADE,
  client_id text COLLATE "C" NOT NULL,
  lane_no integer NOT NULL,
  PRIMARY KEY (set_id, client_id, lane_no),
  FOREIGN KEY (client_id, lane_no) REFERENCES prismq.lanes
);

CREATE TABLE prismq.workers (
  worker_id text COLLATE "C" PRIMARY KEY,
  set_id uuid NOT NULL REFERENCES prismq.capability_sets,
  capabilities text NOT NULL,
  strategy text NOT NULL,
  fairness text NOT NULL DEFAULT 'weighted' CHECK (fairness IN ('weighted', 'none')),
  status text NOT NULL CHECK (status IN ('ready', 'busy', 'draining', 'offline')),
  versions text NOT NULL DEFAULT '{}',
  registered_at_utc bigint NOT NULL,
  heartbeat_utc bigint NOT NULL
);
CREATE INDEX workers_set ON prismq.workers (set_id);

CREATE TABLE prismq.worker_grants (
  grant_id text COLLATE "C" PRIMARY KEY,
  worker_id text COLLATE "C" NOT NULL,
  client_id text COLLATE "C" NOT NULL,
  pattern text COLLATE "C" NOT NULL,
  attributes text COLLATE "C" NOT NULL DEFAULT '{}',
  -- Given by the embedding program with the handle, replaced at its next registration.
  of_program boolean NOT NULL DEFAULT false,
  created_at_utc bigint NOT NULL,
  UNIQUE (worker_id, client_id, pattern, attributes)
);

CREATE TABLE prismq.categories (
  pattern text COLLATE "C" PRIMARY KEY,
  priority integer,
  max_attempts integer,
  max_run_ms bigint,
  backoff text,
  schema text
);

-- Who may call prismq.enqueue from plain SQL, for which client.
CREATE TABLE prismq.sql_roles (
  role_name name NOT NULL,
  client_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (role_name, client_id)
);

CREATE TABLE prismq.api_keys (
  key_id text COLLATE "C" PRIMARY KEY,
  digest text COLLATE "C" NOT NULL UNIQUE,
  role text NOT NULL CHECK (role IN ('client', 'worker', 'admin', 'auditor')),
  client_id text COLLATE "C",
  worker_id text COLLATE "C",
  name text,
  created_at_utc bigint NOT NULL,
  revoked_at_utc bigint,
  expires_at_utc bigint,
  -- A JSON list; null is all that the role may do.
  scopes text,
  created_by text,
  -- To the minute.
  last_used_at_utc bigint,
  rotated_from text
);
CREATE INDEX api_keys_worker ON prismq.api_keys (worker_id) WHERE worker_id IS NOT NULL;

-- What servers sign with; made at first use.
CREATE TABLE prismq.secrets (
  name text COLLATE "C" PRIMARY KEY,
  value text NOT NULL
);

-- HMAC key material, xor'ed with the inner and the outer pad.
CREATE TABLE prismq.signing_keys (
  kid text COLLATE "C" PRIMARY KEY,
  ikey bytea NOT NULL CHECK (length(ikey) = 64),
  okey bytea NOT NULL CHECK (length(okey) = 64)
);

-- The database's own key, for logins of plain SQL: nobody outside has it.
INSERT INTO prismq.signing_keys (kid, ikey, okey) SELECT 'sql', sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
  sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- High churn: vacuumed early, so that the heads of the queues stay short.
ALTER TABLE prismq.ready SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE prismq.delayed SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE prismq.leases SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE FUNCTION prismq.append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = '42501'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON prismq.task_events FOR EACH ROW EXECUTE FUNCTION prismq.append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON prismq.task_events FOR EACH STATEMENT EXECUTE FUNCTION prismq.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON prismq.security_events FOR EACH ROW EXECUTE FUNCTION prismq.append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON prismq.security_events FOR EACH STATEMENT EXECUTE FUNCTION prismq.append_only();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON prismq.audit_seals FOR EACH ROW EXECUTE FUNCTION prismq.append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON prismq.audit_seals FOR EACH STATEMENT EXECUTE FUNCTION prismq.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON prismq.audit_numbers FOR EACH ROW EXECUTE FUNCTION prismq.append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON prismq.audit_numbers FOR EACH STATEMENT EXECUTE FUNCTION prismq.append_only();
RESET ROLE;
ALTER TABLE prismq.signing_keys OWNER TO prismq_auth;
ALTER TABLE prismq.api_keys OWNER TO prismq_auth;
ALTER TABLE prismq.secrets OWNER TO prismq_auth;
