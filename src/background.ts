// What a process does in the background while it has a queue open, and what keeps no process alive: the janitor's steps, the seals of
// the audit, its anchors and its retention.
import { anchorAll } from './anchoring.ts';
import type { AnchorOptions } from './anchoring.ts';
import { startSealer } from './sealer.ts';
import type { Sealer } from './sealer.ts';
import type { SealingData } from './sealing.ts';
import type { SystemHandle } from './service/handles.ts';
import type { Store } from './store/store.ts';

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
  seal: Store['seal'],
  thread: SealingData | null,
): Sealer | undefined {
  if (janitorMs === 0) return undefined;
  const timers = [every(janitorMs, () => Promise.all([system.tick(), system.fire()]), onError), every(CUT_MS, () => cut(system), onError)];
  if (anchors !== undefined) {
    const { everyMs = ANCHOR_MS } = anchors;
    const anchor = (): Promise<unknown> => anchorAll(system, anchors, now);
    // A process that is started again and again anchors too.
    timers.push(every(everyMs, anchor, onError), setTimeout(() => void anchor().catch(onError), Math.min(everyMs, SOON_MS)).unref());
  }
  const sealer = startSealer({ seal, thread, onError });
  return {
    stop() {
      for (const timer of timers) clearInterval(timer);
      return sealer.stop();
    },
  };
}

/** Step after step while there is more, each its own transaction. */
async function cut(system: SystemHandle): Promise<void> {
  while ((await system.cutAudit()).more);
}

/** One step at a time. A failure is told and tried again. */
function every(ms: number, step: () => Promise<unknown>, onError: (error: unknown) => void): NodeJS.Timeout {
  let running = false;
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    void step()
      .catch(onError)
      .finally(() => (running = false));
  }, ms);
  return timer.unref();
}
