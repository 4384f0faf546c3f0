// How leases are kept: every third of a lease all that is held is extended, on the event loop (here) or in a thread with its own
// connection (renewal-thread.ts). Either way what comes back is applied the same: lost, cancelled and timed out attempts end.
import type { HeartbeatResult } from '../domain/task.ts';
import type { WorkerHandle } from '../service/handles.ts';
import type { Attempts } from './attempts.ts';
import { type Alarm, backoffMs, type Clock } from './clock.ts';
import { type Held, type Leases, refOf } from './held.ts';
import { BATCH } from './options.ts';
import { promised } from './promised.ts';
import type { Report } from './report.ts';

export interface RenewalHost {
  readonly handle: WorkerHandle;
  readonly leases: Leases;
  readonly attempts: Attempts;
  readonly leaseMs: number;
  /** A loop that blocks longer than this loses its leases. */
  readonly maxBlockMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: Report;
  readonly broken: (error: unknown) => void;
}

export interface RunningRenewal {
  /** Monotonic ms from before the latest renewal of everything that was held then; `-Infinity` before a first one. */
  renewedAt(): number;
  /** The event loop turns. */
  moved(): void;
  /** A claim was sent and not answered: the store may have leased to us what nobody here knows of, and that must lapse. */
  unsure(): void;
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

/** Begins to renew when called. */
export type Renewal = (host: RenewalHost) => RunningRenewal;

/** On the event loop: a handler that blocks it longer than a lease loses its leases. */
export const loopRenewal: Renewal = (host) => {
  const { clock, random, report, leaseMs, broken } = host;
  const period = leaseMs / 3;
  let alarm: Alarm | undefined;
  let failures = 0;
  let stopped = false;
  const round = async (): Promise<void> => {
    try {
      await renew(host, [...host.leases.all()]);
      failures = 0;
    } catch (error) {
      failures += 1;
      if (!stopped) report({ type: 'trouble', where: 'renew', error, failures, fatal: false });
    }
    if (!stopped) next(failures === 0 ? period : Math.min(period, backoffMs(failures, random)));
  };
  const next = (ms: number): void => {
    alarm = clock.after(ms, () => void round().catch(broken), { idle: true });
  };
  next(period);
  return {
    renewedAt: () => Number.NEGATIVE_INFINITY,
    moved: () => undefined,
    // It extends what it knows by name.
    unsure: () => undefined,
    async stop() {
      stopped = true;
      alarm?.cancel();
    },
  };
};

/** Asks for these leases to be extended, at most 500 a call, and applies the answers. Rejects with the first refusal; the other batches are applied all the same. */
export async function renew(host: RenewalHost, held: readonly Held[]): Promise<void> {
  const batches: (readonly Held[])[] = [];
  for (let from = 0; from < held.length; from += BATCH) batches.push(held.slice(from, from + BATCH));
  const answers = await Promise.allSettled(batches.map((batch) => renewBatch(host, batch)));
  for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
}

async function renewBatch({ handle, clock, leaseMs, attempts, broken }: RenewalHost, held: readonly Held[]): Promise<void> {
  const askedAt = clock.now();
  const result = await promised(() =>
    handle.heartbeat(
      held.map((one) => refOf(one.task)),
      leaseMs,
    ),
  );
  try {
    apply(attempts, held, result, askedAt);
  } catch (error) {
    broken(error);
  }
}

/** Only those that were asked about: by now the same task may be held by another attempt. */
function apply(attempts: Attempts, held: readonly Held[], result: HeartbeatResult, askedAt: number): void {
  const asked = new Map(held.map((one) => [one.task.taskId, one]));
  const each = (taskIds: readonly string[], act: (one: Held) => void): void => {
    for (const taskId of taskIds) {
      const one = asked.get(taskId);
      if (one !== undefined) act(one);
    }
  };
  each(result.extended, (one) => (one.extendedAt = Math.max(one.extendedAt, askedAt)));
  each(result.cancelled, (one) => attempts.drop(one, 'cancelled', 'it was cancelled'));
  each(result.timedOut, (one) => attempts.timeOut(one));
  each(result.lost, (one) => attempts.drop(one, 'lease_lost', 'its lease is lost: it lapsed, or was given to another worker'));
}
