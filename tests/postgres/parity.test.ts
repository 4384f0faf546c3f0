// What is written twice says the same: matching, back-off and lifecycle in SQL against the domain, the statements of both engines by
// name, and the same random histories on both.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import pg from 'pg';
import { covers } from '../../src/domain/capability.ts';
import { matches } from '../../src/domain/category.ts';
import { EVENTS, STATES } from '../../src/domain/lifecycle.ts';
import { backoffMs } from '../../src/domain/retry.ts';
import type { Compatibility, GrantSpec, WorkerCapabilities } from '../../src/domain/task.ts';
import { openQueue } from '../../src/index.ts';
import type { Queue } from '../../src/index.ts';
import { statements } from '../../src/store/postgres/statements.ts';
import { loadStatements } from '../../src/store/sql-files.ts';
import { COMMANDS, FIRST_SEED, compare } from './histories.ts';
import { EMPTY, withClock } from './pair.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

const START = 1_800_000_000_000;
/** `npm run histories` plays thousands. */
const HISTORIES = 8;
const value = fc.oneof({ weight: 5, arbitrary: fc.constantFrom('eu', 1, true) }, { weight: 1, arbitrary: fc.constantFrom('us', '', 0.5, 2, false, -1) });
const attribute = fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 3 }));
const range = fc
  .record({ min: fc.integer({ min: -2, max: 1 }), max: fc.integer({ min: 1, max: 3 }) }, { requiredKeys: [] })
  .filter((one) => Object.keys(one).length > 0);
const key = fc.constantFrom('region', 'gpu', 'tier');
const type = fc.constantFrom('A', 'A.B', 'A.B.C', 'AB', 'Mail.Send', 'Mail');
const pattern = fc.constantFrom('*', '*', '*', 'A.*', 'A', 'A.*', 'A.B', 'A.B.*', 'Mail.*', 'Mail.Send', 'AB.*');
const clientId = fc.constantFrom('a', 'b');
const declared: fc.Arbitrary<WorkerCapabilities> = fc.record(
  {
    categories: fc.array(pattern, { minLength: 1, maxLength: 3 }),
    clients: fc.array(clientId, { minLength: 1, maxLength: 2 }),
    attributes: fc.dictionary(key, attribute, { noNullPrototype: true }),
  },
  { requiredKeys: [] },
);
const grant: fc.Arbitrary<GrantSpec> = fc.record(
  {
    clientId: fc.constantFrom('*', 'a', 'b'),
    pattern,
    attributes: fc.dictionary(key, fc.array(value, { minLength: 1, maxLength: 3 }), { noNullPrototype: true }),
  },
  { requiredKeys: ['clientId', 'pattern'] },
);
const lane = fc.record({
  clientId,
  type,
  compatibility: fc.dictionary(key, fc.oneof(attribute, range), { noNullPrototype: true, maxKeys: 2 }) as fc.Arbitrary<Compatibility>,
});

/** Of SQLite's, what PostgreSQL does inside one of its functions, by the file of functions that has it. */
const INSIDE: Readonly<Record<string, string>> = {
  claim: '06_claim',
  enqueue: '05_enqueue',
  settle: '07_settle',
  moves: '08_moves',
  registry: '09_registry',
  janitor: '10_janitor',
  keys: '11_keys',
  stats: '10_janitor',
  dependencies: '14_dependencies',
  schedules: '15_schedules',
  limits: '16_limits',
  explain: '17_explain',
  sla: '18_sla',
  quotas: '19_quotas',
  'data-keys': '14_data_keys',
};

