-- Anchors of the audit, and its retention: a chain is cut at an anchored point only, and the cut is a row that stays.
SET ROLE prismq_owner;

-- Heads of chains that were signed and kept elsewhere.
CREATE TABLE prismq.audit_anchors (
  client_id text COLLATE "C" NOT NULL,
  chain text COLLATE "C" NOT NULL CHECK (chain IN ('tasks', 'security')),
  seq bigint NOT NULL,
  hash text NOT NULL,
  n bigint NOT NULL,
  at_utc bigint NOT NULL,
  PRIMARY KEY (client_id, chain, seq)
);

-- The last anchor: its number, and the digest that the next one follows.
CREATE TABLE prismq.audit_anchored (
  one integer PRIMARY KEY CHECK (one = 1),
  n bigint NOT NULL,
  digest text NOT NULL
);
INSERT INTO prismq.audit_anchored (one, n, digest) VALUES (1, 0, '');

-- Rows up to `last_id` are gone: the chain begins after number `seq`, with `hash`.
CREATE TABLE prismq.audit_cuts (
  client_id text COLLATE "C" NOT NULL,
  chain text COLLATE "C" NOT NULL CHECK (chain IN ('tasks', 'security')),
  seq bigint NOT NULL,
  hash text NOT NULL,
  last_id bigint NOT NULL,
  at_utc bigint NOT NULL,
  PRIMARY KEY (client_id, chain, seq)
);

-- How long the audit of a client is kept; null: for ever. A client without a row has what the program was given.
CREATE TABLE prismq.audit_retention (
  client_id text COLLATE "C" PRIMARY KEY,
  keep_ms bigint
);

-- A cut allows what is behind it to go, by the function that keeps to it, and nothing else.
CREATE OR REPLACE FUNCTION prismq.append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_user = 'prismq_audit' AND TG_TABLE_NAME <> 'audit_cuts' THEN
    IF EXISTS (SELECT FROM prismq.audit_cuts c WHERE c.client_id = coalesce(OLD.client_id, '')) THEN RETURN OLD; END IF;
  END IF;
  RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = '42501';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON prismq.audit_cuts FOR EACH ROW EXECUTE FUNCTION prismq.append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON prismq.audit_cuts FOR EACH STATEMENT EXECUTE FUNCTION prismq.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON prismq.audit_anchors FOR EACH ROW EXECUTE FUNCTION prismq.append_only();
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON prismq.audit_anchors FOR EACH STATEMENT EXECUTE FUNCTION prismq.append_only();
RESET ROLE;
