// Attacks that want to change what is not theirs, or the wall, the schema or the settings, as data.
import type { AttackGroup } from './group.ts';

const A_LEASE = (no: number, client: string, lane: number, worker: string): string =>
  `insert into main.leases values (${no}, '${client}', ${lane}, '${worker}', 'new', 1, 1, 0, 1, 0, 0, null, null)`;
const WORKER_OF_A = { clients: ['a'], workerId: 'worker-of-a', setId: 1 } as const;
const OTHER_OF_A = { clients: ['a'], workerId: 'other-of-a', setId: 1 } as const;
const CLIENT_WRITES = ['tasks', 'ready', 'delayed', 'leases', 'blocked', 'finished', 'task_events', 'task_messages', 'task_progress'] as const;

export const WRITING: readonly AttackGroup[] = [
  {
    title: 'the audit is append-only for every class',
    controls: [
      { cls: 'engine', sql: `insert into main.task_events (client_id, task_no, at_utc, event, actor) values ('a', 5001, 1, 'enqueue', 'me')` },
      { cls: 'registry', sql: `insert into main.security_events (at_utc, actor, action, client_id, outcome) values (1, 'me', 'grant', 'a', 'done')` },
    ],
    attacks: [
      {
        name: 'replace an event',
        cls: 'engine',
        sql: `insert or replace into main.task_events (log_id, client_id, task_no, at_utc, event, actor) values (5061, 'a', 5001, 1, 'x', 'me')`,
      },
      {
        name: 'replace an event of b',
        cls: 'engine',
        sql: `insert or replace into main.task_events (log_id, client_id, task_no, at_utc, event, actor) values (7061, 'a', 5001, 1, 'x', 'me')`,
      },
      {
        name: 'event of b',
        cls: 'engine',
        sql: `insert into main.task_events (client_id, task_no, at_utc, event, actor) values ('b', 7001, 1, 'x', 'me')`,
      },
      { name: 'update an event', cls: 'engine', sql: `update main.task_events set details = null where task_no = 5001` },
      { name: 'delete events', cls: 'engine', sql: 'delete from main.task_events' },
      { name: 'update an event, of admin', cls: 'admin', sql: `update main.task_events set details = null` },
      { name: 'delete events, of auditor', cls: 'auditor', sql: 'delete from main.task_events' },
      { name: 'update security events', cls: 'registry', sql: `update main.security_events set actor = 'x'` },
      { name: 'delete security events', cls: 'registry', sql: 'delete from main.security_events' },
      {
        name: 'replace a security event',
        cls: 'registry',
        sql: `insert or replace into main.security_events (event_id, at_utc, actor, action, client_id, outcome) values (5080, 1, 'me', 'x', 'a', 'done')`,
      },
      {
        name: 'security event of nobody while bound',
        cls: 'registry',
        sql: `insert into main.security_events (at_utc, actor, action, outcome) values (1, 'me', 'x', 'done')`,
      },
    ],
  },
  {
    title: 'a class that reads writes nowhere',
    controls: [{ cls: 'engine', sql: 'delete from main.ready where task_no = 5001' }],
    attacks: [
      ...CLIENT_WRITES.map((table) => ({ name: `client deletes ${table}`, cls: 'client' as const, sql: `delete from main.${table}` })),
      ...CLIENT_WRITES.map((table) => ({ name: `client updates ${table}`, cls: 'client' as const, sql: `update main.${table} set client_id = 'a'` })),
      { name: 'client inserts a client', cls: 'client', sql: `insert into main.clients (client_id, created_at_utc) values ('c', 1)` },
      { name: 'client inserts a ready task', cls: 'client', sql: `insert into main.ready values ('a', 1, 5002, 5050, 0, 0, 0, 0, 0, null, null)` },
      { name: 'client writes through a view', cls: 'client', sql: `delete from walled.tasks` },
      { name: 'client binds b', cls: 'client', sql: `insert into bound_set values ('b')` },
      { name: 'engine binds b', cls: 'engine', sql: `insert into bound_set values ('b')` },
      { name: 'engine becomes another worker', cls: 'engine', sql: `delete from who_set` },
      { name: 'admin gives a grant', cls: 'admin', sql: `insert into main.worker_grants values ('g', 'w', 'a', '*', '{}', 0, 1)` },
      { name: 'platform suspends', cls: 'platform', sql: `update main.clients set status = 'suspended'` },
      {
        name: 'engine makes a key',
        cls: 'engine',
        sql: `insert into main.api_keys values ('k', 'd', 'admin', 'a', null, null, 1, null, null, null, null, null, null)`,
      },
      { name: 'auditor writes meta', cls: 'auditor', sql: `insert into main.meta values ('audit_cut', '9')` },
    ].map((attack) => attack as AttackGroup['attacks'][number]),
  },
  {
    title: 'the classes that write do so in rows of the bound client only',
    controls: [
      { cls: 'engine', sql: `update main.tasks set payload = 'x' where task_no = 5001` },
      { cls: 'engine', sql: 'delete from main.blocked where task_no = 5004' },
      { cls: 'engine', sql: `insert into main.lanes (client_id, type) values ('a', 'new')` },
      { cls: 'engine', sql: `insert into main.lane_limits values ('a', 5051, 'limit-of-a', 'x')` },
      { cls: 'engine', sql: `insert into main.limit_starts values ('a', 'limit-of-a', 'x', 5, 1)` },
      { cls: 'registry', sql: `insert into main.limits values ('a', 'new', null, null, 5, 5, 1000, 1)` },
      { cls: 'registry', sql: `update main.clients set weight = 2 where client_id = 'a'` },
      { cls: 'registry', sql: `delete from main.worker_grants where grant_id = 'grant-of-a'` },
      { cls: 'registry', sql: `update main.api_keys set expires_at_utc = 9, last_used_at_utc = 9 where key_id = 'api-of-a'` },
    ],
    attacks: [
      { name: 'update of a task', cls: 'engine', sql: `update main.tasks set payload = 'x' where task_no = 7001` },
      { name: 'update of all tasks', cls: 'engine', sql: `update main.tasks set payload = 'x'` },
      { name: 'delete of a ready task', cls: 'engine', sql: `delete from main.ready where task_no = 7001` },
      { name: 'delete of a delayed task', cls: 'engine', sql: `delete from main.delayed where task_no = 7002` },
      { name: 'delete of a lease', cls: 'engine', sql: `delete from main.leases where task_no = 7003` },
      { name: 'longer lease', cls: 'engine', sql: `update main.leases set lease_until_utc = 9 where task_no = 7003` },
      { name: 'delete of a blocked task', cls: 'engine', sql: `delete from main.blocked where task_no = 7004` },
      { name: 'delete of a finished task', cls: 'engine', sql: `delete from main.finished where task_no = 7005` },
      { name: 'result', cls: 'engine', sql: `update main.finished set result = 'x' where task_no = 7005` },
      { name: 'insert for b', cls: 'engine', sql: `insert into main.ready values ('b', 1, 7002, 7050, 0, 0, 0, 0, 0, null, null)` },
      { name: 'insert or ignore for b', cls: 'engine', sql: `insert or ignore into main.ready values ('b', 1, 7002, 7050, 0, 0, 0, 0, 0, null, null)` },
      { name: 'replace of a lease', cls: 'engine', sql: `insert or replace ${A_LEASE(7003, 'a', 5050, 'worker-of-a').slice('insert '.length)}` },
      {
        name: 'upsert of a progress',
        cls: 'engine',
        sql: `insert or replace into main.task_progress values (7001, 'a', 1, 'x')`,
      },
      { name: 'replace of a lane', cls: 'engine', sql: `insert or replace into main.lanes (lane_id, client_id, type) values (7051, 'a', 'stolen')` },
      { name: 'client of a task', cls: 'engine', sql: `update main.tasks set client_id = 'b' where task_no = 5001` },
      { name: 'name of a task', cls: 'engine', sql: `update main.tasks set task_id = 'x' where task_no = 5001` },
      { name: 'draw of b', cls: 'engine', sql: `update main.clients set draw_floor = 9 where client_id = 'b'` },
      { name: 'suspension of b', cls: 'registry', sql: `update main.clients set status = 'suspended' where client_id = 'b'` },
      { name: 'suspension of all', cls: 'registry', sql: `update main.clients set status = 'suspended'` },
      { name: 'grant for b', cls: 'registry', sql: `insert into main.worker_grants values ('g', 'w', 'b', '*', '{}', 0, 1)` },
      { name: 'grants of b', cls: 'registry', sql: `delete from main.worker_grants where grant_id = 'grant-of-b'` },
      {
        name: 'key for b',
        cls: 'registry',
        sql: `insert into main.api_keys values ('k', 'd', 'client', 'b', null, null, 1, null, null, null, null, null, null)`,
      },
      {
        name: 'key for nobody',
        cls: 'registry',
        sql: `insert into main.api_keys values ('k', 'd', 'admin', null, null, null, 1, null, null, null, null, null, null)`,
      },
      { name: 'revocation of b', cls: 'registry', sql: `update main.api_keys set revoked_at_utc = 1 where key_id = 'api-of-b'` },
      { name: 'longer life for b', cls: 'registry', sql: `update main.api_keys set expires_at_utc = 9 where key_id = 'api-of-b'` },
      { name: 'wider scopes', cls: 'registry', sql: `update main.api_keys set scopes = null where key_id = 'api-of-a'` },
      { name: 'lane of b under a limit of b', cls: 'engine', sql: `insert into main.lane_limits values ('b', 7051, 'limit-of-b', 'x')` },
      { name: 'start of b under a limit of b', cls: 'engine', sql: `insert into main.limit_starts values ('b', 'limit-of-b', 'x', 5, 1)` },
      {
        name: 'limit for b',
        cls: 'registry',
        sql: `insert into main.limits values ('b', 'new', null, null, 5, 5, 1000, 1)`,
      },
      { name: 'lane of b in a set', cls: 'registry', sql: `insert into main.capability_lanes values (1, 'b', 7051)` },
    ],
  },
  {
    title: 'a worker leases only what its set covers',
    scope: WORKER_OF_A,
    controls: [
      { cls: 'engine', sql: A_LEASE(5001, 'a', 5050, 'worker-of-a') },
      { cls: 'worker', sql: 'select task_id, type, payload, lease_id from walled.held' },
      { cls: 'engine', sql: 'delete from main.leases where task_no = 5003' },
    ],
    attacks: [
      { name: 'uncovered lane', cls: 'engine', sql: A_LEASE(5001, 'a', 5051, 'worker-of-a') },
      { name: 'lane of b under the name of a', cls: 'engine', sql: A_LEASE(7001, 'a', 7050, 'worker-of-a') },
      { name: 'lane of b', cls: 'engine', sql: A_LEASE(7001, 'b', 7050, 'worker-of-a') },
      { name: 'in the name of another', cls: 'engine', sql: A_LEASE(5001, 'a', 5050, 'other-of-a') },
      { name: 'held of others', cls: 'worker', expected: 'blind', sql: 'select * from walled.held' },
      { name: 'another self', cls: 'worker', expected: 'blind', sql: 'select * from walled.self' },
      { name: 'inbox of others', cls: 'worker', expected: 'blind', sql: 'select * from shown.worker_inbox' },
      { name: 'all tasks', cls: 'worker', sql: 'select payload from walled.tasks' },
    ],
  },
  {
    title: 'a lease of another worker of the same client stays',
    scope: OTHER_OF_A,
    controls: [{ cls: 'engine', sql: A_LEASE(5001, 'a', 5050, 'other-of-a') }],
    attacks: [
      { name: 'delete', cls: 'engine', sql: 'delete from main.leases where task_no = 5003' },
      { name: 'longer', cls: 'engine', sql: 'update main.leases set lease_until_utc = 9 where task_no = 5003' },
      { name: 'replace', cls: 'engine', sql: `insert or replace ${A_LEASE(5003, 'a', 5050, 'other-of-a').slice('insert '.length)}` },
      { name: 'delete by the worker class', cls: 'worker', sql: 'delete from main.leases where task_no = 5003' },
    ],
  },
];
