-- Moves of one task. The moves themselves are in functions/08_moves.sql.

-- name: move_task (client)
SELECT m.verdict, m.status, m.more FROM prismq.move_task(:token, :task_id, :event, :change) m;

-- name: bulk_moves (client)
SELECT b.task_id, b.verdict, b.more FROM prismq.bulk_moves(:token, :task_ids, :event, :change) b;
