// What each class of statement may read and write on the SQLite connection, as data. `wall.ts` enforces it with the
// authorizer; the attack suite and the mutants run against it. A class that is not in here can do nothing. Whose rows the tables have: tables.ts.

/** `owner` opens and migrates; `engine` moves tasks and `registry` keeps the book of workers, grants, clients and keys, both bound by rows; the others read. */
export type StatementClass = 'none' | 'owner' | 'engine' | 'registry' | 'sealer' | 'client' | 'worker' | 'admin' | 'platform' | 'auditor';

export interface WriteRight {
  readonly insert?: true;
  readonly delete?: true;
  /** The columns that may be updated. */
  readonly update?: readonly string[];
  /** Key columns that a WHERE of an UPDATE or DELETE, or the check of a foreign key, may read on the table itself. */
  readonly keys?: readonly string[];
}

const MOVES: Readonly<Record<string, WriteRight>> = {
  tasks: {
    insert: true,
    keys: ['task_no'],
    update: [
      'generation',
      'priority',
      'effective_priority',
      'max_attempts',
      'max_run_ms',
      'payload',
      'format',
      'metadata',
      'expires_at_utc',
      'amended_at_utc',
      'purged_at_utc',
      'idempotency_key',
    ],
  },
  ready: { insert: true, delete: true, keys: ['client_id', 'priority', 'task_no'] },
  delayed: { insert: true, delete: true, keys: ['task_no'] },
  leases: { insert: true, delete: true, update: ['lease_until_utc'], keys: ['task_no'] },
  blocked: { insert: true, delete: true, update: ['waiting'], keys: ['task_no', 'waiting'] },
  task_dependencies: { insert: true, update: ['state', 'priority'], keys: ['client_id', 'parent_no', 'task_no'] },
  ended_parents: { insert: true, delete: true, update: ['after_no'], keys: ['client_id', 'task_no'] },
  priority_changes: { insert: true, delete: true, keys: ['client_id', 'task_no'] },
  task_sla: { insert: true, delete: true, update: ['state', 'next_utc'], keys: ['client_id', 'task_no'] },
  finished: { insert: true, delete: true, update: ['result'], keys: ['task_no'] },
  lanes: { insert: true, delete: true, keys: ['lane_id'] },
  capability_lanes: { insert: true, delete: true, keys: ['set_id', 'client_id', 'lane_id'] },
  task_attempts: { insert: true, delete: true, keys: ['task_no', 'claims'] },
  task_messages: { insert: true, delete: true, keys: ['task_no', 'message_id'] },
  task_progress: { insert: true, delete: true, keys: ['task_no'] },
  task_metadata: { insert: true, delete: true, keys: ['task_no'] },
  clients: { update: ['draw_floor'], keys: ['client_id'] },
  task_events: { insert: true, keys: ['task_no'] },
  capability_sets: { keys: ['set_id'] },
  security_events: { insert: true },
  lane_limits: { insert: true },
  limit_starts: { insert: true, delete: true, update: ['starts'], keys: ['client_id', 'name', 'bucket', 'at_utc', 'starts'] },
  quota_room: { insert: true, delete: true, keys: ['client_id'] },
  schedules: {
    update: ['next_utc', 'last_utc', 'looked_at_utc', 'fired', 'last_task_id', 'last_refusal'],
    keys: ['client_id', 'name', 'next_utc', 'fired', 'last_task_id'],
  },
};

