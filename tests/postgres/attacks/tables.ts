// Every table by every kind of statement, as each login. Generated, so that no table is forgotten.
import type { Arena, Login, Register } from './arena.ts';
import { holds, refused, works } from './arena.ts';

/** What each class reads, whole rows or named columns. The rest is refused. */
const READS: Readonly<Record<Login, Readonly<Record<string, string>>>> = {
  client: {
    tasks: 'client_id, task_id, payload, idempotency_key, metadata',
    ready: '*',
    delayed: '*',
    leases: 'client_id, task_id, worker_id, lease_until_utc',
    blocked: '*',
    finished: 'client_id, task_id, status, result',
    lanes: '*',
    task_attempts: 'client_id, task_id, error_message, error_stack',
    task_events: 'client_id, task_id, seq, event, actor',
    task_messages: '*',
    task_progress: '*',
    task_metadata: '*',
    clients: '*',
    worker_grants: 'worker_id, client_id',
    audit_numbers: 'chain, client_id, last_no',
    audit_last: '*',
  },
  worker: {
    ready: 'client_id, task_id, lane_no, priority, attempt',
    delayed: 'client_id, task_id, lane_no, state',
    lanes: 'client_id, lane_no, type, compatibility',
    tasks: 'client_id, task_id, effective_priority',
    capability_lanes: '*',
    workers: 'worker_id, capabilities, status',
    worker_grants: 'grant_id, worker_id, client_id, pattern',
  },
  admin: {
    tasks: 'client_id, task_id, priority, created_by',
    ready: '*',
    delayed: '*',
    leases: 'client_id, task_id, worker_id',
    blocked: '*',
    finished: 'client_id, task_id, status, reason',
    lanes: '*',
    task_attempts: 'client_id, task_id, outcome, error_kind',
    task_events: 'client_id, task_id, seq, event, actor',
    clients: '*',
    workers: '*',
    worker_grants: '*',
    api_keys: 'key_id, client_id, name',
    security_events: 'event_id, client_id, actor, action',
    audit_numbers: 'chain, client_id, last_no',
    audit_last: '*',
  },
};
const TABLES = [
  'tasks',
  'ready',
  'delayed',
  'leases',
  'blocked',
  'finished',
  'lanes',
  'task_attempts',
  'task_events',
  'task_messages',
  'task_progress',
  'task_metadata',
  'clients',
  'worker_grants',
  'api_keys',
  'signing_keys',
  'secrets',
  'security_events',
  'capability_sets',
  'capability_lanes',
  'workers',
  'categories',
  'meta',
  'sql_roles',
  'audit_numbers',
  'audit_seals',
  'audit_passed',
  'data_keys',
  'audit_last',
  'audit_anchors',
  'audit_anchored',
  'audit_cuts',
  'audit_retention',
  'schema_migrations',
] as const;
const OPEN = ['categories', 'meta'];
const LOGINS: readonly Login[] = ['client', 'worker', 'admin'];

export function tableAttacks(arena: () => Arena, it: Register): void {
  for (const login of LOGINS)
    for (const table of TABLES) {
      const columns = READS[login][table];
      if (columns === undefined && !OPEN.includes(table))
        it(`${login}: SELECT from ${table} is refused`, () => refused(arena(), login, `SELECT * FROM prismq.${table}`));
      else {
        it(`${login}: SELECT from ${table} shows nothing of another`, () => holds(arena(), login, `SELECT ${columns ?? '*'} FROM prismq.${table}`));
        if (columns !== undefined && table !== 'blocked' && !(login === 'worker' && table === 'delayed'))
          it(`${login}: SELECT from ${table} shows its own`, () =>
            works(arena(), login, `SELECT ${columns} FROM prismq.${table}`, /canary-a|"a"|w-a|client:a/));
        if (columns !== undefined && columns !== '*')
          it(`${login}: not every column of ${table} is granted`, () => refused(arena(), login, `SELECT * FROM prismq.${table}`));
      }
      for (const [verb, sql] of [
        ['INSERT', `INSERT INTO prismq.${table} SELECT * FROM prismq.${table}`],
        ['INSERT of one', `INSERT INTO prismq.${table} DEFAULT VALUES`],
        ['blind UPDATE', `UPDATE prismq.${table} SET ${firstColumn(table)} = ${firstColumn(table)}`],
        ['DELETE', `DELETE FROM prismq.${table}`],
        ['TRUNCATE', `TRUNCATE prismq.${table} CASCADE`],
        ['LOCK', `LOCK TABLE prismq.${table} IN ACCESS EXCLUSIVE MODE`],
      ] as const)
        it(`${login}: ${verb} on ${table} is refused`, () => refused(arena(), login, sql));
    }
}

const FIRST: Readonly<Record<string, string>> = {
  signing_keys: 'kid',
  secrets: 'name',
  security_events: 'event_id',
  capability_sets: 'set_id',
  capability_lanes: 'set_id',
  workers: 'worker_id',
  categories: 'pattern',
  meta: 'key',
  sql_roles: 'role_name',
  audit_passed: 'chain',
  audit_anchored: 'n',
  schema_migrations: 'number',
  worker_grants: 'grant_id',
  api_keys: 'key_id',
};
const firstColumn = (table: string): string => FIRST[table] ?? 'client_id';
