-- How an attempt ends: complete, fail, release by its holder, expire by the janitor. The staged ends are matched once against
-- the current leases (`hits`); what did not match changes nothing.

-- name: ends_add (engine)
INSERT INTO staged.ends (i, client_id, task_id, lease_id, op, result, error_kind, error_message, error_stack, final, delay_ms, started_after_ms, run_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13);

-- name: ends_clear (engine)
DELETE FROM staged.ends;

-- name: hits_clear (engine)
DELETE FROM staged.hits;

-- name: settle_hits (engine)
INSERT OR IGNORE INTO staged.hits (i, task_no, client_id, lane_id, attempt, claims, releases, losses, reserved_at_utc, due_at_utc, expires_at_utc, op, result, error_kind, error_message, error_stack, run_after_utc, started_after_ms, run_ms, lease_id, worker_id)
SELECT e.i, l.task_no, l.client_id, l.lane_id, l.attempt, l.claims, l.releases, l.losses, l.reserved_at_utc, l.due_at_utc, l.expires_at_utc, e.op, e.result, e.error_kind, e.error_message, e.error_stack,
  :now + coalesce(e.delay_ms, 0), e.started_after_ms, e.run_ms, l.lease_id, l.worker_id
FROM staged.ends e
CROSS JOIN walled.tasks t ON t.client_id = e.client_id AND t.task_id = e.task_id
CROSS JOIN walled.leases l ON l.task_no = t.task_no AND l.client_id = e.client_id
WHERE l.lease_id = e.lease_id AND l.worker_id = :worker_id AND l.lease_until_utc > :now AND (e.op <> 'release' OR l.releases < :most_releases);

-- name: expire_hits (engine)
INSERT INTO staged.hits (task_no, client_id, lane_id, attempt, claims, releases, losses, reserved_at_utc, due_at_utc, expires_at_utc, op, error_kind, error_message, run_after_utc, lease_id, worker_id)
SELECT l.task_no, l.client_id, l.lane_id, l.attempt, l.claims, l.releases, l.losses + 1, l.reserved_at_utc, l.due_at_utc, l.expires_at_utc, 'expire', 'lease_expired', 'the lease lapsed: the worker stopped answering', :now, l.lease_id, l.worker_id
FROM walled.leases l WHERE l.lease_until_utc <= :now LIMIT :most;

-- name: hits_failed (engine)
SELECT h.i, h.task_no, h.op, h.attempt, h.losses, t.max_attempts, n.type, e.final, e.delay_ms
FROM staged.hits h JOIN walled.tasks t ON t.task_no = h.task_no JOIN walled.lanes n ON n.lane_id = h.lane_id LEFT JOIN staged.ends e ON e.i = h.i AND h.op = 'fail'
WHERE h.op IN ('fail', 'expire');

-- name: hit_outcome (engine)
UPDATE staged.hits SET dead = :dead, run_after_utc = :run_after_utc WHERE task_no = :task_no;

-- name: settle_finish (engine)
INSERT INTO main.finished (task_no, client_id, lane_id, status, finished_at_utc, attempt, claims, releases, worker_id, lease_id, reserved_at_utc, processing_started_utc, run_ms, result)
SELECT h.task_no, h.client_id, h.lane_id, 'completed', :now, h.attempt, h.claims, h.releases, h.worker_id, h.lease_id, h.reserved_at_utc,
  min(:now, h.reserved_at_utc + coalesce(h.started_after_ms, 0)), h.run_ms, h.result
FROM staged.hits h WHERE h.op = 'complete';

-- name: settle_unlease (engine)
DELETE FROM main.leases WHERE task_no IN (SELECT task_no FROM staged.hits);

