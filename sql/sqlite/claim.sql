-- Claim: the picked rows move from ready to leases, set-based, with their audit rows. Which client is asked for how many is
-- decided outside; {order} is one of the closed list of orders in domain/strategy.ts.

-- name: due_exists (engine)
SELECT 1 FROM walled.delayed d WHERE d.run_after_utc <= :now LIMIT 1;

-- Another process's commit changes this number; the owner's right, since pragmas are refused to every other class.
-- name: data_version (owner)
PRAGMA data_version;

-- name: worker_of (engine)
SELECT w.set_id, w.strategy, w.fairness, s.key FROM walled.workers w JOIN walled.capability_sets s ON s.set_id = w.set_id WHERE w.worker_id = :worker_id;

-- name: lanes_version (engine)
SELECT value FROM walled.meta WHERE key = 'lanes_version';

-- name: covered_count (engine)
SELECT count(*) FROM (SELECT 1 FROM walled.capability_lanes c WHERE c.set_id = :set_id LIMIT :most);

-- name: covered_lanes (engine)
SELECT c.client_id, c.lane_id FROM walled.capability_lanes c WHERE c.set_id = :set_id ORDER BY c.client_id, c.lane_id;

-- name: uncovered_lane (engine)
SELECT 1 FROM (SELECT DISTINCT c.client_id FROM walled.capability_lanes c WHERE c.set_id = :set_id) k CROSS JOIN walled.lanes n ON n.client_id = k.client_id
WHERE NOT EXISTS (SELECT 1 FROM walled.capability_lanes o WHERE o.set_id = :set_id AND o.client_id = n.client_id AND o.lane_id = n.lane_id) LIMIT 1;

-- name: active_covered (engine)
SELECT DISTINCT c.client_id, k.weight, k.limited FROM walled.capability_lanes c CROSS JOIN walled.clients k ON k.client_id = c.client_id
WHERE c.set_id = :set_id AND k.status = 'active' AND EXISTS (SELECT 1 FROM walled.ready r WHERE r.lane_id = c.lane_id AND r.client_id = c.client_id);

-- name: covered_lanes_of (engine)
SELECT c.lane_id FROM walled.capability_lanes c WHERE c.set_id = :set_id AND c.client_id = :client_id LIMIT :most;

-- name: active_clients (engine)
WITH RECURSIVE active (client_id, n) AS (
  SELECT (SELECT min(r.client_id) FROM walled.ready r), 1
  UNION ALL
  SELECT (SELECT min(r.client_id) FROM walled.ready r WHERE r.client_id > active.client_id), active.n + 1 FROM active WHERE active.client_id IS NOT NULL AND active.n < :most
)
SELECT active.client_id, c.weight, c.limited FROM active JOIN walled.clients c ON c.client_id = active.client_id WHERE c.status = 'active';

-- name: active_among (engine)
SELECT c.client_id, c.weight, c.limited FROM json_each(:client_ids) j CROSS JOIN walled.clients c ON c.client_id = j.value
WHERE c.status = 'active' AND EXISTS (SELECT 1 FROM walled.ready r WHERE r.client_id = c.client_id);

-- name: pick_scan (engine)
INSERT INTO staged.picked (task_no, client_id, priority, lane_id, attempt, claims, releases, losses, due_at_utc, expires_at_utc, draw)
SELECT r.task_no, r.client_id, r.priority, r.lane_id, r.attempt, r.claims, r.releases, r.losses, r.due_at_utc, r.expires_at_utc, r.draw
FROM (SELECT * FROM walled.ready WHERE client_id = :client_id ORDER BY {order} LIMIT :scan) r
WHERE EXISTS (SELECT 1 FROM walled.capability_lanes c WHERE c.set_id = :set_id AND c.client_id = r.client_id AND c.lane_id = r.lane_id)
  AND (r.expires_at_utc IS NULL OR r.expires_at_utc > :now)
LIMIT :most OFFSET :before;

