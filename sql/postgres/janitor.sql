-- The janitor's steps are one function, functions/10_janitor.sql.

-- name: tick (system)
SELECT t.expired, t.promoted, t.buried, t.lapsed, t.purged FROM prismq.tick(:token, :retention_ms, :backoff) t;

-- name: next_due (system)
SELECT prismq.next_due_in(:token);
