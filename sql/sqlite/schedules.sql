-- Schedules: what is kept of them, and the step that fires a tick.

-- name: schedule_insert (registry)
INSERT INTO main.schedules (client_id, name, kind, cron, time_zone, every_ms, at_utc, type, payload, options, missed, paused, next_utc, created_at_utc, changed_at_utc)
VALUES (:client_id, :name, :kind, :cron, :time_zone, :every_ms, :at_utc, :type, :payload, :options, :missed, :paused, :next_utc, :now, :now);

-- name: schedule_update (registry)
UPDATE main.schedules SET kind = :kind, cron = :cron, time_zone = :time_zone, every_ms = :every_ms, at_utc = :at_utc, type = :type, payload = :payload, options = :options, missed = :missed,
  paused = :paused, next_utc = :next_utc, looked_at_utc = NULL, last_refusal = NULL, changed_at_utc = :now WHERE client_id = :client_id AND name = :name;

-- name: schedule_delete (registry)
DELETE FROM main.schedules WHERE client_id = :client_id AND name = :name;

-- name: schedule_count (registry)
SELECT count(*) FROM walled.schedules s WHERE s.client_id = :client_id;

-- name: schedule_pause (registry)
UPDATE main.schedules SET paused = :paused, next_utc = :next_utc, looked_at_utc = NULL, changed_at_utc = :now WHERE client_id = :client_id AND name = :name AND changed_at_utc = :seen;

-- Time passes for every client alike: what is due, and what was looked at in a time that is yet to come, after the clock went back.
-- name: schedules_due (engine)
SELECT s.client_id, s.name, s.kind, s.cron, s.time_zone, s.every_ms, s.at_utc, s.type, s.payload, s.options, s.missed, s.next_utc, s.last_utc, s.looked_at_utc
FROM walled.schedules s WHERE s.next_utc <= :now AND (:with_cron = 1 OR s.kind <> 'cron') ORDER BY s.next_utc LIMIT :most;

-- name: schedules_ahead (engine)
SELECT s.client_id, s.name, s.kind, s.cron, s.time_zone, s.every_ms, s.at_utc, s.type, s.payload, s.options, s.missed, s.next_utc, s.last_utc, s.looked_at_utc
FROM walled.schedules s WHERE s.next_utc IS NOT NULL AND s.looked_at_utc > :late AND (:with_cron = 1 OR s.kind <> 'cron') LIMIT :most;

-- The tick moves on only from where it was read: of any number of servers one fires it.
-- name: schedule_fire (engine)
UPDATE main.schedules SET next_utc = :next_utc, last_utc = :last_utc, looked_at_utc = :now WHERE client_id = :client_id AND name = :name AND next_utc = :tick;

-- name: schedule_fired (engine)
UPDATE main.schedules SET fired = fired + :made, last_task_id = coalesce(:task_id, last_task_id), last_refusal = :refusal WHERE client_id = :client_id AND name = :name;

-- name: schedule_content (engine)
SELECT s.type, s.payload, s.options FROM walled.schedules s WHERE s.client_id = :client_id AND s.name = :name;
