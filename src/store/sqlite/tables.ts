// Whose rows each table of the SQLite schema has. A table that is in neither list can not be reached by any statement.

/** Tables whose rows belong to one client: each gets a walled view and row triggers. `lease` tables also belong to a worker. */
export const CLIENT_TABLES = {
  tasks: 'client',
  ready: 'client',
  delayed: 'client',
  leases: 'lease',
  blocked: 'client',
  finished: 'client',
  lanes: 'client',
  task_attempts: 'client',
  task_events: 'client',
  task_messages: 'client',
  task_progress: 'client',
  task_metadata: 'client',
  capability_lanes: 'client',
  clients: 'client',
  worker_grants: 'client',
  api_keys: 'client',
  security_events: 'client',
  audit_seals: 'client',
  data_keys: 'client',
  task_dependencies: 'client',
  ended_parents: 'client',
  priority_changes: 'client',
  task_sla: 'client',
  quota_room: 'client',
  audit_anchors: 'client',
  audit_cuts: 'client',
  audit_retention: 'client',
  schedules: 'client',
  limits: 'client',
  lane_limits: 'client',
  limit_starts: 'client',
} as const;

/** Tables without a client: the registry's own. */
export const SHARED_TABLES = ['capability_sets', 'workers', 'categories', 'meta', 'secrets', 'audit_passed', 'audit_anchored'] as const;
