-- Schedules: work that comes by the clock. `next_utc` is the tick that is not fired yet; firing it moves it on in the transaction
-- that enqueues, so that of any number of servers one fires a tick.
SET ROLE prismq_owner;
CREATE TABLE prismq.schedules (
  client_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('cron', 'every', 'once')),
  cron text,
  time_zone text,
  every_ms bigint,
  -- Of `once` the instant, of `every` the instant that the ticks are counted from.
  at_utc bigint,
  type text COLLATE "C" NOT NULL,
  payload text NOT NULL,
  options text NOT NULL,
  missed text COLLATE "C" NOT NULL CHECK (missed IN ('one', 'all', 'none')),
  paused boolean NOT NULL DEFAULT false,
  -- Null: paused, or there is no tick any more.
  next_utc bigint,
  -- The last tick that was fired or passed over, and when that was.
  last_utc bigint,
  looked_at_utc bigint,
  last_task_id uuid,
  last_refusal text,
  fired bigint NOT NULL DEFAULT 0,
  created_at_utc bigint NOT NULL,
  changed_at_utc bigint NOT NULL,
  PRIMARY KEY (client_id, name)
);
CREATE INDEX schedules_next ON prismq.schedules (next_utc) WHERE next_utc IS NOT NULL;
CREATE INDEX schedules_looked ON prismq.schedules (looked_at_utc) WHERE next_utc IS NOT NULL;

-- Limits of one client: on all of its work, on a category or pattern, or on each free key under a prefix.
CREATE TABLE prismq.limits (
  client_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  pattern text COLLATE "C",
  limit_key text COLLATE "C",
  concurrency integer,
  rate integer,
  per_ms bigint,
  created_at_utc bigint NOT NULL,
  PRIMARY KEY (client_id, name)
);

-- Which limits a lane is under: matched when a limit is set or a lane is born. A bucket is what is counted together: the limit, or the
-- limit and one key.
CREATE TABLE prismq.lane_limits (
  client_id text COLLATE "C" NOT NULL,
  lane_no integer NOT NULL,
  name text COLLATE "C" NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  PRIMARY KEY (client_id, lane_no, name)
);

-- Starts under a rate, one row a claim and bucket; what is older than the window goes.
CREATE TABLE prismq.limit_starts (
  client_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  bucket text COLLATE "C" NOT NULL,
  at_utc bigint NOT NULL,
  starts integer NOT NULL,
  PRIMARY KEY (client_id, name, bucket, at_utc)
);

-- Whether the client has limits: claims of the others ask nothing.
ALTER TABLE prismq.clients ADD COLUMN limited boolean NOT NULL DEFAULT false;

-- A free key is part of the lane: what is limited alike stands in one lane, and a lane that is full is passed over like one that a
-- worker may not take.
ALTER TABLE prismq.lanes ADD COLUMN limit_key text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE prismq.lanes DROP CONSTRAINT lanes_client_id_type_compatibility_key;
ALTER TABLE prismq.lanes ADD UNIQUE (client_id, type, compatibility, limit_key);

-- Categories: how long a task may wait, and how often the row was changed.
ALTER TABLE prismq.categories ADD COLUMN max_wait_ms bigint;
ALTER TABLE prismq.categories ADD COLUMN version integer NOT NULL DEFAULT 1;
RESET ROLE;
