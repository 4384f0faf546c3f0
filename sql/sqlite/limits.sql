-- Limits: what is kept of them, and what a claim of a limited client asks. What runs is counted from the leases under the write lock.

-- name: limit_put (registry)
INSERT INTO main.limits (client_id, name, pattern, limit_key, concurrency, rate, per_ms, created_at_utc) VALUES (:client_id, :name, :pattern, :limit_key, :concurrency, :rate, :per_ms, :now);

-- name: limit_delete (registry)
DELETE FROM main.limits WHERE client_id = :client_id AND name = :name;

-- name: limit_count (registry)
SELECT count(*) FROM walled.limits m WHERE m.client_id = :client_id;

-- name: limits_list (registry)
SELECT m.client_id, m.name, m.pattern, m.limit_key, m.concurrency, m.rate, m.per_ms, m.created_at_utc,
  (SELECT count(*) FROM walled.leases l CROSS JOIN walled.lane_limits x ON x.client_id = l.client_id AND x.lane_id = l.lane_id AND x.name = m.name WHERE l.client_id = m.client_id)
FROM walled.limits m WHERE m.client_id = :client_id ORDER BY m.name;

-- name: limits_all (registry)
SELECT m.client_id, m.name, m.pattern, m.limit_key, m.concurrency, m.rate, m.per_ms, m.created_at_utc,
  (SELECT count(*) FROM walled.leases l CROSS JOIN walled.lane_limits x ON x.client_id = l.client_id AND x.lane_id = l.lane_id AND x.name = m.name WHERE l.client_id = m.client_id)
FROM walled.limits m ORDER BY m.client_id, m.name;

-- name: lanes_of_client (registry)
SELECT n.lane_id, n.type, n.limit_key FROM walled.lanes n WHERE n.client_id = :client_id;

-- name: limit_lanes_drop (registry)
DELETE FROM main.lane_limits WHERE client_id = :client_id AND name = :name;

-- name: limit_lanes_add (registry)
INSERT INTO main.lane_limits (client_id, lane_id, name, bucket) SELECT :client_id, j.value ->> 0, :name, j.value ->> 1 FROM json_each(:lanes) j;

-- name: limit_starts_drop (registry)
DELETE FROM main.limit_starts WHERE client_id = :client_id AND name = :name;

-- name: client_limited (registry)
UPDATE main.clients SET limited = :limited WHERE client_id = :client_id;

-- name: limits_of (engine)
SELECT m.name, m.pattern, m.limit_key, m.concurrency, m.rate, m.per_ms FROM walled.limits m WHERE m.client_id = :client_id;

-- name: lane_limit_add (engine)
INSERT INTO main.lane_limits (client_id, lane_id, name, bucket) VALUES (:client_id, :lane_id, :name, :bucket);

-- name: limited_lanes (engine)
SELECT c.lane_id, x.name, x.bucket FROM walled.capability_lanes c LEFT JOIN walled.lane_limits x ON x.client_id = c.client_id AND x.lane_id = c.lane_id
WHERE c.set_id = :set_id AND c.client_id = :client_id AND EXISTS (SELECT 1 FROM walled.ready r WHERE r.lane_id = c.lane_id AND r.client_id = c.client_id);

-- name: limit_running (engine)
SELECT x.name, x.bucket, count(*) FROM walled.leases l CROSS JOIN walled.lane_limits x ON x.client_id = l.client_id AND x.lane_id = l.lane_id WHERE l.client_id = :client_id GROUP BY x.name, x.bucket;

-- name: limit_started (engine)
SELECT s.name, s.bucket, sum(s.starts) FROM walled.limit_starts s CROSS JOIN walled.limits m ON m.client_id = s.client_id AND m.name = s.name
WHERE s.client_id = :client_id AND s.at_utc > :now - m.per_ms GROUP BY s.name, s.bucket;

-- name: limit_starts_old (engine)
DELETE FROM main.limit_starts WHERE client_id = :client_id AND name = :name AND bucket = :bucket AND at_utc <= :cut;

-- name: limit_start (engine)
INSERT INTO main.limit_starts (client_id, name, bucket, at_utc, starts) VALUES (:client_id, :name, :bucket, :now, :starts)
ON CONFLICT (client_id, name, bucket, at_utc) DO UPDATE SET starts = starts + excluded.starts;
