-- Numbers that a client may see are counted within it or within a task, never over all clients, and the order of the audit is made
-- from what a snapshot sees: a transaction that runs for long holds back its own rows and nobody else's.
SET ROLE prismq_owner;

-- `id` is the order over all clients, which is the platform's; `no` is the number in the client's chain.
ALTER TABLE prismq.audit_numbers ADD COLUMN no bigint NOT NULL;
DROP INDEX prismq.audit_numbers_client;
CREATE UNIQUE INDEX audit_numbers_own ON prismq.audit_numbers (chain, client_id, no);

-- The last number of each chain.
CREATE TABLE prismq.audit_last (
  chain text COLLATE "C" NOT NULL CHECK (chain IN ('tasks', 'security')),
  client_id text COLLATE "C" NOT NULL,
  no bigint NOT NULL,
  PRIMARY KEY (chain, client_id)
) WITH (fillfactor = 50);

-- Rows of every transaction below `next_xact` are numbered, but of those that were still running then.
ALTER TABLE prismq.audit_passed ADD COLUMN running bigint[] NOT NULL DEFAULT '{}';

-- The stream of events goes by numbers.
DROP INDEX prismq.task_events_at;

-- `event_id` is unique within a client.
ALTER TABLE prismq.security_events DROP CONSTRAINT security_events_pkey;
CREATE UNIQUE INDEX security_events_own ON prismq.security_events (coalesce(client_id, ''), event_id);
CREATE INDEX security_events_newest ON prismq.security_events (event_id, (coalesce(client_id, '')));
RESET ROLE;
