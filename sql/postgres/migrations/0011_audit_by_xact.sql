-- The sealer finds what is new by an index that knows it at once: a block range is summarised when vacuum comes by, and until then
-- every look reads all that was written since.
SET ROLE prismq_owner;
DROP INDEX prismq.task_events_xact;
CREATE INDEX task_events_xact ON prismq.task_events (xact);
DROP INDEX prismq.security_events_xact;
CREATE INDEX security_events_xact ON prismq.security_events (xact);
RESET ROLE;
