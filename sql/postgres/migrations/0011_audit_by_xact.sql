-- The sealer finds what is new by an index that knows it at once: a block range is summarised when vacuum comes by, and until then
-- every look reads all that was written since.
SET ROLE prismq_owner;
DROP INDEX prismq.task_events_xact;
CREATE INDEX task_events_xact ON prismq.task_events (xact);
DROP INDEX prismq.security_events_xact;
CREATE INDEX security_events_xact ON prismq.security_events (xact);

-- Numbers are kept in runs: what one transaction did for one client has numbers that follow each other, in both orders. Row `k` of a
-- run of `n` has `last_id - n + k` over all clients and `last_no - n + k` in the chain of its client.
ALTER TABLE prismq.audit_numbers RENAME id TO last_id;
ALTER TABLE prismq.audit_numbers RENAME no TO last_no;
ALTER TABLE prismq.audit_numbers RENAME task_id TO task_ids;
ALTER TABLE prismq.audit_numbers RENAME seq TO seqs;
ALTER TABLE prismq.audit_numbers RENAME event_id TO event_ids;
ALTER TABLE prismq.audit_numbers ADD COLUMN n integer NOT NULL DEFAULT 1 CHECK (n BETWEEN 1 AND 64),
  ALTER COLUMN task_ids TYPE uuid[] USING array_remove(ARRAY[task_ids], NULL), ALTER COLUMN seqs TYPE integer[] USING array_remove(ARRAY[seqs], NULL),
  ALTER COLUMN event_ids TYPE bigint[] USING array_remove(ARRAY[event_ids], NULL);
RESET ROLE;