-- name: settle_log (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
SELECT h.client_id, h.task_no, :now, h.op, 'leased', CASE h.op WHEN 'complete' THEN 'completed' WHEN 'release' THEN 'queued' ELSE 'failed' END, :actor, h.attempt,
  CASE WHEN h.op IN ('fail', 'expire') THEN json_object('kind', h.error_kind, 'run_after_utc', CASE WHEN h.dead IS NULL THEN h.run_after_utc END) END
FROM staged.hits h ORDER BY h.i;

-- name: settle_attempts (engine)
INSERT INTO main.task_attempts (task_no, claims, client_id, attempt, worker_id, lease_id, outcome, ended_at_utc, error_kind, error_message, error_stack)
SELECT h.task_no, h.claims, h.client_id, h.attempt, h.worker_id, h.lease_id, h.op, :now, h.error_kind, h.error_message, h.error_stack FROM staged.hits h WHERE h.op <> 'complete';

-- name: settle_retry (engine)
INSERT INTO main.delayed (task_no, client_id, lane_id, state, run_after_utc, attempt, claims, releases, losses, due_at_utc, expires_at_utc)
SELECT h.task_no, h.client_id, h.lane_id, 'failed', h.run_after_utc, h.attempt, h.claims, h.releases, CASE h.op WHEN 'expire' THEN h.losses ELSE 0 END, h.due_at_utc, h.expires_at_utc
FROM staged.hits h WHERE h.op IN ('fail', 'expire') AND h.dead IS NULL;

-- name: settle_bury (engine)
INSERT INTO main.finished (task_no, client_id, lane_id, status, finished_at_utc, attempt, claims, releases, reason, worker_id, lease_id, reserved_at_utc, processing_started_utc, run_ms)
SELECT h.task_no, h.client_id, h.lane_id, 'dead_letter', :now, h.attempt, h.claims, h.releases, h.dead, h.worker_id, h.lease_id, h.reserved_at_utc,
  min(:now, h.reserved_at_utc + coalesce(h.started_after_ms, 0)), h.run_ms
FROM staged.hits h WHERE h.dead IS NOT NULL;

-- name: settle_bury_log (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
SELECT h.client_id, h.task_no, :now, 'bury', 'failed', 'dead_letter', 'system', h.attempt, json_object('reason', h.dead) FROM staged.hits h WHERE h.dead IS NOT NULL ORDER BY h.i;

-- name: settle_release_ready (engine)
INSERT INTO main.ready (client_id, priority, task_no, lane_id, attempt, claims, releases, losses, draw, due_at_utc, expires_at_utc)
SELECT h.client_id, t.effective_priority, h.task_no, h.lane_id, h.attempt - 1, h.claims, h.releases + 1, h.losses,
  CASE WHEN :draws THEN (SELECT c.draw_floor FROM walled.clients c WHERE c.client_id = h.client_id) - ln((abs(random() % 9007199254740991) + 1) / 9007199254740993.0) * (t.effective_priority + 1) ELSE 0 END,
  h.due_at_utc, h.expires_at_utc
FROM staged.hits h JOIN walled.tasks t ON t.task_no = h.task_no WHERE h.op = 'release' AND h.run_after_utc <= :now;

-- name: settle_release_later (engine)
INSERT INTO main.delayed (task_no, client_id, lane_id, state, run_after_utc, attempt, claims, releases, losses, due_at_utc, expires_at_utc)
SELECT h.task_no, h.client_id, h.lane_id, 'queued', h.run_after_utc, h.attempt - 1, h.claims, h.releases + 1, h.losses, h.due_at_utc, h.expires_at_utc
FROM staged.hits h WHERE h.op = 'release' AND h.run_after_utc > :now;

-- name: settled (engine)
SELECT h.i, h.op, h.dead, (SELECT EXISTS (SELECT 1 FROM walled.task_dependencies)) AND EXISTS (SELECT 1 FROM walled.task_dependencies d WHERE d.client_id = h.client_id AND d.parent_no = h.task_no)
FROM staged.hits h WHERE h.i IS NOT NULL;

-- name: settle_repeats (engine)
SELECT e.i,
  CASE
    WHEN e.op = 'complete' AND f.status = 'completed' AND f.lease_id = e.lease_id AND f.worker_id = :worker_id AND f.result IS e.result THEN 'completed'
    WHEN a.outcome = e.op AND a.worker_id = :worker_id AND a.error_message IS e.error_message THEN
      CASE e.op WHEN 'release' THEN 'queued' ELSE CASE WHEN f.status = 'dead_letter' AND f.lease_id = e.lease_id THEN 'dead_letter' ELSE 'failed' END END
    WHEN e.op = 'release' AND l.lease_id = e.lease_id AND l.worker_id = :worker_id AND l.lease_until_utc > :now THEN 'exhausted'
  END
FROM staged.ends e
JOIN walled.tasks t ON t.client_id = e.client_id AND t.task_id = e.task_id
LEFT JOIN walled.finished f ON f.task_no = t.task_no
LEFT JOIN walled.leases l ON l.task_no = t.task_no
LEFT JOIN walled.task_attempts a ON a.task_no = t.task_no AND a.lease_id = e.lease_id
WHERE e.i NOT IN (SELECT h.i FROM staged.hits h WHERE h.i IS NOT NULL);

-- name: lease_find (engine)
SELECT l.task_no, l.client_id, l.attempt, t.created_by, t.traceparent, t.effective_priority, t.due_at_utc
FROM walled.tasks t JOIN walled.leases l ON l.task_no = t.task_no
WHERE t.client_id = :client_id AND t.task_id = :task_id AND l.client_id = :client_id AND l.lease_id = :lease_id AND l.worker_id = :worker_id AND l.lease_until_utc > :now;

-- name: heartbeat_ends (engine)
SELECT e.i, l.task_no, l.reserved_at_utc + t.max_run_ms, l.lease_until_utc
FROM staged.ends e
CROSS JOIN walled.tasks t ON t.client_id = e.client_id AND t.task_id = e.task_id
CROSS JOIN walled.leases l ON l.task_no = t.task_no AND l.client_id = e.client_id
WHERE l.lease_id = e.lease_id AND l.worker_id = :worker_id AND l.lease_until_utc > :now;

-- name: heartbeat_cancelled (engine)
SELECT e.i FROM staged.ends e JOIN walled.tasks t ON t.client_id = e.client_id AND t.task_id = e.task_id
JOIN walled.finished f ON f.task_no = t.task_no WHERE f.status = 'cancelled' AND f.lease_id = e.lease_id AND f.worker_id = :worker_id;

-- name: heartbeat_held (engine)
SELECT l.task_no, t.task_id, l.reserved_at_utc + t.max_run_ms, l.lease_until_utc
FROM walled.leases l JOIN walled.tasks t ON t.task_no = l.task_no WHERE l.worker_id = :worker_id AND l.lease_until_utc > :now;

-- name: lease_extend (engine)
UPDATE main.leases SET lease_until_utc = :until WHERE task_no IN (SELECT value FROM json_each(:task_nos));

-- name: progress_set (engine)
INSERT OR REPLACE INTO main.task_progress (task_no, client_id, at_utc, value) VALUES (:task_no, :client_id, :now, :value);

-- name: message_add (engine)
INSERT INTO main.task_messages (client_id, task_no, at_utc, attempt, message, details) VALUES (:client_id, :task_no, :now, :attempt, :message, :details);
