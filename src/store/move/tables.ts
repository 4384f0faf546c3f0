// What a move carries, as one table: each table of the schema with its columns and the key that orders its rows alike in both
// engines. Reading, loading and comparing walk it. A table or column of either schema that is missing in here fails a test.

import { AUDIT_TABLES } from './audit-tables.ts';
import { TASK } from './moved-table.ts';
import type { EngineName, Extra, MovedTable } from './moved-table.ts';

const COUNTS = { attempt: 'int', claims: 'int', releases: 'int' } as const;
const UNTIL = { due_at_utc: 'int', expires_at_utc: 'int' } as const;
const BY_TASK = ['client_id', 'task_id'] as const;
/** PostgreSQL counts the audit rows of a task where the task is. */
const EVENTS: Readonly<Record<string, Extra>> = {
  events: { for: 'postgres', kind: 'int', sqlite: '(SELECT count(*) FROM task_events e WHERE e.task_no = x.task_no)', postgres: 'x.events' },
};
/** And whether somebody waits for it; a row of `task_dependencies` is reason enough to look. */
const AWAITED: Readonly<Record<string, Extra>> = {
  ...EVENTS,
  awaited: {
    for: 'postgres',
    kind: 'flag',
    sqlite: 'EXISTS (SELECT 1 FROM task_dependencies d WHERE d.client_id = x.client_id AND d.parent_no = x.task_no)',
    postgres: 'x.awaited::integer',
  },
};
const PLACE = { key: BY_TASK, ofTask: true, ofLane: true, extras: AWAITED } as const;
const LANE = ['lane_type', 'lane_compatibility', 'lane_limit_key'] as const;

/** Settings that belong to one database: versions of what processes remember, the epoch (raised by the move), and the move itself. */
const OWN_SETTINGS = ['lanes_version', 'categories_version', 'restore_epoch', 'move', 'move_progress', 'moved_from'] as const;