const RULE_COLUMNS = ['kind', 'cron', 'time_zone', 'every_ms', 'at_utc', 'type', 'payload', 'options', 'missed'] as const;
const REGISTRY: Readonly<Record<string, WriteRight>> = {
  lanes: { keys: ['lane_id'] },
  clients: { insert: true, update: ['status', 'weight', 'limited', 'quota_tasks', 'quota_bytes'], keys: ['client_id'] },
  quota_room: { delete: true, keys: ['client_id'] },
  // The empty name is the row itself: what deleting a parent of a foreign key reads.
  capability_sets: { insert: true, delete: true, keys: ['', 'set_id'] },
  capability_lanes: { insert: true, delete: true, keys: ['set_id', 'client_id', 'lane_id'] },
  workers: {
    insert: true,
    delete: true,
    update: ['set_id', 'capabilities', 'strategy', 'fairness', 'status', 'versions', 'heartbeat_utc'],
    keys: ['worker_id', 'set_id'],
  },
  worker_grants: { insert: true, delete: true, keys: ['grant_id', 'worker_id', 'of_program'] },
  api_keys: { insert: true, update: ['revoked_at_utc', 'expires_at_utc', 'last_used_at_utc'], keys: ['key_id', 'last_used_at_utc'] },
  categories: { insert: true, delete: true, keys: ['pattern'] },
  meta: { insert: true, update: ['value'], keys: ['key'] },
  security_events: { insert: true },
  secrets: { insert: true },
  data_keys: { insert: true, delete: true, keys: ['client_id'] },
  limits: { insert: true, delete: true, keys: ['client_id', 'name'] },
  lane_limits: { insert: true, delete: true, keys: ['client_id', 'name'] },
  limit_starts: { delete: true, keys: ['client_id', 'name'] },
  schedules: {
    insert: true,
    delete: true,
    update: [...RULE_COLUMNS, 'paused', 'next_utc', 'looked_at_utc', 'last_refusal', 'changed_at_utc'],
    keys: ['client_id', 'name', 'changed_at_utc'],
  },
};

/** What refers to a task: that nothing is left there is checked when a tombstone goes. */
const TASK_PARTS = ['delayed', 'leases', 'blocked', 'finished', 'task_attempts', 'task_messages', 'task_progress', 'task_metadata'] as const;

const SEALS: Readonly<Record<string, WriteRight>> = {
  audit_seals: { insert: true, delete: true, keys: ['client_id', 'chain', 'seq'] },
  audit_passed: { update: ['sealed_id'], keys: ['chain'] },
  audit_anchors: { insert: true, delete: true, keys: ['client_id', 'chain', 'seq'] },
  audit_anchored: { update: ['n', 'digest'], keys: ['n'] },
  audit_cuts: { insert: true },
  audit_retention: { insert: true, delete: true, keys: ['client_id'] },
  // Behind a cut, which the triggers of the schema look for.
  task_events: { delete: true, keys: ['log_id', 'client_id', 'task_no'] },
  security_events: { delete: true, keys: ['event_id', 'client_id'] },
  tasks: { delete: true, keys: ['', 'task_no'] },
  task_dependencies: { delete: true, keys: ['client_id', 'parent_no', 'task_no'] },
  ...Object.fromEntries(TASK_PARTS.map((table) => [table, { keys: ['task_no'] }])),
};

export const WRITES: Readonly<Partial<Record<StatementClass, Readonly<Record<string, WriteRight>>>>> = { engine: MOVES, registry: REGISTRY, sealer: SEALS };

/** What a class reads: `except` are the columns it does not. Names are those of the walled tables and of the shown views. */
export type ReadRight = true | { readonly except: readonly string[] } | { readonly only: readonly string[] };

const SECRETS = { except: ['payload', 'result', 'progress', 'idempotency_key', 'metadata'] } as const;
/** Without the order of the table, which runs over all clients. */
const LOGS = { except: ['row_no'] } as const;
const NUMBERS = ['v_queue_status_summary', 'v_queue_type_summary', 'v_task_performance'] as const;
const numbers = Object.fromEntries(NUMBERS.map((view) => [view, true as const]));

