// Many processes that are killed and whose clocks jump: each tick of a schedule makes one task, and no limit is exceeded at any moment.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { cron } from '../../src/cron.ts';
import { openQueue } from '../../src/index.ts';
import { binaries, startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';
import type { ClockOrders } from './clock-member.ts';

const START = 1_800_000_000_000;
const SECOND = 1000;
const PATIENCE_MS = 60_000;

/** Keeps so many processes at work; each is killed after a while and another takes its place. */
async function crew(
  t: TestContext,
  count: number,
  orders: Omit<ClockOrders, 'seed'>,
): Promise<{ readonly kill: () => Promise<void>; readonly stop: () => Promise<void> }> {
  const epoch = Date.now();
  let seed = 0;
  const start = async (): Promise<ChildProcess> => {
    const child = fork(new URL('./clock-member.ts', import.meta.url), [JSON.stringify({ ...orders, seed: ++seed }), String(epoch)], {
      execArgv: ['--conditions=prismq-source'],
    });
    await once(child, 'message');
    return child;
  };
  const children = await Promise.all(Array.from({ length: count }, start));
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const stop = async (): Promise<void> => void (await Promise.all(children.map(end)));
  t.after(stop);
  return {
    stop,
    async kill() {
      await end(children.shift() as ChildProcess);
      children.push(await start());
    },
  };
}

/** Looks again and again. The bound is for a test that fails. */
async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await condition()); await pause(20)) if (performance.now() > end) assert.fail(`never: ${what}`);
}

/** `keysOf` reads the keys of all tasks from the tables: the clocks of their makers were in no order. */
async function fires(t: TestContext, db: string, keysOf: () => Promise<readonly string[]>): Promise<void> {
  const TICKS = 400;
  let now = START;
  const queue = await openQueue(db, { janitorMs: 0, cron, now: () => now });
  t.after(() => queue.close());
  const acme = queue.client('acme');
  for (const name of ['one', 'two']) await acme.schedules.set(name, { everyMs: SECOND, type: `T.${name}`, missed: 'all' });
  await acme.schedules.set('cron', { cron: '* * * * * *', type: 'T.cron', missed: 'all' });
  const { kill, stop } = await crew(t, 4, { db, mode: 'fire', startUtc: START, speed: 100, endUtc: START + TICKS * SECOND });
  for (let i = 0; i < 4; i++) {
    const fired = (await acme.schedules.get('one')).fired;
    await until(async () => (await acme.schedules.get('one')).fired >= Math.min(TICKS, fired + 20), 'ticks are fired');
    await kill();
  }
  await until(async () => (await acme.schedules.list()).items.every(({ fired }) => fired >= TICKS), 'all ticks are fired');
  await stop();
  now = START + TICKS * SECOND;
  assert.equal(await queue.system().fire(), 0, 'nothing is left over');
  const seen = new Map<string, number[]>();
  for (const key of await keysOf()) {
    const [, name = '', tick] = key.split(':');
    seen.set(name, [...(seen.get(name) ?? []), Number(tick)]);
  }
  const expected = Array.from({ length: TICKS }, (_, i) => START + (i + 1) * SECOND);
  for (const name of ['one', 'two', 'cron']) {
    assert.deepEqual(
      seen.get(name)?.toSorted((a, b) => a - b),
      expected,
      name,
    );
    // A tick that was fired twice would have been counted once, but its schedule would say another number.
    assert.equal((await acme.schedules.get(name)).fired, TICKS);
  }
}

async function limited(t: TestContext, db: string, watch: (running: () => boolean) => Promise<void>): Promise<void> {
  const queue = await openQueue(db, { janitorMs: 0 });
  t.after(() => queue.close());
  const acme = queue.client('acme');
  await queue.admin().clients.create('acme');
  const { limits } = queue.admin().inside('acme', 'a test');
  await limits.set('all', { concurrency: 6 });
  await limits.set('mail', { pattern: 'Mail.*', concurrency: 2 });
  await limits.set('hosts', { key: 'host:*', concurrency: 1 });
  const types = ['Mail.Send', 'Mail.Digest', 'Crawl.Page', 'Video.Cut'];
  await acme.enqueueMany(
    Array.from({ length: 600 }, (_, i) => ({ type: types[i % 4] as string, limitKey: `${i % 2 === 0 ? 'host' : 'free'}:${i % 7}`, maxAttempts: 100 })),
  );
  await queue.client('free').enqueueMany(Array.from({ length: 100 }, () => ({ type: 'Mail.Send' })));
  // One that is never heard of again, beside those that are killed.
  await queue.worker('doomed').claim({ leaseMs: 1000 });
  const { kill, stop } = await crew(t, 8, { db, mode: 'claim', startUtc: 0, speed: 1, endUtc: 0 });
  let isRunning = true;
  const watching = watch(() => isRunning);
  const done = async (): Promise<number> => (await acme.stats()).byStatus.completed;
  for (let i = 0; i < 6; i++) {
    const before = await done();
    await until(async () => (await done()) >= Math.min(600, before + 30), 'tasks end');
    await kill();
  }
  const ended = async (clientId: string): Promise<number> => {
    const { completed, dead_letter } = (await queue.client(clientId).stats()).byStatus;
    return completed + dead_letter;
  };
  await until(async () => (await ended('free')) === 100, 'who has no limit is not held back');
  await until(async () => (await ended('acme')) === 600, 'all tasks end');
  await stop();
  isRunning = false;
  await watching;
}

