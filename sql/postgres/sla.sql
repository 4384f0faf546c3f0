-- Due times: counts, and the facts of a forecast (functions/18_sla.sql).

-- name: sla_counts (client)
SELECT count(*) FILTER (WHERE s.state = 'at_risk' AND (f.status IS NULL OR f.status = 'dead_letter')),
  count(*) FILTER (WHERE (s.state = 'breached' AND (f.status IS NULL OR f.status = 'dead_letter')) OR (f.status = 'completed' AND f.finished_at_utc > s.due_at_utc)),
  count(*) FILTER (WHERE f.status = 'completed' AND f.finished_at_utc <= s.due_at_utc)
FROM prismq.task_sla s LEFT JOIN prismq.finished f ON f.client_id = s.client_id AND f.task_id = s.task_id WHERE (CAST(:client_id AS text) IS NULL OR s.client_id = CAST(:client_id AS text));

-- name: forecast_facts (client)
SELECT CAST(prismq.forecast_facts(:token, :client_id, CAST(:task_id AS uuid), :type, :priority, :ahead, :ended, :window) AS text);
