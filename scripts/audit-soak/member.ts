// One process of the soak: makes rows of the audit as fast as it can, or one event after the other, and seals and anchors beside it
// like every process does. It is killed at any moment.
import { readFileSync } from 'node:fs';
import { anchorFile, anchorSigner, openQueue } from '../../src/index.ts';
import type { Queue } from '../../src/index.ts';

export interface Orders {
  readonly db: string;
  readonly id: number;
  /** `load`: tasks from enqueue to their end, until it is killed. `events`: so many changes of a client, each told when it is answered. */
  readonly mode: 'load' | 'events';
  readonly from: number;
  readonly count: number;
  readonly keyFile: string;
  readonly anchors: string;
  readonly clients: number;
}

const orders = JSON.parse(process.argv[2] ?? '') as Orders;
const BATCH = 200;
const tell = (what: number): void => void process.send?.(what);
// Who started this process is gone: so is the reason for it.
process.on('disconnect', () => process.exit(0));

async function load(queue: Queue): Promise<never> {
  const worker = queue.worker(`w${orders.id}`);
  await worker.register();
  for (let turn = orders.id; ; turn++) {
    const client = queue.client(`client-${turn % orders.clients}`);
    await client.enqueueMany(Array.from({ length: BATCH }, (_, n) => ({ type: 'Soak.Task', payload: n })));
    const claimed = await worker.claim({ max: BATCH });
    await worker.settle(claimed.map(({ clientId, taskId, leaseId }) => ({ clientId, taskId, leaseId, op: 'complete' as const })));
    // Refusals are rows of the other chain.
    if (turn % 10 === 0) await queue.admin().clients.weight(`client-${turn % orders.clients}`, (turn % 1000) + 1);
    tell(BATCH + 2 * claimed.length);
  }
}

async function events(queue: Queue): Promise<void> {
  for (let n = orders.from; n < orders.count; n++) {
    await queue.admin().clients.weight(`client-${orders.id}`, n + 1);
    tell(n + 1);
  }
}

const signer = anchorSigner(readFileSync(orders.keyFile, 'utf8'));
const options = { synchronous: 'NORMAL', busyTimeoutMs: 60_000, anchors: { signer, sink: anchorFile(orders.anchors), everyMs: 1000 } } as const;
const queue = await openQueue(orders.db, orders.db.startsWith('postgres') ? { ...options, listenUrl: null } : options);
if (orders.mode === 'load') await load(queue);
await events(queue);
await queue.close();
process.disconnect();
