-- Due times: one row a task that has one, so that what has none pays nothing. The state is told by the janitor, with its event; a task
-- that ended keeps its row until it is purged.

CREATE TABLE task_sla (
  client_id TEXT NOT NULL,
  task_no INTEGER NOT NULL,
  due_at_utc INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('on_time', 'at_risk', 'breached')),
  -- When the janitor looks at it again; null: never.
  next_utc INTEGER,
  PRIMARY KEY (client_id, task_no)
) WITHOUT ROWID, STRICT;
CREATE INDEX task_sla_state ON task_sla (client_id, state, due_at_utc) WHERE state <> 'on_time';
CREATE INDEX task_sla_next ON task_sla (next_utc) WHERE next_utc IS NOT NULL;

-- How much of a client may be unfinished at once; null: any.
ALTER TABLE clients ADD COLUMN quota_tasks INTEGER;
ALTER TABLE clients ADD COLUMN quota_bytes INTEGER;

-- What is left of a quota, as it was counted and without what was enqueued since: never more than there is. No row: count anew.
CREATE TABLE quota_room (
  client_id TEXT PRIMARY KEY,
  tasks INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  counted_at_utc INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