/** What a client reads of its own, and its admin too. */
const OWN: Readonly<Record<string, ReadRight>> = {
  task_queue: true,
  task_logs: LOGS,
  task_messages: { except: ['message_id'] },
  task_progress: true,
  task_metadata: true,
  task_attempts: { except: ['lease_id'] },
  clients: true,
  v_recent_failures: true,
  ...numbers,
  tasks: { except: ['request_digest'] },
  ready: true,
  delayed: true,
  leases: { except: ['lease_id'] },
  blocked: true,
  finished: { except: ['lease_id'] },
  lanes: true,
  task_dependencies: true,
  task_sla: true,
  categories: true,
  schedules: true,
  workers: { only: ['status', 'heartbeat_utc', 'worker_id'] },
};

export const READS: Readonly<Partial<Record<StatementClass, Readonly<Record<string, ReadRight>>>>> = {
  engine: {
    tasks: { except: ['payload'] },
    ready: true,
    delayed: true,
    leases: true,
    blocked: true,
    finished: true,
    lanes: true,
    task_attempts: { except: ['error_stack'] },
    capability_lanes: true,
    clients: true,
    capability_sets: true,
    workers: true,
    categories: true,
    meta: true,
    task_messages: { only: ['task_no', 'message_id', 'at_utc'] },
    task_events: { only: ['log_id', 'task_no'] },
    task_dependencies: true,
    ended_parents: true,
    priority_changes: true,
    task_sla: true,
    quota_room: true,
    schedules: true,
    limits: true,
    lane_limits: true,
    limit_starts: true,
  },
  registry: {
    clients: true,
    lanes: true,
    capability_sets: true,
    capability_lanes: true,
    workers: true,
    worker_grants: true,
    categories: true,
    meta: true,
    secrets: true,
    data_keys: true,
    leases: { only: ['task_no', 'worker_id', 'client_id', 'lane_id'] },
    limits: true,
    lane_limits: true,
    api_keys: true,
    ready: { only: ['lane_id'] },
    delayed: { only: ['lane_id'] },
    tasks: { only: ['lane_id'] },
    security_events: { only: ['client_id', 'shown_id'] },
    schedules: { only: ['client_id'] },
  },
  sealer: {
    task_events: true,
    task_logs: true,
    tasks: { only: ['task_no', 'task_id', 'client_id', 'purged_at_utc'] },
    clients: { only: ['client_id'] },
    security_events: true,
    audit_seals: true,
    audit_passed: true,
    audit_anchors: true,
    audit_anchored: true,
    audit_cuts: true,
    audit_retention: true,
  },
  client: OWN,
  worker: { worker_inbox: true, held: true, self: true, own_grants: true, categories: { only: ['pattern', 'max_run_ms'] } },
  admin: {
    ...OWN,
    worker_grants: true,
    api_keys: { except: ['digest'] },
    security_events: { except: ['event_id'] },
    visible_workers: true,
  },
  platform: {
    task_queue: SECRETS,
    task_logs: true,
    clients: true,
    v_recent_failures: { except: ['error_message'] },
    ...numbers,
    v_worker_status: true,
    tasks: { except: ['payload', 'request_digest', 'idempotency_key', 'metadata'] },
    ready: true,
    delayed: true,
    leases: { except: ['lease_id'] },
    blocked: true,
    finished: { except: ['lease_id', 'result'] },
    lanes: true,
    task_dependencies: true,
    task_sla: true,
    worker_grants: true,
    api_keys: { except: ['digest'] },
    security_events: true,
    categories: true,
    schedules: { except: ['payload'] },
    visible_workers: true,
    workers: true,
    meta: true,
    task_attempts: { only: ['task_no', 'claims', 'attempt', 'outcome', 'ended_at_utc', 'error_kind'] },
    capability_sets: true,
  },
  auditor: {
    task_logs: LOGS,
    security_events: { except: ['event_id'] },
    clients: true,
    worker_grants: true,
    api_keys: { except: ['digest'] },
    ...numbers,
    workers: true,
    visible_workers: true,
    categories: true,
  },
};
