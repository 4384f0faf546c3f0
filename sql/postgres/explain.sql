-- Why a task does not run: the facts are put together in functions/17_explain.sql.

-- name: explain_facts (client)
SELECT CAST(prismq.explain_facts(:token, :client_id, :task_id, :alive_ms, :most) AS text);

-- name: unroutable (client)
SELECT u.client_id, u.type, u.compatibility, u.waiting FROM prismq.unroutable(:token, :alive_ms, :most_waiting, :most) u;

-- name: worker_sets (client)
SELECT CAST(prismq.worker_sets(:token, :alive_ms) AS text);
