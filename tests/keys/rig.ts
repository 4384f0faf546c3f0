// What the tests of keys share: a queue with a replaced clock and two clients, on a real file where another process is played.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openQueue } from '../../src/index.ts';
import type { OpenOptions } from '../../src/index.ts';
import type { AdminHandle, MadeKey, NewKey, Queue, SecurityEvent } from '../../src/service/handles.ts';

export interface Rig {
  readonly queue: Queue;
  readonly admin: AdminHandle;
  readonly clock: { now: number };
  /** A key of acme when nothing else is asked. */
  readonly make: (asked?: Partial<NewKey>) => Promise<MadeKey>;
  /** The newest first. */
  readonly events: (action: string, outcome?: SecurityEvent['outcome']) => Promise<readonly SecurityEvent[]>;
}

export const START = 1_800_000_000_000;

export async function rig(t: TestContext, file = ':memory:', options: OpenOptions = {}): Promise<Rig> {
  const clock = { now: START };
  const queue = await openQueue(file, { janitorMs: 0, now: () => clock.now, ...options });
  t.after(() => queue.close());
  const admin = queue.admin();
  for (const id of ['acme', 'globex']) await admin.clients.create(id);
  return {
    queue,
    admin,
    clock,
    make: (asked = {}) => admin.keys.create({ role: 'client', ...(asked.role === undefined || asked.role === 'client' ? { clientId: 'acme' } : {}), ...asked }),
    events: async (action, outcome = 'denied') =>
      (await admin.securityEvents({ limit: 1000 })).items.filter((event) => event.action === action && event.outcome === outcome),
  };
}

export function temporaryFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-keys-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'queue.db');
}
