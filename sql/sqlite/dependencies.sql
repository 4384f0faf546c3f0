-- Dependencies: the edges of an enqueue, what an ended parent tells its children, priority that waiting tasks lend. Every step is
-- set-based and bounded; what is left over stands in ended_parents and priority_changes.

-- Parents by id, in the order asked; the place tells how one ended.
-- name: parents_find (engine)
SELECT j.key, t.task_no, f.status FROM json_each(:task_ids) j CROSS JOIN walled.tasks t ON t.client_id = :client_id AND t.task_id = j.value
LEFT JOIN walled.finished f ON f.task_no = t.task_no WHERE t.purged_at_utc IS NULL;

-- name: dependency_add (engine)
INSERT INTO main.task_dependencies (client_id, parent_no, task_no, position, policy, state, priority) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: blocked_add (engine)
INSERT INTO main.blocked (task_no, client_id, lane_id, claims, waiting, due_at_utc, expires_at_utc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- The places of a batch of which some wait for parents.
-- name: enqueue_ready_free (engine)
INSERT INTO main.ready (client_id, priority, task_no, lane_id, attempt, claims, releases, losses, draw, due_at_utc, expires_at_utc)
SELECT t.client_id, t.effective_priority, t.task_no, t.lane_id, 0, 0, 0, 0,
  CASE WHEN :draws THEN (SELECT c.draw_floor FROM walled.clients c WHERE c.client_id = t.client_id) - ln((abs(random() % 9007199254740991) + 1) / 9007199254740993.0) * (t.effective_priority + 1) ELSE 0 END,
  t.due_at_utc, t.expires_at_utc
FROM walled.tasks t WHERE t.task_no >= :first AND t.run_after_utc <= :now AND NOT EXISTS (SELECT 1 FROM walled.blocked b WHERE b.task_no = t.task_no);

-- name: enqueue_delayed_free (engine)
INSERT INTO main.delayed (task_no, client_id, lane_id, state, run_after_utc, attempt, claims, releases, losses, due_at_utc, expires_at_utc)
SELECT t.task_no, t.client_id, t.lane_id, 'queued', t.run_after_utc, 0, 0, 0, 0, t.due_at_utc, t.expires_at_utc
FROM walled.tasks t WHERE t.task_no >= :first AND t.run_after_utc > :now AND NOT EXISTS (SELECT 1 FROM walled.blocked b WHERE b.task_no = t.task_no);

-- name: enqueue_log_free (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
SELECT t.client_id, t.task_no, :now, 'enqueue', NULL, 'queued', coalesce(:actor, 'client:' || t.client_id), 0, NULL
FROM walled.tasks t WHERE t.task_no >= :first AND NOT EXISTS (SELECT 1 FROM walled.blocked b WHERE b.task_no = t.task_no);

-- name: enqueue_log_blocked (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
SELECT t.client_id, t.task_no, :now, 'enqueue', NULL, 'blocked', coalesce(:actor, 'client:' || t.client_id), 0, NULL
FROM walled.tasks t JOIN walled.blocked b ON b.task_no = t.task_no WHERE t.task_no >= :first;

-- What ended is noted where somebody may wait for it.
-- name: settle_ended (engine)
INSERT OR REPLACE INTO main.ended_parents (client_id, task_no, outcome, after_no)
SELECT h.client_id, h.task_no, CASE WHEN h.dead IS NULL THEN 'completed' ELSE 'dead_letter' END, 0 FROM staged.hits h
WHERE (h.op = 'complete' OR h.dead IS NOT NULL) AND EXISTS (SELECT 1 FROM walled.task_dependencies d WHERE d.client_id = h.client_id AND d.parent_no = h.task_no);

-- What is purged can not be requeued: those that still wait for it are told.
-- name: purge_ended (engine)
INSERT OR REPLACE INTO main.ended_parents (client_id, task_no, outcome, after_no)
SELECT f.client_id, f.task_no, 'purged', 0 FROM walled.finished f WHERE f.task_no IN (SELECT value FROM json_each(:task_nos))
  AND EXISTS (SELECT 1 FROM walled.task_dependencies d WHERE d.client_id = f.client_id AND d.parent_no = f.task_no AND d.state = 'open');

-- A step: up to :most edges of ended parents, in the order of their keys.
-- name: edges_pick (engine)
INSERT INTO staged.edges (client_id, parent_no, task_no, policy, state, outcome)
SELECT d.client_id, d.parent_no, d.task_no, d.policy, d.state, e.outcome
FROM walled.ended_parents e CROSS JOIN walled.task_dependencies d ON d.client_id = e.client_id AND d.parent_no = e.task_no AND d.task_no > e.after_no
ORDER BY e.client_id, e.task_no, d.task_no LIMIT :most;

-- name: edges_last (engine)
SELECT s.client_id, s.parent_no, s.task_no FROM staged.edges s ORDER BY s.rank DESC LIMIT 1;

-- name: ended_any (engine)
SELECT 1 FROM walled.ended_parents e LIMIT 1;

-- name: ended_drop (engine)
DELETE FROM main.ended_parents WHERE (client_id, task_no) IN (SELECT e.client_id, e.task_no FROM walled.ended_parents e WHERE (e.client_id, e.task_no) < (:client_id, :parent_no));

-- name: ended_pass (engine)
UPDATE main.ended_parents SET after_no = :after_no WHERE client_id = :client_id AND task_no = :parent_no;

-- name: ended_forget (engine)
DELETE FROM main.ended_parents WHERE client_id = :client_id AND task_no = :task_no;

-- name: edges_met (engine)
INSERT INTO staged.freed (task_no, n) SELECT s.task_no, count(*) FROM staged.edges s WHERE s.state = 'open' AND (s.outcome = 'completed' OR s.policy = 'ignore') GROUP BY s.task_no;

-- name: edges_close (engine)
UPDATE main.task_dependencies SET state = 'met' WHERE (client_id, parent_no, task_no) IN
  (SELECT s.client_id, s.parent_no, s.task_no FROM staged.edges s WHERE s.state = 'open' AND (s.outcome = 'completed' OR s.policy = 'ignore'));

-- name: blocked_less (engine)
UPDATE main.blocked SET waiting = waiting - (SELECT u.n FROM staged.freed u WHERE u.task_no = blocked.task_no) WHERE task_no IN (SELECT u.task_no FROM staged.freed u);

-- name: unblock_ready (engine)
INSERT INTO main.ready (client_id, priority, task_no, lane_id, attempt, claims, releases, losses, draw, due_at_utc, expires_at_utc)
SELECT b.client_id, t.effective_priority, b.task_no, b.lane_id, 0, b.claims, 0, 0,
  CASE WHEN :draws THEN (SELECT c.draw_floor FROM walled.clients c WHERE c.client_id = b.client_id) - ln((abs(random() % 9007199254740991) + 1) / 9007199254740993.0) * (t.effective_priority + 1) ELSE 0 END,
  b.due_at_utc, b.expires_at_utc
FROM staged.freed u CROSS JOIN walled.blocked b ON b.task_no = u.task_no CROSS JOIN walled.tasks t ON t.task_no = b.task_no WHERE b.waiting = 0 AND t.run_after_utc <= :now;

-- name: unblock_later (engine)
INSERT INTO main.delayed (task_no, client_id, lane_id, state, run_after_utc, attempt, claims, releases, losses, due_at_utc, expires_at_utc)
SELECT b.task_no, b.client_id, b.lane_id, 'queued', t.run_after_utc, 0, b.claims, 0, 0, b.due_at_utc, b.expires_at_utc
FROM staged.freed u CROSS JOIN walled.blocked b ON b.task_no = u.task_no CROSS JOIN walled.tasks t ON t.task_no = b.task_no WHERE b.waiting = 0 AND t.run_after_utc > :now;

-- name: unblock_log (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
SELECT b.client_id, b.task_no, :now, 'unblock', 'blocked', 'queued', 'system', 0, NULL FROM staged.freed u CROSS JOIN walled.blocked b ON b.task_no = u.task_no WHERE b.waiting = 0;

-- name: unblock_leave (engine)
DELETE FROM main.blocked WHERE task_no IN (SELECT u.task_no FROM staged.freed u) AND waiting = 0;

-- name: freed_clients (engine)
SELECT DISTINCT s.client_id FROM staged.edges s;

-- Children that end with their parent. Who waits for one that is gone waits in vain.
-- name: edges_doom (engine)
INSERT OR IGNORE INTO staged.doomed (task_no, client_id, parent_no, outcome)
SELECT s.task_no, s.client_id, s.parent_no, s.outcome FROM staged.edges s CROSS JOIN walled.blocked b ON b.task_no = s.task_no WHERE s.state = 'open' AND (s.policy = 'cancel' AND s.outcome <> 'completed' OR s.outcome = 'purged');

-- name: doomed_finish (engine)
INSERT INTO main.finished (task_no, client_id, lane_id, status, finished_at_utc, attempt, claims, releases, reason)
SELECT x.task_no, x.client_id, b.lane_id, 'cancelled', :now, 0, b.claims, 0, 'parent_' || x.outcome FROM staged.doomed x CROSS JOIN walled.blocked b ON b.task_no = x.task_no;

-- name: doomed_log (engine)
INSERT INTO main.task_events (client_id, task_no, at_utc, event, from_status, to_status, actor, attempt, details)
SELECT x.client_id, x.task_no, :now, 'cancel', 'blocked', 'cancelled', 'system', 0, json_object('reason', 'parent_' || x.outcome, 'parent', (SELECT t.task_id FROM walled.tasks t WHERE t.task_no = x.parent_no)) FROM staged.doomed x;

-- name: doomed_leave (engine)
DELETE FROM main.blocked WHERE task_no IN (SELECT x.task_no FROM staged.doomed x);

-- One task that ended by its own move: its edges end like those of the doomed.
-- name: doomed_one (engine)
INSERT INTO staged.doomed (task_no, client_id, outcome) VALUES (?1, ?2, ?3);

-- Whom the ended waited for has less to hurry for.
-- name: doomed_lent (engine)
INSERT OR IGNORE INTO main.priority_changes (client_id, task_no)
SELECT d.client_id, d.parent_no FROM staged.doomed x CROSS JOIN walled.task_dependencies d ON d.task_no = x.task_no AND +d.client_id = x.client_id WHERE d.state = 'open';

-- name: doomed_void (engine)
UPDATE main.task_dependencies SET state = 'void' WHERE (client_id, parent_no, task_no) IN
  (SELECT d.client_id, d.parent_no, d.task_no FROM staged.doomed x CROSS JOIN walled.task_dependencies d ON d.task_no = x.task_no AND +d.client_id = x.client_id WHERE d.state = 'open');

-- name: doomed_ended (engine)
INSERT OR REPLACE INTO main.ended_parents (client_id, task_no, outcome, after_no)
SELECT x.client_id, x.task_no, 'cancelled', 0 FROM staged.doomed x WHERE EXISTS (SELECT 1 FROM walled.task_dependencies d WHERE d.client_id = x.client_id AND d.parent_no = x.task_no);

-- name: edges_clear (engine)
DELETE FROM staged.edges;

-- name: freed_clear (engine)
DELETE FROM staged.freed;

-- name: doomed_clear (engine)
DELETE FROM staged.doomed;

-- A task that begins anew waits for those of its parents that are not done with. A parent that is gone was done with, or never will be.
-- name: parents_of_task (engine)
SELECT d.parent_no, d.policy, d.state, f.status, t.purged_at_utc IS NOT NULL FROM walled.task_dependencies d CROSS JOIN walled.tasks t ON t.task_no = d.parent_no
LEFT JOIN walled.finished f ON f.task_no = d.parent_no WHERE d.task_no = :task_no AND +d.client_id = :client_id ORDER BY d.position;

-- name: edge_state (engine)
UPDATE main.task_dependencies SET state = :state, priority = :priority WHERE client_id = :client_id AND parent_no = :parent_no AND task_no = :task_no;

-- Priority. A task whose own changed lends anew. `+d.client_id` keeps the key out of a look-up by the child.
-- name: edges_reprioritise (engine)
UPDATE main.task_dependencies SET priority = :priority WHERE (client_id, parent_no, task_no) IN
  (SELECT d.client_id, d.parent_no, d.task_no FROM walled.task_dependencies d WHERE d.task_no = :task_no AND +d.client_id = :client_id AND d.state = 'open');

-- name: parents_change (engine)
INSERT OR IGNORE INTO main.priority_changes (client_id, task_no) SELECT d.client_id, d.parent_no FROM walled.task_dependencies d WHERE d.task_no = :task_no AND +d.client_id = :client_id AND d.state = 'open';

-- name: priority_change (engine)
INSERT OR IGNORE INTO main.priority_changes (client_id, task_no)
SELECT d.client_id, d.parent_no FROM walled.task_dependencies d WHERE d.client_id = :client_id AND d.parent_no = :task_no LIMIT 1;

-- Those of an enqueue whose parents are less urgent than they are.
-- name: enqueue_lent (engine)
INSERT OR IGNORE INTO main.priority_changes (client_id, task_no)
SELECT d.client_id, d.parent_no FROM json_each(:task_nos) j CROSS JOIN walled.tasks c ON c.task_no = j.value CROSS JOIN walled.task_dependencies d ON d.task_no = c.task_no AND +d.client_id = c.client_id
CROSS JOIN walled.tasks t ON t.task_no = d.parent_no WHERE d.state = 'open' AND t.effective_priority > d.priority;

-- name: lent_pick (engine)
INSERT INTO staged.lent (task_no, client_id, before, priority)
SELECT c.task_no, c.client_id, t.effective_priority,
  min(t.priority, coalesce((SELECT min(d.priority) FROM walled.task_dependencies d WHERE d.client_id = c.client_id AND d.parent_no = c.task_no AND d.state = 'open'), t.priority))
FROM walled.priority_changes c CROSS JOIN walled.tasks t ON t.task_no = c.task_no ORDER BY c.client_id, c.task_no LIMIT :most;

-- name: lent_taken (engine)
DELETE FROM main.priority_changes WHERE (client_id, task_no) IN (SELECT s.client_id, s.task_no FROM staged.lent s);

-- name: lent_same (engine)
DELETE FROM staged.lent WHERE task_no IN (SELECT s.task_no FROM staged.lent s LEFT JOIN walled.finished f ON f.task_no = s.task_no WHERE s.priority = s.before OR f.task_no IS NOT NULL);

-- name: lent_ready (engine)
INSERT INTO main.ready (client_id, priority, task_no, lane_id, attempt, claims, releases, losses, draw, due_at_utc, expires_at_utc)
SELECT r.client_id, s.priority, r.task_no, r.lane_id, r.attempt, r.claims, r.releases, r.losses,
  CASE WHEN :draws THEN (SELECT c.draw_floor FROM walled.clients c WHERE c.client_id = r.client_id) - ln((abs(random() % 9007199254740991) + 1) / 9007199254740993.0) * (s.priority + 1) ELSE 0 END,
  r.due_at_utc, r.expires_at_utc
FROM staged.lent s CROSS JOIN walled.ready r ON r.client_id = s.client_id AND r.priority = s.before AND r.task_no = s.task_no;

-- name: lent_unready (engine)
DELETE FROM main.ready WHERE (client_id, priority, task_no) IN (SELECT s.client_id, s.before, s.task_no FROM staged.lent s);

-- name: lent_tasks (engine)
UPDATE main.tasks SET effective_priority = (SELECT s.priority FROM staged.lent s WHERE s.task_no = tasks.task_no) WHERE task_no IN (SELECT s.task_no FROM staged.lent s);

-- name: lent_edges (engine)
UPDATE main.task_dependencies SET priority = (SELECT s.priority FROM staged.lent s WHERE s.task_no = task_dependencies.task_no) WHERE (client_id, parent_no, task_no) IN
  (SELECT d.client_id, d.parent_no, d.task_no FROM staged.lent s CROSS JOIN walled.task_dependencies d ON d.task_no = s.task_no AND +d.client_id = s.client_id WHERE d.state = 'open');

-- name: lent_on (engine)
INSERT OR IGNORE INTO main.priority_changes (client_id, task_no)
SELECT d.client_id, d.parent_no FROM staged.lent s CROSS JOIN walled.task_dependencies d ON d.task_no = s.task_no AND +d.client_id = s.client_id WHERE d.state = 'open';

-- name: lent_clear (engine)
DELETE FROM staged.lent;

-- What a holder is told of the parents of its task: their ends and results.
-- name: lease_parents (engine)
SELECT d.position, p.task_id, n.type, coalesce(f.status, 'queued'), f.result FROM walled.tasks t CROSS JOIN walled.leases l ON l.task_no = t.task_no
CROSS JOIN walled.task_dependencies d ON d.task_no = t.task_no AND +d.client_id = t.client_id CROSS JOIN walled.tasks p ON p.task_no = d.parent_no
CROSS JOIN walled.lanes n ON n.lane_id = p.lane_id LEFT JOIN walled.finished f ON f.task_no = p.task_no
WHERE t.client_id = :client_id AND t.task_id = :task_id AND l.lease_id = :lease_id AND l.worker_id = :worker_id AND l.lease_until_utc > :now AND d.position >= :after ORDER BY d.position LIMIT :most;
