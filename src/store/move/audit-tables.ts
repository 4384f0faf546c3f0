// The audit in a move: before its rows their seals, since the numbers of the rows follow from them.
import { TASK } from './moved-table.ts';
import type { MovedTable } from './moved-table.ts';

export const AUDIT_TABLES: readonly MovedTable[] = [
  // Before the rows: on PostgreSQL the number of a row in its chain follows from the seal that covers it.
  {
    name: 'audit_seals',
    key: ['chain', 'client_id', 'seq'],
    columns: {
      client_id: 'text',
      chain: 'text',
      seq: 'int',
      rows: 'int',
      first_id: 'int',
      last_id: 'int',
      prev_hash: 'text',
      hash: 'text',
      marks: 'text',
      at_utc: 'int',
    },
  },
  {
    name: 'task_events',
    key: ['id'],
    ofTask: true,
    chain: 'tasks',
    onSqlite: { id: 'log_id' },
    columns: { id: 'int', ...TASK, at_utc: 'int', event: 'text', from_status: 'text', to_status: 'text', actor: 'text', attempt: 'int', details: 'text' },
    extras: {
      seq: {
        for: 'postgres',
        kind: 'int',
        sqlite: '(SELECT count(*) FROM task_events e WHERE e.task_no = x.task_no AND e.log_id <= x.log_id)',
        postgres: 'x.seq',
      },
    },
    made: { postgres: { xact: '0' } },
  },
  {
    name: 'security_events',
    key: ['id'],
    chain: 'security',
    // What is shown is counted within the client; the order stays inside.
    onSqlite: { id: 'event_id', event_id: 'shown_id' },
    columns: { id: 'int', event_id: 'int', at_utc: 'int', actor: 'text', action: 'text', client_id: 'text', object: 'text', outcome: 'text', details: 'text' },
    made: { postgres: { xact: '0' } },
  },
  {
    name: 'audit_anchors',
    key: ['client_id', 'chain', 'seq'],
    columns: { client_id: 'text', chain: 'text', seq: 'int', hash: 'text', n: 'int', at_utc: 'int' },
  },
  { name: 'audit_anchored', key: ['one'], columns: { one: 'int', n: 'int', digest: 'text' }, replaces: true },
  {
    name: 'audit_cuts',
    key: ['client_id', 'chain', 'seq'],
    columns: { client_id: 'text', chain: 'text', seq: 'int', hash: 'text', last_id: 'int', at_utc: 'int' },
  },
  { name: 'audit_retention', key: ['client_id'], columns: { client_id: 'text', keep_ms: 'int' } },
  {
    name: 'audit_passed',
    key: ['chain'],
    columns: { chain: 'text', sealed_id: 'int' },
    made: {
      postgres: {
        numbered_id: '(SELECT coalesce(max(a.last_id), 0) FROM prismq.audit_numbers a WHERE a.chain = r.chain)',
        next_xact: 'pg_current_xact_id()::text::bigint',
        running: `'{}'::bigint[]`,
      },
    },
    replaces: true,
  },
];
