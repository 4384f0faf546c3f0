-- Anchors of the audit, and its retention: a chain is cut at an anchored point only, and the cut is a row that stays.

-- Heads of chains that were signed and kept elsewhere.
CREATE TABLE audit_anchors (
  client_id TEXT NOT NULL,
  chain TEXT NOT NULL CHECK (chain IN ('tasks', 'security')),
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL,
  n INTEGER NOT NULL,
  at_utc INTEGER NOT NULL,
  PRIMARY KEY (client_id, chain, seq)
) WITHOUT ROWID, STRICT;

-- The last anchor: its number, and the digest that the next one follows.
CREATE TABLE audit_anchored (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  n INTEGER NOT NULL,
  digest TEXT NOT NULL
) STRICT;
INSERT INTO audit_anchored (one, n, digest) VALUES (1, 0, '');

-- Rows up to `last_id` are gone: the chain begins after number `seq`, with `hash`.
CREATE TABLE audit_cuts (
  client_id TEXT NOT NULL,
  chain TEXT NOT NULL CHECK (chain IN ('tasks', 'security')),
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL,
  last_id INTEGER NOT NULL,
  at_utc INTEGER NOT NULL,
  PRIMARY KEY (client_id, chain, seq)
) WITHOUT ROWID, STRICT;

-- How long the audit of a client is kept; null: for ever. A client without a row has what the program was given.
CREATE TABLE audit_retention (
  client_id TEXT PRIMARY KEY,
  keep_ms INTEGER
) WITHOUT ROWID, STRICT;

CREATE TRIGGER audit_cuts_no_update BEFORE UPDATE ON audit_cuts BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_cuts_no_delete BEFORE DELETE ON audit_cuts BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_cuts_no_replace BEFORE INSERT ON audit_cuts
  WHEN EXISTS (SELECT 1 FROM audit_cuts c WHERE c.client_id = NEW.client_id AND c.chain = NEW.chain AND c.seq = NEW.seq)
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_anchors_no_update BEFORE UPDATE ON audit_anchors BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_seals_no_replace BEFORE INSERT ON audit_seals
  WHEN EXISTS (SELECT 1 FROM audit_seals s WHERE s.client_id = NEW.client_id AND s.chain = NEW.chain AND s.seq = NEW.seq)
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- A cut allows what is behind it to go, and nothing else.
DROP TRIGGER task_events_no_delete;
CREATE TRIGGER task_events_no_delete BEFORE DELETE ON task_events
  WHEN NOT EXISTS (SELECT 1 FROM audit_cuts c WHERE c.client_id = OLD.client_id AND c.chain = 'tasks' AND c.last_id >= OLD.log_id)
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
DROP TRIGGER security_events_no_delete;
CREATE TRIGGER security_events_no_delete BEFORE DELETE ON security_events
  WHEN NOT EXISTS (SELECT 1 FROM audit_cuts c WHERE c.client_id = coalesce(OLD.client_id, '') AND c.chain = 'security' AND c.last_id >= OLD.event_id)
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
DROP TRIGGER audit_seals_no_delete;
CREATE TRIGGER audit_seals_no_delete BEFORE DELETE ON audit_seals
  WHEN NOT EXISTS (SELECT 1 FROM audit_cuts c WHERE c.client_id = OLD.client_id AND c.chain = OLD.chain AND c.seq >= OLD.seq)
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_anchors_no_delete BEFORE DELETE ON audit_anchors
  WHEN NOT EXISTS (SELECT 1 FROM audit_cuts c WHERE c.client_id = OLD.client_id AND c.chain = OLD.chain AND c.seq >= OLD.seq)
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
