// The renewal thread of a worker: extends all its leases over a connection of its own, so that a handler that blocks the event
// loop keeps them; and stops doing so when the loop has not turned for too long, so that one that hangs does not for ever.
import { parentPort, workerData } from 'node:worker_threads';
import type { HeartbeatResult } from '../domain/task.ts';
import { monotonicMs } from './clock.ts';
import { failureOf } from './outcome.ts';
import { RENEWED_AT, RESTS_UNTIL, type RenewalModule, type ThreadData, type ThreadMessage, TICK } from './renewal-shared.ts';

const { module, data, leaseMs, maxBlockMs, tick } = workerData as ThreadData;
const shared = new BigInt64Array(tick);
const post = (message: ThreadMessage): void => parentPort?.postMessage(message);

let lastTick = Atomics.load(shared, TICK);
let movedAt = monotonicMs();
let blocked = false;

/** Whether the event loop still turns: seen by its counter, timed by our own clock. */
function isAlive(): boolean {
  const now = monotonicMs();
  const current = Atomics.load(shared, TICK);
  if (current !== lastTick) movedAt = now;
  lastTick = current;
  return now - movedAt < maxBlockMs;
}

async function round(renewAll: (leaseMs: number) => Promise<HeartbeatResult>): Promise<number> {
  if (!isAlive()) {
    if (!blocked) post({ type: 'blocked' });
    blocked = true;
    return leaseMs / 3;
  }
  blocked = false;
  const rest = Number(Atomics.load(shared, RESTS_UNTIL)) - monotonicMs();
  if (rest > 0) return rest;
  // Rounded down: the leases were extended later than this.
  const askedAt = Math.floor(monotonicMs());
  try {
    const result = await renewAll(leaseMs);
    Atomics.store(shared, RENEWED_AT, BigInt(askedAt));
    post({ type: 'renewed', askedAt, result });
    return leaseMs / 3;
  } catch (error) {
    post({ type: 'failed', error: failureOf(error).message });
    return leaseMs / 20;
  }
}

const { openRenewal } = (await import(module)) as RenewalModule;
const renewal = await openRenewal(data);
let timer: NodeJS.Timeout | undefined;
let current: Promise<void> = Promise.resolve();
let stopped = false;

function next(ms: number): void {
  if (stopped) return;
  timer = setTimeout(() => {
    current = round((lease) => renewal.renewAll(lease)).then(next);
  }, ms);
}

/** Any message is the wish to end. */
async function stop(): Promise<void> {
  stopped = true;
  clearTimeout(timer);
  await current;
  await renewal.close();
  parentPort?.close();
}

parentPort?.once('message', () => void stop());
post({ type: 'ready' });
next(leaseMs / 3);
