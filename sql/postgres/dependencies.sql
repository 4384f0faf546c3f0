-- What the engine sends for dependencies. The steps themselves are in functions/14_dependencies.sql.

-- name: dependency_step (system)
SELECT prismq.dependency_step(:token);

-- name: lease_parents (worker)
SELECT p.place, p.task_id, p.type, p.status, p.result FROM prismq.lease_parents(:token, :client_id, :task_id, :lease_id, :after, :most) p;
