// Every statement that reads rows of clients names its own client, on both engines: the second wall is the second. The few that do
// not are listed with their reason, and a statement that gets a filter leaves the list.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadStatements } from '../../src/store/sql-files.ts';
import { CLIENT_TABLES } from '../../src/store/sqlite/tables.ts';

const ALL = 'it is the step of the system over every client';
const WORKER = 'a worker and its capability set are of no one client';
const PLATFORM = 'it is for the platform, which reads every client; the one for a client has another name';

/** Files whose statements answer people: here a name without a filter wants its reason. Those of moves go by staged rows. */
const READ = ['reads.sql', 'stats.sql', 'registry.sql', 'keys.sql', 'audit.sql'];

const WITHOUT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  sqlite: {
    events_all: PLATFORM,
    events_last: 'the end of the audit, which stays inside: it bounds a look',
    security_all: PLATFORM,
    inbox: 'the view is of the worker that asks, over the clients that granted it something',
    audit_totals: ALL,
    audit_steps: ALL,
    lanes_all: ALL,
    set_uncover: WORKER,
    worker_get: WORKER,
    workers_stale: ALL,
    grant_delete: 'it follows grant_get, which had the client',
    grants_of_program_drop: WORKER,
    key_find: 'whose key it is, is only known by it',
    key_touch: 'the key was found by its digest',
    key_revoke: 'it follows key_get, which had the client',
    key_expire: 'it follows key_get, which had the client',
    worker_owners: 'it asks which clients there are',
    key_of_operator: 'of no client',
    seal_tasks: ALL,
    seal_security: ALL,
    seals_after: 'the same for a client and for all: the records of a chain name their client, and the wall has the scope',
    audit_heads: 'the same for a client and for all: a head names its client, and the wall has the scope',
  },
  postgres: {
    security_all: PLATFORM,
    inbox: 'the view is of the worker that asks, over the clients that granted it something',
    client_of_task: 'whose task it is, is what it asks; the clients are those of the scope',
  },
};

const TABLES = Object.keys(CLIENT_TABLES);
const VIEWS = ['task_queue', 'task_queue_open', 'task_logs', 'worker_inbox', 'audit_numbers', 'audit_last'];
const reads = (sql: string): boolean =>
  new RegExp(`\\b(?:FROM|JOIN|UPDATE|INTO)\\s+(?:walled|shown|main|prismq)\\.(?:${[...TABLES, ...VIEWS].join('|')})\\b(?!\\s*\\()`).test(sql);
const filters = (sql: string, params: readonly string[]): boolean => {
  const at = params.indexOf('client_id') + 1;
  return at > 0 && new RegExp(`client_id (?:=|IS) (?:CAST\\()?\\?${at}\\b`).test(sql);
};

for (const engine of ['sqlite', 'postgres'] as const)
  test(`${engine}: a statement that reads rows of clients has its own filter, or a reason not to`, () => {
    const named = [...loadStatements(new URL(`../../sql/${engine}/`, import.meta.url)).values()];
    const without = named
      .filter(({ file, sql, params }) => READ.includes(file) && !sql.startsWith('INSERT') && reads(sql) && !filters(sql, params))
      .map(({ name }) => name);
    assert.deepEqual(without.toSorted(), Object.keys(WITHOUT[engine] ?? {}).toSorted());
    assert.ok(
      named.filter(({ file, sql, params }) => READ.includes(file) && reads(sql) && filters(sql, params)).length >= 12,
      'the reading finds those that have one',
    );
  });

test('the reading of filters finds none where there is none', () => {
  assert.equal(filters('SELECT 1 FROM prismq.tasks t WHERE t.client_id = ?1', ['client_id']), true);
  assert.equal(filters('SELECT 1 FROM prismq.tasks t WHERE t.client_id = ?1', ['task_id']), false);
  assert.equal(reads('SELECT prismq.enqueue(?1)'), false);
});
