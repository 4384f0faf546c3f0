-- The first schema. Everything here is read by SQLite 3.40 as well: no application function, no newer syntax.
-- A task is in exactly one place: ready, delayed, leases, blocked or finished. `tasks` holds what was asked and is not
-- touched by a claim. `task_no` is the rowid: the position in the queue, never shown to anybody.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID, STRICT;

-- What servers sign with; made at first use.
CREATE TABLE secrets (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE clients (
  client_id TEXT PRIMARY KEY,
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  weight INTEGER NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 1000),
  created_at_utc INTEGER NOT NULL,
  -- WEIGHTED_RANDOM: the smallest draw taken so far; new draws start above it.
  draw_floor REAL NOT NULL DEFAULT 0
) WITHOUT ROWID, STRICT;

-- One row for each distinct (client, type, compatibility) that has tasks.
CREATE TABLE lanes (
  lane_id INTEGER PRIMARY KEY,
  client_id TEXT NOT NULL,
  type TEXT NOT NULL,
  compatibility TEXT NOT NULL DEFAULT '{}',
  region TEXT,
  UNIQUE (client_id, type, compatibility)
) STRICT;
CREATE INDEX lanes_region ON lanes (region) WHERE region IS NOT NULL;

CREATE TABLE tasks (
  task_no INTEGER PRIMARY KEY,
  client_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  lane_id INTEGER NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0,
  priority INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 1000),
  effective_priority INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  max_run_ms INTEGER NOT NULL,
  run_after_utc INTEGER NOT NULL,
  created_at_utc INTEGER NOT NULL,
  payload TEXT,
  format TEXT,
  idempotency_key TEXT,
  request_digest TEXT,
  created_by TEXT,
  due_at_utc INTEGER,
  expires_at_utc INTEGER,
  metadata TEXT,
  traceparent TEXT,
  amended_at_utc INTEGER,
  purged_at_utc INTEGER,
  -- The id first: ids grow with time, so that a commit of many clients writes one page of this index and not one a client. The index
  -- of a client's list is made when somebody first lists.
  UNIQUE (task_id, client_id)
) STRICT;
CREATE UNIQUE INDEX tasks_idempotency ON tasks (client_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX tasks_format ON tasks (format) WHERE format IS NOT NULL;

-- What may be claimed now. No foreign key to tasks: a check of the parent's delete would scan, since no index leads with
-- task_no. `prismq doctor` and the suites check that a task is in one place. Indexes by lane and of other strategies than
-- PRIORITY are made when a worker first needs them.
CREATE TABLE ready (
  client_id TEXT NOT NULL,
  priority INTEGER NOT NULL,
  task_no INTEGER NOT NULL,
  lane_id INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  claims INTEGER NOT NULL,
  releases INTEGER NOT NULL,
  losses INTEGER NOT NULL,
  draw REAL NOT NULL,
  due_at_utc INTEGER,
  expires_at_utc INTEGER,
  PRIMARY KEY (client_id, priority, task_no)
) WITHOUT ROWID, STRICT;
CREATE INDEX ready_expires ON ready (expires_at_utc) WHERE expires_at_utc IS NOT NULL;

-- What becomes ready later: scheduled (state queued) or retried (state failed).
CREATE TABLE delayed (
  task_no INTEGER PRIMARY KEY REFERENCES tasks (task_no),
  client_id TEXT NOT NULL,
  lane_id INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'failed')),
  run_after_utc INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  claims INTEGER NOT NULL,
  releases INTEGER NOT NULL,
  losses INTEGER NOT NULL,
  due_at_utc INTEGER,
  expires_at_utc INTEGER
) STRICT;
CREATE INDEX delayed_run_after ON delayed (run_after_utc);
CREATE INDEX delayed_client ON delayed (client_id, state, run_after_utc);
CREATE INDEX delayed_expires ON delayed (expires_at_utc) WHERE expires_at_utc IS NOT NULL;

-- Who runs it. No index on lease_until_utc: heartbeats would rewrite it, and the table is as small as the work in hand.
CREATE TABLE leases (
  task_no INTEGER PRIMARY KEY REFERENCES tasks (task_no),
  client_id TEXT NOT NULL,
  lane_id INTEGER NOT NULL,
  worker_id TEXT NOT NULL,
  lease_id TEXT NOT NULL,
  reserved_at_utc INTEGER NOT NULL,
  lease_until_utc INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  claims INTEGER NOT NULL,
  releases INTEGER NOT NULL,
  losses INTEGER NOT NULL,
  due_at_utc INTEGER,
  expires_at_utc INTEGER
) STRICT;

