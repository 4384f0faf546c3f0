-- Dependencies: who waits for whom, and what an ended parent still has to tell its children. An edge is of one client at both ends.
SET ROLE prismq_owner;
ALTER TABLE prismq.tasks ADD COLUMN parent_task_id uuid;
-- How many of its parents are not done with.
ALTER TABLE prismq.blocked ADD COLUMN waiting integer NOT NULL DEFAULT 0;
-- Somebody waits for it: its end has to look for them. Setting it locks the row, so that a parent can not end unseen meanwhile.
ALTER TABLE prismq.ready ADD COLUMN awaited boolean NOT NULL DEFAULT false;
ALTER TABLE prismq.delayed ADD COLUMN awaited boolean NOT NULL DEFAULT false;
ALTER TABLE prismq.leases ADD COLUMN awaited boolean NOT NULL DEFAULT false;
ALTER TABLE prismq.blocked ADD COLUMN awaited boolean NOT NULL DEFAULT false;

-- `open`: the child waits for it. `met`: the parent completed, or ended under `ignore`. `void`: the child ended before.
-- `priority` is the child's effective one: what it lends.
CREATE TABLE prismq.task_dependencies (
  client_id text COLLATE "C" NOT NULL,
  parent_id uuid NOT NULL,
  task_id uuid NOT NULL,
  position integer NOT NULL,
  policy text COLLATE "C" NOT NULL CHECK (policy IN ('cancel', 'ignore', 'wait')),
  state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'met', 'void')),
  priority integer NOT NULL,
  PRIMARY KEY (client_id, parent_id, task_id)
);
CREATE INDEX task_dependencies_child ON prismq.task_dependencies (client_id, task_id, position);
CREATE INDEX task_dependencies_lent ON prismq.task_dependencies (client_id, parent_id, priority) WHERE state = 'open';

-- Parents that ended and whose edges are not all gone through: up to the child `after_id` they are.
CREATE TABLE prismq.ended_parents (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  outcome text COLLATE "C" NOT NULL CHECK (outcome IN ('completed', 'dead_letter', 'cancelled', 'purged')),
  after_id uuid,
  PRIMARY KEY (client_id, task_id)
);

-- Tasks whose effective priority is to be found anew.
CREATE TABLE prismq.priority_changes (
  client_id text COLLATE "C" NOT NULL,
  task_id uuid NOT NULL,
  PRIMARY KEY (client_id, task_id)
);
RESET ROLE;
