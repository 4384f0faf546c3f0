// A process of the tests of schedules and limits: it fires ticks by a clock that jumps, or claims and ends tasks, until it is killed.
import { setTimeout as pause } from 'node:timers/promises';
import { cron } from '../../src/cron.ts';
import { openQueue } from '../../src/index.ts';

export interface ClockOrders {
  readonly db: string;
  readonly mode: 'fire' | 'claim';
  readonly seed: number;
  /** Of `fire`: where the clock starts, how many times faster than time it goes, and where it stops. */
  readonly startUtc: number;
  readonly speed: number;
  readonly endUtc: number;
}

const { db, mode, seed, startUtc, speed, endUtc } = JSON.parse(process.argv[2] ?? '') as ClockOrders;
process.on('disconnect', () => process.exit(0));

let state = seed;
/** The same numbers for the same seed. */
const random = (): number => {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return state / 2_147_483_648;
};

let jump = 0;
const clock = (): number => Math.min(endUtc, Math.floor(startUtc + (Date.now() - epoch) * speed + jump));
const epoch = Number(process.argv[3]);

if (mode === 'fire') {
  const queue = await openQueue(db, { janitorMs: 0, cron, now: clock, synchronous: 'NORMAL' });
  process.send?.('up');
  for (;;) {
    jump = random() < 0.2 ? Math.floor((random() - 0.5) * 120_000) : 0;
    await queue.system().fire();
    await pause(1 + random() * 10);
  }
} else {
  const queue = await openQueue(db, { janitorMs: 50, synchronous: 'NORMAL' });
  const worker = queue.worker(`w${seed}`);
  process.send?.('up');
  for (;;) {
    const tasks = await worker.claim({ max: 1 + Math.floor(random() * 4), leaseMs: 1000, fairness: random() < 0.5 ? 'none' : 'weighted' });
    for (const task of tasks) {
      await pause(random() * 5);
      const end = random() < 0.8 ? worker.complete(task) : random() < 0.5 ? worker.fail(task, 'no', { retryInMs: 0 }) : worker.release(task);
      // One that was late lost its lease.
      await end.catch(() => undefined);
    }
    if (tasks.length === 0) await pause(25);
  }
}