-- What it waits for.
CREATE TABLE blocked (
  task_no INTEGER PRIMARY KEY REFERENCES tasks (task_no),
  client_id TEXT NOT NULL,
  lane_id INTEGER NOT NULL,
  claims INTEGER NOT NULL DEFAULT 0,
  due_at_utc INTEGER,
  expires_at_utc INTEGER
) STRICT;
CREATE INDEX blocked_client ON blocked (client_id);
CREATE INDEX blocked_expires ON blocked (expires_at_utc) WHERE expires_at_utc IS NOT NULL;

-- How it ended. The last lease and the kind of its end answer a repeated settle.
CREATE TABLE finished (
  task_no INTEGER PRIMARY KEY REFERENCES tasks (task_no),
  client_id TEXT NOT NULL,
  lane_id INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('completed', 'dead_letter', 'cancelled')),
  finished_at_utc INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  claims INTEGER NOT NULL,
  releases INTEGER NOT NULL,
  reason TEXT,
  worker_id TEXT,
  lease_id TEXT,
  reserved_at_utc INTEGER,
  processing_started_utc INTEGER,
  run_ms INTEGER,
  result TEXT
) STRICT;
CREATE INDEX finished_client ON finished (client_id, status, finished_at_utc);

-- Attempts that did not complete: the error, and the last lease for a repeated settle.
CREATE TABLE task_attempts (
  task_no INTEGER NOT NULL REFERENCES tasks (task_no),
  claims INTEGER NOT NULL,
  client_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  worker_id TEXT NOT NULL,
  lease_id TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('fail', 'expire', 'release')),
  ended_at_utc INTEGER NOT NULL,
  error_kind TEXT,
  error_message TEXT,
  error_stack TEXT,
  PRIMARY KEY (task_no, claims)
) WITHOUT ROWID, STRICT;

-- The audit: one row an event, in the transaction of the event, append-only.
CREATE TABLE task_events (
  log_id INTEGER PRIMARY KEY CHECK (log_id > 0),
  client_id TEXT NOT NULL,
  task_no INTEGER NOT NULL REFERENCES tasks (task_no),
  at_utc INTEGER NOT NULL,
  event TEXT NOT NULL,
  from_status TEXT,
  to_status TEXT,
  actor TEXT NOT NULL,
  attempt INTEGER,
  details TEXT
) STRICT;
CREATE INDEX task_events_task ON task_events (task_no);

CREATE TABLE security_events (
  event_id INTEGER PRIMARY KEY CHECK (event_id > 0),
  at_utc INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  client_id TEXT,
  object TEXT,
  outcome TEXT NOT NULL CHECK (outcome IN ('done', 'denied')),
  details TEXT
) STRICT;
CREATE INDEX security_events_client ON security_events (client_id, event_id);

-- The chain over both: a seal covers rows of one client that follow each other (docs/audit-format.md).
CREATE TABLE audit_seals (
  client_id TEXT NOT NULL,
  chain TEXT NOT NULL CHECK (chain IN ('tasks', 'security')),
  seq INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  first_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  marks TEXT NOT NULL,
  at_utc INTEGER NOT NULL,
  PRIMARY KEY (client_id, chain, seq)
) WITHOUT ROWID, STRICT;
CREATE INDEX audit_seals_last ON audit_seals (chain, last_id);

-- How far the sealer has looked.
CREATE TABLE audit_passed (
  chain TEXT PRIMARY KEY,
  sealed_id INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
INSERT INTO audit_passed (chain, sealed_id) VALUES ('tasks', 0), ('security', 0);

CREATE TRIGGER audit_seals_no_update BEFORE UPDATE ON audit_seals BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_seals_no_delete BEFORE DELETE ON audit_seals BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- Append-only: REPLACE does not fire delete triggers unless recursive_triggers is on, so the insert is guarded as well
-- (before an insert that leaves the id to SQLite, NEW has -1, and nothing is looked up).
-- Rows below the recorded cut may go (retention writes meta.audit_cut first).
CREATE TRIGGER task_events_no_update BEFORE UPDATE ON task_events BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER task_events_no_delete BEFORE DELETE ON task_events
  WHEN OLD.log_id >= coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'audit_cut'), 0)
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER task_events_no_replace BEFORE INSERT ON task_events
  WHEN NEW.log_id > 0 AND EXISTS (SELECT 1 FROM task_events WHERE log_id = NEW.log_id)
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER security_events_no_update BEFORE UPDATE ON security_events BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER security_events_no_delete BEFORE DELETE ON security_events
  WHEN OLD.event_id >= coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'security_cut'), 0)
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER security_events_no_replace BEFORE INSERT ON security_events
  WHEN NEW.event_id > 0 AND EXISTS (SELECT 1 FROM security_events WHERE event_id = NEW.event_id)
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- What handlers say; erasable.
CREATE TABLE task_messages (
  message_id INTEGER PRIMARY KEY,
  client_id TEXT NOT NULL,
  task_no INTEGER NOT NULL REFERENCES tasks (task_no),
  at_utc INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  message TEXT NOT NULL,
  details TEXT
) STRICT;
CREATE INDEX task_messages_task ON task_messages (task_no);

