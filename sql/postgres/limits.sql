-- Limits: what the engine sends. That they hold is in functions/16_limits.sql and the claim.

-- name: limit_put (client)
SELECT prismq.limit_put(:token, :client_id, :name, :pattern, :limit_key, :concurrency, :rate, :per_ms, :most, :action, :reason);

-- name: limit_delete (client)
SELECT prismq.limit_drop(:token, :client_id, :name, :action, :reason);

-- name: limits_list (client)
SELECT m.client_id, m.name, m.pattern, m.limit_key, m.concurrency, m.rate, m.per_ms, m.created_at_utc,
  (SELECT count(*) FROM prismq.leases l JOIN prismq.lane_limits x ON x.client_id = l.client_id AND x.lane_no = l.lane_no AND x.name = m.name WHERE l.client_id = m.client_id)
FROM prismq.limits m WHERE m.client_id = :client_id ORDER BY m.name;

-- name: limits_all (admin)
SELECT m.client_id, m.name, m.pattern, m.limit_key, m.concurrency, m.rate, m.per_ms, m.created_at_utc,
  (SELECT count(*) FROM prismq.leases l JOIN prismq.lane_limits x ON x.client_id = l.client_id AND x.lane_no = l.lane_no AND x.name = m.name WHERE l.client_id = m.client_id)
FROM prismq.limits m ORDER BY m.client_id, m.name;
