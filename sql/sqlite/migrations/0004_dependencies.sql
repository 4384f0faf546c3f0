-- Dependencies: who waits for whom, and what an ended parent still has to tell its children. An edge is of one client at both ends.

ALTER TABLE tasks ADD COLUMN parent_task_id TEXT;
-- How many of its parents are not done with.
ALTER TABLE blocked ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;

-- `open`: the child waits for it. `met`: the parent completed, or ended under `ignore`. `void`: the child ended before.
-- `priority` is the child's effective one: what it lends.
CREATE TABLE task_dependencies (
  client_id TEXT NOT NULL,
  parent_no INTEGER NOT NULL,
  task_no INTEGER NOT NULL,
  position INTEGER NOT NULL,
  policy TEXT NOT NULL CHECK (policy IN ('cancel', 'ignore', 'wait')),
  state TEXT NOT NULL CHECK (state IN ('open', 'met', 'void')),
  priority INTEGER NOT NULL,
  PRIMARY KEY (client_id, parent_no, task_no)
) WITHOUT ROWID, STRICT;
CREATE INDEX task_dependencies_child ON task_dependencies (task_no, position);
CREATE INDEX task_dependencies_lent ON task_dependencies (client_id, parent_no, priority) WHERE state = 'open';

-- Parents that ended and whose edges are not all gone through: up to the child `after_no` they are.
CREATE TABLE ended_parents (
  client_id TEXT NOT NULL,
  task_no INTEGER NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('completed', 'dead_letter', 'cancelled', 'purged')),
  after_no INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (client_id, task_no)
) WITHOUT ROWID, STRICT;

-- Tasks whose effective priority is to be found anew.
CREATE TABLE priority_changes (
  client_id TEXT NOT NULL,
  task_no INTEGER NOT NULL,
  PRIMARY KEY (client_id, task_no)
) WITHOUT ROWID, STRICT;
