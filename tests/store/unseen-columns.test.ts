// Every column that the classes of a client, its admin, its auditor and its worker may read on SQLite: what is in them is the same
// whatever another client does, but for the keys that rows are joined by, which no operation answers.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { openQueue } from '../../src/index.ts';
import { openConnection } from '../../src/store/sqlite/connection.ts';
import { READS } from '../../src/store/sqlite/rights.ts';
import { CLIENT_TABLES } from '../../src/store/sqlite/tables.ts';
import { Statements } from '../../src/store/sqlite/statements.ts';
import { buildWall } from '../../src/store/sqlite/wall.ts';
import { MINE, plainColumn, story } from './unseen/story.ts';

const START = 1_800_000_000_000;
/** Row numbers of tables that all clients share: they join rows inside and are never answered (the conformance suite walks the answers). */
const INSIDE = ['task_no', 'lane_id', 'set_id'];
const RANDOM = ['draw', 'draw_floor', 'grant_id', 'key_id', 'task_id', 'id'];
const OWN = ['held', 'self', 'own_grants'];

async function told(t: TestContext, volume: number): Promise<Record<string, unknown>> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-unseen-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'queue.db');
  const queue = await openQueue(file, { now: () => START, random: () => 0.5, janitorMs: 0, synchronous: 'NORMAL' });
  await story(queue, volume);
  await queue.close();
  const db = openConnection({ file, readOnly: false, synchronous: 'NORMAL', now: () => START });
  const setId = (db.prepare(`SELECT set_id FROM workers WHERE worker_id = 'mine'`).get() as { set_id: number }).set_id;
  const wall = buildWall(db, randomBytes(8).toString('hex'));
  const st = new Statements(db, wall, new Map());
  const found: Record<string, unknown> = {};
  for (const cls of ['client', 'admin', 'auditor', 'worker'] as const) {
    wall.bind(cls === 'worker' ? { clients: '*', workerId: 'mine', setId } : { clients: [MINE] });
    for (const [name, right] of Object.entries(READS[cls] ?? {})) {
      const view =
        name in CLIENT_TABLES || OWN.includes(name) || ['workers', 'categories', 'visible_workers'].includes(name) ? `walled.${name}` : `shown.${name}`;
      wall.current = 'owner';
      const columns = (db.prepare(wall.name(`PRAGMA table_info(${view})`)).all() as { name: string }[]).map((column) => column.name);
      wall.current = 'none';
      assert.ok(columns.length > 0, name);
      const read = columns.filter((column) => right === true || ('only' in right ? right.only.includes(column) : !right.except.includes(column)));
      // A row of `workers` is of no client.
      if (name === 'workers') continue;
      for (const column of read.filter((one) => !RANDOM.includes(one)))
        found[`${cls} ${name}.${column}`] = plainColumn(
          st.composed(cls, `SELECT CAST(x.${column} AS TEXT) FROM ${view} x`, {}).map((row) => row[0] as string | null),
          column,
          START,
        );
    }
  }
  db.close();
  return found;
}

test('no column that a client, its admin, its auditor or its worker may read tells how much another does', async (t) => {
  const [alone, amid] = [await told(t, 0), await told(t, 7)];
  assert.ok(Object.keys(alone).length > 200, `columns: ${Object.keys(alone).length}`);
  const inside = (name: string): boolean => INSIDE.some((column) => name.endsWith(`.${column}`));
  for (const name of Object.keys(alone)) if (!inside(name)) assert.deepEqual(amid[name], alone[name], name);
  assert.notDeepEqual(amid['client tasks.task_no'], alone['client tasks.task_no'], 'one that does would be noticed');
});
