-- Due times: one row a task that has one, so that what has none pays nothing. The state is told by the janitor, with its event; a task
-- that ended keeps its row until it is purged.
SET ROLE prismq_owner;
CREATE TABLE prismq.task_sla (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  due_at_utc bigint NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('on_time', 'at_risk', 'breached')),
  -- When the janitor looks at it again; null: never.
  next_utc bigint,
  PRIMARY KEY (client_id, task_id)
);
CREATE INDEX task_sla_state ON prismq.task_sla (client_id, state, due_at_utc) WHERE state <> 'on_time';
CREATE INDEX task_sla_next ON prismq.task_sla (next_utc) WHERE next_utc IS NOT NULL;

-- How much of a client may be unfinished at once; null: any.
ALTER TABLE prismq.clients ADD COLUMN quota_tasks bigint;
ALTER TABLE prismq.clients ADD COLUMN quota_bytes bigint;

-- What is left of a quota, as it was counted and without what was enqueued since: never more than there is. Counted never: count anew.
CREATE TABLE prismq.quota_room (
  client_id text COLLATE "C" PRIMARY KEY,
  tasks bigint NOT NULL,
  bytes bigint NOT NULL,
  counted_at_utc bigint NOT NULL
);
RESET ROLE;
