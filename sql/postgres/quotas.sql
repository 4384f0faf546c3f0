-- Quotas: how much of a client may be unfinished at once (functions/19_quotas.sql).

-- name: quota_get (client)
SELECT q.max_tasks, q.max_bytes, q.tasks, q.bytes FROM prismq.quota_get(:token, :client_id) q;

-- name: quota_set (admin)
SELECT q.max_tasks, q.max_bytes, q.tasks, q.bytes FROM prismq.quota_set(:token, :client_id, :tasks, :bytes) q;
