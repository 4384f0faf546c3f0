-- Why a task does not run: the facts are put together in functions/17_explain.sql.

-- name: explain_facts (client)
SELECT CAST(prismq.explain_facts(:token, :client_id, :task_id, :alive_ms, :most) AS text);