const CAPS: Readonly<Record<string, number>> = { all: 6, mail: 2, host: 1 };
const bucketsOf = (type: string, key: string): string[] => ['all', ...(type.startsWith('Mail.') ? ['mail'] : []), ...(key.startsWith('host:') ? [key] : [])];
const capOf = (bucket: string): number => CAPS[bucket.split(':')[0] as string] as number;

describe('on a file', () => {
  const file = (t: TestContext): string => {
    const folder = mkdtempSync(join(tmpdir(), 'prismq-clock-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    return join(folder, 'queue.db');
  };

  test('four processes that are killed and whose clocks jump fire each tick once', async (t) => {
    const db = file(t);
    await fires(t, db, async () => {
      const read = new DatabaseSync(db, { readOnly: true });
      const rows = read.prepare('SELECT idempotency_key AS key FROM tasks').all() as unknown as { key: string }[];
      read.close();
      return rows.map(({ key }) => key);
    });
  });

  test('eight processes that are killed exceed no limit in any prefix of the audit', async (t) => {
    const db = file(t);
    await limited(t, db, async () => undefined);
    const read = new DatabaseSync(db, { readOnly: true });
    const rows = read
      .prepare(
        `SELECT e.event, n.type, n.limit_key AS key FROM task_events e JOIN tasks t ON t.task_no = e.task_no JOIN lanes n ON n.lane_id = t.lane_id WHERE e.client_id = 'acme' ORDER BY e.log_id`,
      )
      .all() as unknown as { event: string; type: string; key: string }[];
    read.close();
    const running = new Map<string, number>();
    let most = 0;
    for (const { event, type, key } of rows) {
      const step = event === 'claim' ? 1 : ['complete', 'fail', 'release', 'expire'].includes(event) ? -1 : 0;
      for (const bucket of bucketsOf(type, key)) {
        const now = (running.get(bucket) ?? 0) + step;
        running.set(bucket, now);
        assert.ok(now <= capOf(bucket), `${bucket} has ${now}`);
        if (bucket === 'all') most = Math.max(most, now);
      }
    }
    assert.equal(most, 6, 'the limit was reached');
    assert.ok(
      rows.some(({ event }) => event === 'expire'),
      'a lease was lost',
    );
  });
});

describe('on PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server | null = null;
  before(async () => void (server = await startServer()));
  after(() => server?.stop());

  test('four processes that are killed and whose clocks jump fire each tick once', async (t) => {
    const url = await (server as Server).database();
    const owner = new pg.Client({ connectionString: url });
    await owner.connect();
    t.after(() => owner.end());
    await fires(t, url, async () => (await owner.query<{ key: string }>('SELECT idempotency_key AS key FROM prismq.tasks')).rows.map(({ key }) => key));
  });

  test('eight processes that are killed exceed no limit at any moment that is looked at', async (t) => {
    const url = await (server as Server).database();
    const owner = new pg.Client({ connectionString: url });
    await owner.connect();
    t.after(() => owner.end());
    let looks = 0;
    let most = 0;
    await limited(t, url, async (isRunning) => {
      while (isRunning()) {
        // One statement is one moment.
        const { rows } = await owner.query<{ type: string; key: string }>(
          `SELECT n.type, n.limit_key AS key FROM prismq.leases l JOIN prismq.lanes n ON n.client_id = l.client_id AND n.lane_no = l.lane_no WHERE l.client_id = 'acme'`,
        );
        const running = new Map<string, number>();
        for (const { type, key } of rows) for (const bucket of bucketsOf(type, key)) running.set(bucket, (running.get(bucket) ?? 0) + 1);
        for (const [bucket, now] of running) assert.ok(now <= capOf(bucket), `${bucket} has ${now}`);
        most = Math.max(most, rows.length);
        looks++;
        await pause(1);
      }
    });
    assert.ok(looks > 50 && most === 6, `${looks} looks, ${most} at most`);
  });
});