describe('PostgreSQL and SQLite', { skip: binaries().length === 0 }, () => {
  let server: Server;
  let client: pg.Client;
  let queue: Queue;
  const clock = { now: START };
  before(async () => {
    server = (await startServer()) as Server;
    const url = await server.database();
    client = new pg.Client({ connectionString: url });
    await client.connect();
    queue = await openQueue(url, withClock(clock));
  });
  after(async () => {
    await queue?.close();
    await client?.end();
    server?.stop();
  });

  it('match the same lanes to the same workers', async () => {
    const cases = fc.sample(fc.record({ declared, grants: fc.array(grant, { minLength: 1, maxLength: 3 }), lane }), 3000);
    const { rows } = (await client.query({
      text: `SELECT prismq.covers(x.content, x.client_id, x.type, x.compatibility) FROM jsonb_to_recordset($1) WITH ORDINALITY x(content jsonb, client_id text, type text, compatibility jsonb, o bigint) ORDER BY o`.replace(
        'jsonb_to_recordset($1) WITH ORDINALITY x(content jsonb, client_id text, type text, compatibility jsonb, o bigint)',
        `ROWS FROM (jsonb_to_recordset($1) AS (content jsonb, client_id text, type text, compatibility jsonb)) WITH ORDINALITY x(content, client_id, type, compatibility, o)`,
      ),
      values: [
        JSON.stringify(
          cases.map((one) => ({
            content: { declared: one.declared, grants: one.grants },
            client_id: one.lane.clientId,
            type: one.lane.type,
            compatibility: one.lane.compatibility,
          })),
        ),
      ],
      rowMode: 'array',
    })) as { rows: [boolean][] };
    const wrong = cases.filter((one, i) => covers(one.declared, one.grants, one.lane) !== rows[i]?.[0]);
    assert.deepEqual(wrong.slice(0, 3), []);
    const covered = rows.filter(([yes]) => yes).length;
    assert.ok(covered > 100 && covered < 2900, `${covered} of 3000 are covered`);
  });

  it('match the same types to the same patterns', async () => {
    for (const p of ['*', 'A', 'A.*', 'A.B.*', 'Mail.*'])
      for (const t of ['A', 'A.B', 'A.B.C', 'AB', 'Mail', 'Mail.Send'])
        assert.equal(
          (await client.query({ text: 'SELECT prismq.pattern_matches($1, $2)', values: [p, t], rowMode: 'array' })).rows[0]?.[0],
          matches(p, t),
          `${p} ${t}`,
        );
  });

  it('wait the same after the same failures', async () => {
    const policy = fc.record({
      initialMs: fc.integer({ min: 0, max: 5000 }),
      maxMs: fc.integer({ min: 5000, max: 300_000 }),
      multiplier: fc.constantFrom(1, 1.5, 2, 10),
      jitter: fc.constantFrom(0, 0.1, 1),
    });
    for (const [one, attempt, uniform] of fc.sample(fc.tuple(policy, fc.integer({ min: 1, max: 100 }), fc.constantFrom(0, 0.25, 0.5, 0.999)), 300)) {
      const { rows } = await client.query({ text: 'SELECT prismq.backoff_ms($1, $2, $3)', values: [JSON.stringify(one), attempt, uniform], rowMode: 'array' });
      assert.equal(Number(rows[0]?.[0]), backoffMs(one, attempt, uniform));
    }
  });

  it('have the same lifecycle', async () => {
    const { rows } = await client.query({ text: 'SELECT event, from_status, to_status FROM prismq.lifecycle()', rowMode: 'array' });
    const wanted = (['cancel', 'lapse', 'requeue', 'reprioritise', 'amend', 'purge'] as const).flatMap((event) => {
      const rule = EVENTS[event];
      return rule.from.map((from) => [
        event,
        from,
        rule.to === 'same' ? from : rule.to === 'none' ? null : (rule.to as readonly string[]).find((to) => to !== 'blocked'),
      ]);
    });
    const sorted = (some: readonly (readonly unknown[])[]): string[] => some.map((one) => JSON.stringify(one)).sort();
    assert.deepEqual(sorted(rows as unknown[][]), sorted(wanted));
    const { rows: checks } = await client.query({
      text: `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN ('prismq.finished'::regclass, 'prismq.delayed'::regclass) AND contype = 'c'`,
      rowMode: 'array',
    });
    for (const [text] of checks as [string][])
      for (const [, state] of text.matchAll(/'(\w+)'/g)) assert.ok((STATES as readonly string[]).includes(state as string), state);
  });

  it('name their statements alike where both have them, with the same class of parameters', () => {
    const sqlite = loadStatements(new URL('../../sql/sqlite/', import.meta.url));
    const both = [...statements()].filter(([name]) => sqlite.has(name));
    assert.ok(both.length >= 20, `${both.length} names are shared`);
    for (const [name, { params }] of statements()) {
      const used = params.filter((param) => param !== 'token');
      assert.ok(
        used.every((param) => /^[a-z][a-z_]*$/.test(param)),
        name,
      );
      // Whatever reads rows of clients does so behind a signed context: by a token, or in a transaction that has one.
      const text = statements().get(name)?.text ?? '';
      assert.ok(!/\b(INSERT|UPDATE|DELETE|TRUNCATE)\b/.test(text), `${name} writes by itself: only functions do`);
    }
    for (const { file, name } of sqlite.values())
      assert.ok(
        INSIDE[file.replace('.sql', '')] !== undefined || ['reads.sql', 'audit.sql', 'cuts.sql'].includes(file),
        `${name} of ${file} has no place on PostgreSQL`,
      );
  });

  it(`tell the same story of ${HISTORIES * COMMANDS} random commands in ${HISTORIES} histories`, async () => {
    const pair = { ours: queue, clock, empty: () => client.query(EMPTY) };
    for (let i = 0; i < HISTORIES; i++) await compare(pair, FIRST_SEED + i);
  });
});