-- name: pick_lane (engine)
INSERT INTO staged.picked (task_no, client_id, priority, lane_id, attempt, claims, releases, losses, due_at_utc, expires_at_utc, draw)
SELECT r.task_no, r.client_id, r.priority, r.lane_id, r.attempt, r.claims, r.releases, r.losses, r.due_at_utc, r.expires_at_utc, r.draw
FROM walled.ready r WHERE r.lane_id = :lane_id AND +r.client_id = :client_id AND (r.expires_at_utc IS NULL OR r.expires_at_utc > :now) ORDER BY {order} LIMIT :most OFFSET :before;

-- name: lane_heads (engine)
SELECT r.task_no, r.client_id, r.priority, r.due_at_utc, r.draw
FROM walled.ready r WHERE r.lane_id = :lane_id AND +r.client_id = :client_id AND (r.expires_at_utc IS NULL OR r.expires_at_utc > :now) ORDER BY {order} LIMIT :most;

-- name: pick_all (engine)
INSERT INTO staged.picked (task_no, client_id, priority, lane_id, attempt, claims, releases, losses, due_at_utc, expires_at_utc, draw)
SELECT r.task_no, r.client_id, r.priority, r.lane_id, r.attempt, r.claims, r.releases, r.losses, r.due_at_utc, r.expires_at_utc, r.draw
FROM (SELECT * FROM walled.ready ORDER BY {order} LIMIT :scan) r
WHERE EXISTS (SELECT 1 FROM walled.capability_lanes c WHERE c.set_id = :set_id AND c.client_id = r.client_id AND c.lane_id = r.lane_id)
  AND (r.expires_at_utc IS NULL OR r.expires_at_utc > :now)
  AND EXISTS (SELECT 1 FROM walled.clients k WHERE k.client_id = r.client_id AND k.status = 'active')
LIMIT :most;

-- name: pick_keys (engine)
INSERT INTO staged.picked (task_no, client_id, priority, lane_id, attempt, claims, releases, losses, due_at_utc, expires_at_utc, draw)
SELECT r.task_no, r.client_id, r.priority, r.lane_id, r.attempt, r.claims, r.releases, r.losses, r.due_at_utc, r.expires_at_utc, r.draw
FROM json_each(:keys) j CROSS JOIN walled.ready r ON r.client_id = j.value ->> 0 AND r.priority = j.value ->> 1 AND r.task_no = j.value ->> 2 ORDER BY j.key;

-- name: picked_drop (engine)
DELETE FROM staged.picked WHERE client_id = :client_id;

-- name: ready_beyond (engine)
SELECT count(*) FROM (SELECT 1 FROM walled.ready r WHERE r.client_id = :client_id LIMIT :most + 1);

-- name: picked_clear (engine)
DELETE FROM staged.picked;

-- name: claim_lease (engine)
INSERT INTO main.leases (task_no, client_id, lane_id, worker_id, lease_id, reserved_at_utc, lease_until_utc, attempt, claims, releases, losses, due_at_utc, expires_at_utc)
SELECT p.task_no, p.client_id, p.lane_id, :worker_id, :lease_id, :now, :now + :lease_ms, p.attempt + 1, p.claims + 1, p.releases, p.losses, p.due_at_utc, p.expires_at_utc FROM staged.picked p;

-- name: claim_unready (engine)
DELETE FROM main.ready WHERE (client_id, priority, task_no) IN (SELECT client_id, priority, task_no FROM staged.picked);

-- name: claim_log (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
SELECT p.client_id, p.task_no, :now, 'claim', 'queued', 'leased', :actor, p.attempt + 1, NULL FROM staged.picked p;

-- name: claim_floor (engine)
UPDATE main.clients SET draw_floor = :floor WHERE client_id = :client_id;

-- name: picked_floors (engine)
SELECT client_id, max(draw) FROM staged.picked GROUP BY client_id;

-- name: claimed (worker)
SELECT h.client_id, h.task_id, h.type, h.payload, h.compatibility, h.priority, h.attempt, h.max_attempts, h.lease_until_utc, h.claims, h.max_run_ms, h.created_at_utc, h.created_by, h.metadata, h.traceparent
FROM staged.picked p CROSS JOIN walled.held h ON h.task_no = p.task_no WHERE h.lease_id = :lease_id ORDER BY p.rank;
