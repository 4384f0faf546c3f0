-- What the engine sends for enqueues. The moves themselves are in functions/05_enqueue.sql.

-- name: enqueue (client)
SELECT e.i, e.verdict, e.task_id, e.status, e.created_at_utc FROM prismq.enqueue_batch(:token, :atomic, :create_clients, :lanes_most, :client_ids, :task_ids, :types, :compatibilities, :regions, :limit_keys, :priorities, :max_attempts, :max_runs,
  :delays, :run_afters, :due_ats, :max_waits, :expires_ats, :ttls, :payloads, :formats, :keys, :digests, :creators, :metadatas, :traces, :lineages, :depends, :seen) e;