CREATE TABLE task_progress (
  task_no INTEGER PRIMARY KEY REFERENCES tasks (task_no),
  client_id TEXT NOT NULL,
  at_utc INTEGER NOT NULL,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE task_metadata (
  client_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  task_no INTEGER NOT NULL REFERENCES tasks (task_no),
  PRIMARY KEY (client_id, key, value, task_no)
) WITHOUT ROWID, STRICT;
CREATE INDEX task_metadata_task ON task_metadata (task_no);

-- Which lanes a distinct (declared ∩ granted) covers: matched when a set or a lane is born, so that a claim matches nothing.
CREATE TABLE capability_sets (
  set_id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE capability_lanes (
  set_id INTEGER NOT NULL REFERENCES capability_sets (set_id),
  client_id TEXT NOT NULL,
  lane_id INTEGER NOT NULL REFERENCES lanes (lane_id),
  PRIMARY KEY (set_id, client_id, lane_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX capability_lanes_lane ON capability_lanes (lane_id);

CREATE TABLE workers (
  worker_id TEXT PRIMARY KEY,
  set_id INTEGER NOT NULL REFERENCES capability_sets (set_id),
  capabilities TEXT NOT NULL,
  strategy TEXT NOT NULL,
  fairness TEXT NOT NULL DEFAULT 'weighted' CHECK (fairness IN ('weighted', 'none')),
  status TEXT NOT NULL CHECK (status IN ('ready', 'busy', 'draining', 'offline')),
  versions TEXT NOT NULL DEFAULT '{}',
  registered_at_utc INTEGER NOT NULL,
  heartbeat_utc INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX workers_set ON workers (set_id);

CREATE TABLE worker_grants (
  grant_id TEXT PRIMARY KEY,
  worker_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  pattern TEXT NOT NULL,
  attributes TEXT NOT NULL DEFAULT '{}',
  -- 1: given by the embedding program with the handle, replaced at its next registration.
  of_program INTEGER NOT NULL DEFAULT 0,
  created_at_utc INTEGER NOT NULL,
  UNIQUE (worker_id, client_id, pattern, attributes)
) WITHOUT ROWID, STRICT;

CREATE TABLE api_keys (
  key_id TEXT PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('client', 'worker', 'admin', 'auditor')),
  client_id TEXT,
  worker_id TEXT,
  name TEXT,
  created_at_utc INTEGER NOT NULL,
  revoked_at_utc INTEGER,
  expires_at_utc INTEGER,
  -- A JSON list; NULL is all that the role may do.
  scopes TEXT,
  created_by TEXT,
  -- To the minute.
  last_used_at_utc INTEGER,
  rotated_from TEXT
) WITHOUT ROWID, STRICT;
CREATE INDEX api_keys_worker ON api_keys (worker_id) WHERE worker_id IS NOT NULL;

CREATE TABLE categories (
  pattern TEXT PRIMARY KEY,
  priority INTEGER,
  max_attempts INTEGER,
  max_run_ms INTEGER,
  backoff TEXT,
  schema TEXT
) WITHOUT ROWID, STRICT;

-- The seed's shapes, for people and for reading one task. Status is told by where the task is.
CREATE VIEW task_queue AS
SELECT t.task_id AS id, t.client_id, n.type, t.priority, t.effective_priority, t.payload, n.compatibility,
  CASE WHEN f.task_no IS NOT NULL THEN f.status WHEN l.task_no IS NOT NULL THEN 'leased' WHEN r.task_no IS NOT NULL THEN 'queued'
    WHEN d.task_no IS NOT NULL THEN d.state WHEN b.task_no IS NOT NULL THEN 'blocked' END AS status,
  coalesce(f.attempt, l.attempt, r.attempt, d.attempt, 0) AS attempts, t.max_attempts, t.generation,
  coalesce(f.releases, l.releases, r.releases, d.releases, 0) AS releases,
  coalesce(d.run_after_utc, t.run_after_utc) AS run_after_utc, l.lease_until_utc,
  coalesce(l.reserved_at_utc, f.reserved_at_utc) AS reserved_at_utc,
  f.processing_started_utc, f.finished_at_utc, coalesce(l.worker_id, f.worker_id) AS locked_by,
  coalesce((SELECT a.error_message FROM task_attempts a WHERE a.task_no = t.task_no AND a.error_message IS NOT NULL ORDER BY a.claims DESC LIMIT 1), f.reason) AS error_message,
  t.idempotency_key, t.created_at_utc,
  coalesce(f.finished_at_utc, l.reserved_at_utc, t.amended_at_utc, t.created_at_utc) AS updated_at_utc,
  n.region, t.format, f.result, f.reason, p.value AS progress, t.metadata, t.created_by, t.traceparent,
  t.due_at_utc, t.expires_at_utc, t.max_run_ms, t.purged_at_utc, f.run_ms, t.task_no
FROM tasks t
JOIN lanes n ON n.lane_id = t.lane_id
LEFT JOIN finished f ON f.task_no = t.task_no
LEFT JOIN leases l ON l.task_no = t.task_no
LEFT JOIN ready r ON r.client_id = t.client_id AND r.priority = t.effective_priority AND r.task_no = t.task_no
LEFT JOIN delayed d ON d.task_no = t.task_no
LEFT JOIN blocked b ON b.task_no = t.task_no
LEFT JOIN task_progress p ON p.task_no = t.task_no;

CREATE VIEW task_logs AS
SELECT e.log_id, t.task_id, e.client_id, e.at_utc,
  CASE WHEN e.event IN ('bury', 'expire') THEN 'ERROR' WHEN e.event IN ('fail', 'retry', 'lapse') THEN 'WARNING' WHEN e.event IN ('claim', 'release') THEN 'DEBUG' ELSE 'INFO' END AS level,
  e.event || ': ' || coalesce(e.from_status, 'new') || ' to ' || coalesce(e.to_status, 'gone') AS message,
  e.event, e.from_status, e.to_status, e.actor, e.attempt, coalesce(e.details, '{}') AS details
FROM task_events e
JOIN tasks t ON t.task_no = e.task_no;

-- Everything that was done and by whom, for an auditor.
CREATE VIEW audit_trail AS
SELECT 'tasks' AS chain, e.log_id AS id, e.at_utc, e.client_id, e.actor, e.event AS action, t.task_id AS object, 'done' AS outcome,
  json_object('from', e.from_status, 'to', e.to_status, 'attempt', e.attempt, 'details', json(coalesce(e.details, '{}'))) AS details
FROM task_events e JOIN tasks t ON t.task_no = e.task_no
UNION ALL
SELECT 'security', s.event_id, s.at_utc, s.client_id, s.actor, s.action, s.object, s.outcome, coalesce(s.details, '{}') FROM security_events s;

-- What each registered worker may claim now. A worker's own connection sees its own rows only.
CREATE VIEW worker_inbox AS
SELECT w.worker_id, t.task_id AS id, r.client_id, n.type, r.priority, r.attempt AS attempts, t.run_after_utc, n.compatibility
FROM workers w
JOIN capability_lanes c ON c.set_id = w.set_id
JOIN lanes n ON n.lane_id = c.lane_id
JOIN ready r ON r.lane_id = c.lane_id
JOIN tasks t ON t.task_no = r.task_no
UNION ALL
SELECT w.worker_id, t.task_id, d.client_id, n.type, t.effective_priority, d.attempt, d.run_after_utc, n.compatibility
FROM workers w
JOIN capability_lanes c ON c.set_id = w.set_id
JOIN lanes n ON n.lane_id = c.lane_id
JOIN delayed d ON d.lane_id = c.lane_id AND d.state = 'queued' AND d.run_after_utc <= CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
JOIN tasks t ON t.task_no = d.task_no;

CREATE VIEW v_queue_status_summary AS
SELECT client_id, status, count(*) AS task_count, round(avg(attempts), 2) AS avg_attempts, min(created_at_utc) AS oldest_task, max(created_at_utc) AS newest_task
FROM task_queue GROUP BY client_id, status;

CREATE VIEW v_queue_type_summary AS
SELECT client_id, type, status, count(*) AS task_count, round(avg(priority), 2) AS avg_priority
FROM task_queue GROUP BY client_id, type, status;

CREATE VIEW v_worker_status AS
SELECT w.worker_id, w.capabilities, w.heartbeat_utc, w.status,
  (SELECT count(*) FROM leases l WHERE l.worker_id = w.worker_id) AS active_tasks,
  (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - w.heartbeat_utc) / 1000.0 AS seconds_since_heartbeat
FROM workers w;

CREATE VIEW v_task_performance AS
SELECT client_id, type, status, count(*) AS task_count, avg(finished_at_utc - processing_started_utc) / 1000.0 AS avg_processing_seconds, avg(attempts) AS avg_attempts
FROM task_queue WHERE finished_at_utc IS NOT NULL GROUP BY client_id, type, status;

CREATE VIEW v_recent_failures AS
SELECT id, client_id, type, status, attempts, error_message, finished_at_utc
FROM task_queue WHERE status IN ('failed', 'dead_letter') ORDER BY coalesce(finished_at_utc, updated_at_utc) DESC LIMIT 100;
