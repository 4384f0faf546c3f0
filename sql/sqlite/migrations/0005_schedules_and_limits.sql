-- Schedules: work that comes by the clock. `next_utc` is the tick that is not fired yet; firing it moves it on in the transaction
-- that enqueues, so that of any number of servers one fires a tick.
CREATE TABLE schedules (
  client_id TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('cron', 'every', 'once')),
  cron TEXT,
  time_zone TEXT,
  every_ms INTEGER,
  -- Of `once` the instant, of `every` the instant that the ticks are counted from.
  at_utc INTEGER,
  type TEXT NOT NULL,
  payload TEXT NOT NULL,
  options TEXT NOT NULL,
  missed TEXT NOT NULL CHECK (missed IN ('one', 'all', 'none')),
  paused INTEGER NOT NULL DEFAULT 0,
  -- Null: paused, or there is no tick any more.
  next_utc INTEGER,
  -- The last tick that was fired or passed over, and when that was.
  last_utc INTEGER,
  looked_at_utc INTEGER,
  last_task_id TEXT,
  last_refusal TEXT,
  fired INTEGER NOT NULL DEFAULT 0,
  created_at_utc INTEGER NOT NULL,
  changed_at_utc INTEGER NOT NULL,
  PRIMARY KEY (client_id, name)
) WITHOUT ROWID, STRICT;
CREATE INDEX schedules_next ON schedules (next_utc) WHERE next_utc IS NOT NULL;
CREATE INDEX schedules_looked ON schedules (looked_at_utc) WHERE next_utc IS NOT NULL;

-- Limits of one client: on all of its work, on a category or pattern, or on each free key under a prefix.
CREATE TABLE limits (
  client_id TEXT NOT NULL,
  name TEXT NOT NULL,
  pattern TEXT,
  limit_key TEXT,
  concurrency INTEGER,
  rate INTEGER,
  per_ms INTEGER,
  created_at_utc INTEGER NOT NULL,
  PRIMARY KEY (client_id, name)
) WITHOUT ROWID, STRICT;

-- Which limits a lane is under: matched when a limit is set or a lane is born. A bucket is what is counted together: the limit, or the
-- limit and one key.
CREATE TABLE lane_limits (
  client_id TEXT NOT NULL,
  lane_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  bucket TEXT NOT NULL,
  PRIMARY KEY (client_id, lane_id, name)
) WITHOUT ROWID, STRICT;

-- Starts under a rate, one row a claim and bucket; what is older than the window goes.
CREATE TABLE limit_starts (
  client_id TEXT NOT NULL,
  name TEXT NOT NULL,
  bucket TEXT NOT NULL,
  at_utc INTEGER NOT NULL,
  starts INTEGER NOT NULL,
  PRIMARY KEY (client_id, name, bucket, at_utc)
) WITHOUT ROWID, STRICT;

-- Whether the client has limits: claims of the others ask nothing.
ALTER TABLE clients ADD COLUMN limited INTEGER NOT NULL DEFAULT 0;

-- A free key is part of the lane: what is limited alike stands in one lane, and a lane that is full is passed over like one that a
-- worker may not take.
PRAGMA defer_foreign_keys = ON;
CREATE TABLE lanes_before AS SELECT * FROM lanes;
DROP TABLE lanes;
CREATE TABLE lanes (
  lane_id INTEGER PRIMARY KEY,
  client_id TEXT NOT NULL,
  type TEXT NOT NULL,
  compatibility TEXT NOT NULL DEFAULT '{}',
  region TEXT,
  limit_key TEXT NOT NULL DEFAULT '',
  UNIQUE (client_id, type, compatibility, limit_key)
) STRICT;
INSERT INTO lanes (lane_id, client_id, type, compatibility, region) SELECT lane_id, client_id, type, compatibility, region FROM lanes_before;
DROP TABLE lanes_before;
CREATE INDEX lanes_region ON lanes (region) WHERE region IS NOT NULL;

-- Categories: how long a task may wait, and how often the row was changed.
ALTER TABLE categories ADD COLUMN max_wait_ms INTEGER;
ALTER TABLE categories ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
