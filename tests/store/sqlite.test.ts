// The conformance suite on SQLite: in memory, and on a file that two connections share.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openQueue } from '../../src/index.ts';
import type { OpenOptions, Queue } from '../../src/index.ts';
import { conformance } from './conformance/suite.ts';

const START = 1_800_000_000_000;

conformance({
  name: 'memory',
  capabilities: { connections: 1 },
  async open(t, options) {
    const clock = { now: START };
    const queue = await openQueue(':memory:', withClock(clock, options));
    t.after(() => queue.close());
    return { queue, other: queue, clock };
  },
});

conformance({
  name: 'file',
  capabilities: { connections: 2 },
  async open(t, options) {
    const clock = { now: START };
    const folder = mkdtempSync(join(tmpdir(), 'prismq-conformance-'));
    const open = (): Promise<Queue> => openQueue(join(folder, 'queue.db'), { synchronous: 'NORMAL', ...withClock(clock, options) });
    const queue = await open();
    const other = await open();
    t.after(async () => {
      await queue.close();
      await other.close();
      rmSync(folder, { recursive: true, force: true });
    });
    return { queue, other, clock };
  },
});

function withClock(clock: { readonly now: number }, options: OpenOptions = {}): OpenOptions {
  return { now: () => clock.now, random: () => 0.5, janitorMs: 0, ...options };
}
