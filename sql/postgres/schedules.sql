-- Schedules: what the engine sends. The changes themselves are in functions/15_schedules.sql.

-- name: schedule_put (client)
SELECT prismq.schedule_put(:token, :client_id, :name, :kind, :cron, :time_zone, :every_ms, :at_utc, :type, :payload, :options, :missed, :paused, :next_utc, :most, :reason);

-- name: schedule_delete (client)
SELECT prismq.schedule_drop(:token, :client_id, :name, :reason);

-- name: schedule_pause (client)
SELECT prismq.schedule_pause(:token, :client_id, :name, :seen, :paused, :next_utc, :reason);

-- name: schedule_content (system)
SELECT c.type, c.payload, c.options FROM prismq.schedule_content(:token, :client_id, :name) c;

-- name: schedules_due (system)
SELECT d.now_utc, d.client_id, d.name, d.kind, d.cron, d.time_zone, d.every_ms, d.at_utc, d.type, d.payload, d.options, d.missed, d.next_utc, d.last_utc, d.looked_at_utc
FROM prismq.schedules_due(:token, :most, :with_cron, :late_ms) d;

-- name: schedules_fire (system)
SELECT f.o, f.made FROM prismq.schedules_fire(:token, :f_clients, :f_names, :f_ticks, :f_lasts, :f_nexts, :f_refusals, :f_of, :lanes_most, :client_ids, :task_ids, :types, :compatibilities, :regions, :limit_keys, :priorities,
  :max_attempts, :max_runs, :delays, :run_afters, :due_ats, :max_waits, :expires_ats, :ttls, :payloads, :formats, :keys, :digests, :creators, :metadatas, :traces) f;

-- name: schedule_one (client)
SELECT s.client_id, s.name, s.kind, s.cron, s.time_zone, s.every_ms, s.at_utc, s.type, s.options, s.missed, s.paused, s.next_utc, s.last_utc, s.last_task_id, s.last_refusal, s.fired, s.created_at_utc, s.changed_at_utc, s.payload
FROM prismq.schedules s WHERE s.client_id = :client_id AND s.name = :name;

-- name: schedule_one_open (admin)
SELECT s.client_id, s.name, s.kind, s.cron, s.time_zone, s.every_ms, s.at_utc, s.type, s.options, s.missed, s.paused, s.next_utc, s.last_utc, s.last_task_id, s.last_refusal, s.fired, s.created_at_utc, s.changed_at_utc
FROM prismq.schedules s WHERE s.client_id = :client_id AND s.name = :name;

-- name: schedule_list (client)
SELECT s.client_id, s.name, s.kind, s.cron, s.time_zone, s.every_ms, s.at_utc, s.type, s.options, s.missed, s.paused, s.next_utc, s.last_utc, s.last_task_id, s.last_refusal, s.fired, s.created_at_utc, s.changed_at_utc, s.payload
FROM prismq.schedules s WHERE s.client_id = :client_id AND s.name > :after ORDER BY s.name LIMIT :most;

-- name: schedule_list_open (admin)
SELECT s.client_id, s.name, s.kind, s.cron, s.time_zone, s.every_ms, s.at_utc, s.type, s.options, s.missed, s.paused, s.next_utc, s.last_utc, s.last_task_id, s.last_refusal, s.fired, s.created_at_utc, s.changed_at_utc
FROM prismq.schedules s WHERE s.client_id = :client_id AND s.name > :after ORDER BY s.name LIMIT :most;

-- name: schedule_list_all (admin)
SELECT s.client_id, s.name, s.kind, s.cron, s.time_zone, s.every_ms, s.at_utc, s.type, s.options, s.missed, s.paused, s.next_utc, s.last_utc, s.last_task_id, s.last_refusal, s.fired, s.created_at_utc, s.changed_at_utc
FROM prismq.schedules s WHERE (s.client_id, s.name) > (:from, :after) ORDER BY s.client_id, s.name LIMIT :most;
