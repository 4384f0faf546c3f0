// What a process does in the background while it has a queue open, and what keeps no process alive: the janitor's steps, the seals of
// the audit, its anchors and its retention.
import { anchorAll } from './anchoring.ts';
import type { AnchorOptions } from './anchoring.ts';
import { startSealer } from './sealer.ts';
import type { Sealer, SealerParts } from './sealer.ts';
import type { SystemHandle } from './service/handles.ts';

const JANITOR_MS = 1000;
const ANCHOR_MS = 600_000;
const SOON_MS = 5000;
const CUT_MS = 60_000;

export interface BackgroundOptions {
  /** 0: nothing is done. */
  readonly janitorMs?: number;
  readonly anchors?: AnchorOptions;
  readonly onError?: (error: unknown) => void;
  readonly now: () => number;
}

export function startBackground(
  { janitorMs = JANITOR_MS, anchors, onError = () => undefined, now }: BackgroundOptions,
  system: SystemHandle,
  sealing: Omit<SealerParts, 'onError'>,
): Sealer | undefined {
  if (janitorMs === 0) return undefined;
  const upkeep = async (): Promise<void> => {
    for (const step of await Promise.allSettled([system.tick(), system.fire()])) if (step.status === 'rejected') onError(step.reason);
  };
  const timers = [every(janitorMs, upkeep, onError), every(CUT_MS, () => cut(system), onError)];
  if (anchors !== undefined) {
    const { everyMs = ANCHOR_MS } = anchors;
    // A process that is started again and again anchors too.
    timers.push(every(everyMs, () => anchorAll(system, anchors, now), onError, Math.min(everyMs, SOON_MS)));
  }
  const sealer = startSealer({ ...sealing, onError });
  return {
    async stop() {
      await Promise.all(timers.map((timer) => timer.stop()));
      await sealer.stop();
    },
  };
}

/** Step after step while there is more, each its own transaction. */
async function cut(system: SystemHandle): Promise<void> {
  while ((await system.cutAudit()).more);
}

/** One step at a time. A failure is told and tried again; what is under way when it stops is waited for. */
function every(ms: number, step: () => Promise<unknown>, onError: (error: unknown) => void, firstMs?: number): { stop(): Promise<void> } {
  let running: Promise<void> | undefined;
  const run = (): void => {
    running ??= step()
      .then(() => undefined, onError)
      .finally(() => (running = undefined));
  };
  const timer = setInterval(run, ms).unref();
  const first = firstMs === undefined ? undefined : setTimeout(run, firstMs).unref();
  return {
    async stop() {
      clearInterval(timer);
      clearTimeout(first);
      await running;
    },
  };
}