/** In the order in which they are loaded: what is referred to comes first. */
export const MOVED: readonly MovedTable[] = [
  {
    name: 'meta',
    key: ['key'],
    columns: { key: 'text', value: 'text' },
    // What a new schema says anyway is the same as nothing.
    only: `x.key NOT IN (${OWN_SETTINGS.map((key) => `'${key}'`).join(', ')}) AND NOT (x.key = 'draws' AND x.value = '0') AND NOT (x.key = 'category_mode' AND x.value = 'open')`,
    replaces: true,
  },
  { name: 'secrets', key: ['name'], columns: { name: 'text', value: 'text' } },
  {
    name: 'clients',
    key: ['client_id'],
    columns: {
      client_id: 'text',
      status: 'text',
      weight: 'int',
      created_at_utc: 'int',
      draw_floor: 'real',
      limited: 'flag',
      quota_tasks: 'int',
      quota_bytes: 'int',
    },
  },
  {
    name: 'data_keys',
    key: ['client_id', 'key_no'],
    columns: { client_id: 'text', key_no: 'int', wrapped: 'text', made_at_utc: 'int' },
  },
  {
    name: 'lanes',
    key: ['client_id', 'type', 'compatibility', 'limit_key'],
    columns: { client_id: 'text', type: 'text', compatibility: 'text', limit_key: 'text', region: 'text' },
    made: {
      sqlite: ['lane_id'],
      postgres: {
        lane_no:
          'coalesce((SELECT max(l.lane_no) FROM prismq.lanes l WHERE l.client_id = r.client_id), 0) + row_number() OVER (PARTITION BY r.client_id ORDER BY r.type COLLATE "C", r.compatibility COLLATE "C", r.limit_key COLLATE "C")',
      },
    },
  },
  {
    name: 'categories',
    key: ['pattern'],
    columns: { pattern: 'text', priority: 'int', max_attempts: 'int', max_run_ms: 'int', backoff: 'text', schema: 'text', max_wait_ms: 'int', version: 'int' },
  },
  {
    name: 'worker_grants',
    key: ['grant_id'],
    columns: {
      grant_id: 'text',
      worker_id: 'text',
      client_id: 'text',
      pattern: 'text',
      attributes: 'text',
      of_program: 'flag',
      created_at_utc: 'int',
    },
  },
  {
    name: 'workers',
    key: ['worker_id'],
    columns: {
      worker_id: 'text',
      capabilities: 'text',
      strategy: 'text',
      fairness: 'text',
      status: 'text',
      versions: 'text',
      registered_at_utc: 'int',
      heartbeat_utc: 'int',
    },
    // What a worker may take follows from what it declared and was granted.
    made: { sqlite: ['set_id'], postgres: { set_id: 'prismq.ensure_set(prismq.set_content(r.worker_id, r.capabilities::jsonb, NULL))' } },
  },
  {
    name: 'api_keys',
    key: ['key_id'],
    columns: {
      key_id: 'text',
      digest: 'text',
      role: 'text',
      client_id: 'text',
      worker_id: 'text',
      name: 'text',
      created_at_utc: 'int',
      revoked_at_utc: 'int',
      expires_at_utc: 'int',
      scopes: 'text',
      created_by: 'text',
      last_used_at_utc: 'int',
      rotated_from: 'text',
    },
  },
  {
    name: 'tasks',
    key: BY_TASK,
    ofLane: true,
    columns: {
      ...TASK,
      generation: 'int',
      priority: 'int',
      effective_priority: 'int',
      max_attempts: 'int',
      max_run_ms: 'int',
      run_after_utc: 'int',
      created_at_utc: 'int',
      payload: 'text',
      format: 'text',
      idempotency_key: 'text',
      request_digest: 'text',
      created_by: 'text',
      ...UNTIL,
      parent_task_id: 'task',
      metadata: 'text',
      traceparent: 'text',
      amended_at_utc: 'int',
      purged_at_utc: 'int',
    },
    // The position in the queue is the number of the row on SQLite, and the id on PostgreSQL.
    extras: { task_no: { for: 'sqlite', kind: 'int', sqlite: 'x.task_no', postgres: 'p.task_no' } },
  },
  { name: 'ready', ...PLACE, columns: { ...TASK, priority: 'int', ...COUNTS, losses: 'int', draw: 'real', ...UNTIL } },
  { name: 'delayed', ...PLACE, columns: { ...TASK, state: 'text', run_after_utc: 'int', ...COUNTS, losses: 'int', ...UNTIL } },
  {
    name: 'leases',
    ...PLACE,
    columns: { ...TASK, worker_id: 'text', lease_id: 'lease', reserved_at_utc: 'int', lease_until_utc: 'int', ...COUNTS, losses: 'int', ...UNTIL },
  },
  { name: 'blocked', ...PLACE, columns: { ...TASK, claims: 'int', waiting: 'int', ...UNTIL } },
  {
    name: 'finished',
    ...PLACE,
    extras: EVENTS,
    columns: {
      ...TASK,
      status: 'text',
      finished_at_utc: 'int',
      ...COUNTS,
      reason: 'text',
      worker_id: 'text',
      lease_id: 'lease',
      reserved_at_utc: 'int',
      processing_started_utc: 'int',
      run_ms: 'int',
      result: 'text',
    },
  },
  {
    name: 'task_attempts',
    key: [...BY_TASK, 'claims'],
    ofTask: true,
    columns: {
      ...TASK,
      claims: 'int',
      attempt: 'int',
      worker_id: 'text',
      lease_id: 'lease',
      outcome: 'text',
      ended_at_utc: 'int',
      error_kind: 'text',
      error_message: 'text',
      error_stack: 'text',
    },
  },
  { name: 'task_progress', key: BY_TASK, ofTask: true, columns: { ...TASK, at_utc: 'int', value: 'text' } },
  { name: 'task_metadata', key: [...BY_TASK, 'key'], ofTask: true, columns: { ...TASK, key: 'text', value: 'text' } },
  {
    name: 'task_messages',
    key: [...BY_TASK, 'at_utc', 'message_id'],
    ofTask: true,
    columns: { ...TASK, at_utc: 'int', attempt: 'int', message: 'text', details: 'text' },
    extras: { message_id: { for: 'postgres', kind: 'task', sqlite: `printf('00000000-0000-4000-8000-%012x', x.message_id)`, postgres: 'x.message_id' } },
    made: { sqlite: ['message_id'] },
  },
  {
    name: 'task_dependencies',
    key: ['client_id', 'parent_id', 'task_id'],
    ofTask: true,
    refs: { parent_id: 'parent_no' },
    columns: { ...TASK, parent_id: 'task', position: 'int', policy: 'text', state: 'text', priority: 'int' },
  },
  {
    name: 'ended_parents',
    key: BY_TASK,
    ofTask: true,
    columns: { ...TASK, outcome: 'text' },
    // How far it is told is by the order of the engine: it is told anew.
    made: { sqlite: ['after_no'], postgres: { after_id: 'NULL' } },
  },
  { name: 'priority_changes', key: BY_TASK, ofTask: true, columns: TASK },
  { name: 'task_sla', key: BY_TASK, ofTask: true, columns: { ...TASK, due_at_utc: 'int', state: 'text', next_utc: 'int' } },
  {
    name: 'schedules',
    key: ['client_id', 'name'],
    columns: {
      client_id: 'text',
      name: 'text',
      kind: 'text',
      cron: 'text',
      time_zone: 'text',
      every_ms: 'int',
      at_utc: 'int',
      type: 'text',
      payload: 'text',
      options: 'text',
      missed: 'text',
      paused: 'flag',
      next_utc: 'int',
      last_utc: 'int',
      looked_at_utc: 'int',
      last_task_id: 'task',
      last_refusal: 'text',
      fired: 'int',
      created_at_utc: 'int',
      changed_at_utc: 'int',
    },
  },
  {
    name: 'limits',
    key: ['client_id', 'name'],
    columns: { client_id: 'text', name: 'text', pattern: 'text', limit_key: 'text', concurrency: 'int', rate: 'int', per_ms: 'int', created_at_utc: 'int' },
  },
  { name: 'lane_limits', key: ['client_id', ...LANE, 'name'], ofLane: true, columns: { client_id: 'text', name: 'text', bucket: 'text' } },
  {
    name: 'limit_starts',
    key: ['client_id', 'name', 'bucket', 'at_utc'],
    columns: { client_id: 'text', name: 'text', bucket: 'text', at_utc: 'int', starts: 'int' },
  },
  ...AUDIT_TABLES,
];

/** Tables that are not carried, with the reason. */
export const NOT_MOVED: Readonly<Record<EngineName, Readonly<Record<string, string>>>> = {
  sqlite: {
    schema_migrations: 'of the engine',
    capability_sets: 'made anew with the workers',
    capability_lanes: 'made anew with the workers',
    quota_room: 'counted anew at the next enqueue',
  },
  postgres: {
    schema_migrations: 'of the engine',
    capability_sets: 'made anew with the workers',
    capability_lanes: 'made anew with the workers',
    quota_room: 'counted anew at the next enqueue',
    audit_numbers: 'the ids of task_events and security_events, loaded with them',
    audit_last: 'the last numbers of the chains, reckoned with them',
    signing_keys: 'of the logins of one database',
    sql_roles: 'of the roles of one database: bind them again',
  },
};
