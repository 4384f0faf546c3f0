// How long 10,000 schedules take that are due at once, and what limits on 1,000 free keys cost a drain. On a file, and with a URL on
// PostgreSQL: `node --conditions=prismq-source bench/clock.ts [postgres://…]`, where a server of tests takes a replaced clock.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openQueue } from '../src/index.ts';
import type { Queue } from '../src/index.ts';

const SCHEDULES = 10_000;
const KEYS = 1000;
const TASKS = 10_000;
const HOUR = 3_600_000;

const say = (what: string, ms: number, count: number): void => console.log(`${what}: ${Math.round(ms)} ms, ${((ms * 1000) / count).toFixed(0)} µs each`);
const timed = async <T>(act: () => Promise<T>): Promise<readonly [T, number]> => {
  const start = performance.now();
  return [await act(), performance.now() - start];
};

async function schedules(queue: Queue, clock: { now: number }): Promise<void> {
  const acme = queue.client('acme');
  await acme.schedules.set('s0', { everyMs: HOUR, type: 'T.S' });
  const [, set] = await timed(async () => {
    for (let i = 0; i < SCHEDULES; i += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, j) => acme.schedules.set(`s${i + j}`, { everyMs: HOUR, type: `T.S${(i + j) % 50}`, payload: { i: i + j } })),
      );
  });
  say(`${SCHEDULES} schedules set`, set, SCHEDULES);
  clock.now += HOUR;
  let made = 0;
  const [, fire] = await timed(async () => {
    for (let now = -1; now !== 0; made += now) now = await queue.system().fire();
  });
  say(`${made} ticks fired`, fire, SCHEDULES);
  const [, idle] = await timed(() => queue.system().fire());
  say('a look when nothing is due', idle, 1);
}

async function drain(queue: Queue, clientId: string, max: number): Promise<{ readonly ms: number; readonly claims: readonly number[] }> {
  const worker = queue.worker('w');
  const claims: number[] = [];
  const [, ms] = await timed(async () => {
    for (let done = 0; done < TASKS; ) {
      const [tasks, took] = await timed(() => worker.claim({ max }));
      claims.push(took);
      done += tasks.length;
      await worker.settle(tasks.map(({ taskId, leaseId }) => ({ clientId, taskId, leaseId, op: 'complete' as const })));
    }
  });
  return { ms, claims: claims.sort((a, b) => a - b) };
}

async function limits(queue: Queue): Promise<void> {
  for (const [clientId, keyed, limit] of [
    ['plain', false, null],
    ['capped', false, { concurrency: 1000 }],
    ['keyed', true, { key: 'k:*', concurrency: 10 }],
    ['narrow', true, { key: 'k:*', concurrency: 1 }],
  ] as const) {
    const client = queue.client(clientId);
    const [, enqueue] = await timed(async () => {
      for (let i = 0; i < TASKS; i += 1000)
        await client.enqueueMany(Array.from({ length: 1000 }, (_, j) => ({ type: 'T.X', payload: j, ...(keyed ? { limitKey: `k:${j % KEYS}` } : {}) })));
    });
    if (limit !== null) await queue.admin().inside(clientId, 'bench').limits.set('l', limit);
    const { ms, claims } = await drain(queue, clientId, 100);
    say(
      `${clientId} ${JSON.stringify(limit)}: enqueue ${Math.round(enqueue)} ms, drain of ${TASKS} in claims of 100 (p50 ${claims[claims.length >> 1]?.toFixed(1)} ms, p95 ${claims[Math.floor(claims.length * 0.95)]?.toFixed(1)} ms)`,
      ms,
      TASKS,
    );
  }
}

async function all(url: string): Promise<void> {
  const clock = { now: 1_800_000_000_000 };
  const queue = await openQueue(url, { janitorMs: 0, now: () => clock.now, lanesPerClient: 20_000 });
  await schedules(queue, clock);
  await queue.admin().clients.suspend('acme');
  await limits(queue);
  await queue.close();
}

const [url] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'prismq-clock-'));
await all(url ?? join(folder, 'queue.db'));
rmSync(folder, { recursive: true, force: true });
