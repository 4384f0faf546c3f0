// A server with two clients. Everything of `cobalt` has a canary in it: its id, payloads, results, errors, progress, messages, metadata, keys of
// idempotency, reasons, types, names of workers and keys. What anybody else is answered is searched for them.
import { createApp } from '../../../src/http/app.ts';
import { listen } from '../../../src/http/node.ts';
import type { ClaimedTask, Queue } from '../../../src/index.ts';
import { createLog, requestLogger } from '../../../src/server/log.ts';
import type { Subject } from '../../http/cube/world.ts';

export const B = 'cobalt-7f3ac9';
export const A = 'amber';
const WORD = 'cnry';
const word = (of: string): string => `${WORD}-${of}-5d1e`;

export interface World {
  readonly url: string;
  readonly queue: Queue;
  /** Keys of who asks. */
  readonly keys: Readonly<Record<Asker, string | undefined>>;
  /** The key of `cobalt` itself: it does see its canaries. */
  readonly owner: string;
  readonly own: Subject;
  readonly foreign: Subject;
  /** Every text that tells of `cobalt`. */
  readonly canaries: readonly string[];
  /** What the server logged since it was asked last. */
  log(): string;
  close(): Promise<void>;
}

/** Who may not know of `cobalt`: all of `amber`, a worker that was granted nothing, nobody. */
export const ASKERS = ['anonymous', 'client', 'worker', 'idle_worker', 'client_admin', 'client_auditor'] as const;
export type Asker = (typeof ASKERS)[number];

export async function makeWorld(queue: Queue): Promise<World> {
  let said = '';
  const log = createLog({ logLevel: 'debug', logFormat: 'json' }, { write: (text: string) => void (said += text) });
  const app = await createApp({ queue, rates: { key: null, client: null, address: null }, onRequest: requestLogger(log) });
  const listening = await listen(app, { host: '127.0.0.1', port: 0 });
  const admin = queue.admin();
  for (const id of [A, B]) await admin.clients.create(id);
  const key = async (asked: Parameters<typeof admin.keys.create>[0]): Promise<string> => (await admin.keys.create(asked)).key;
  const foreign = await fill(queue, B, word);
  const own = await fill(queue, A, (of) => `own-${of}`);
  const owner = await key({ role: 'client', clientId: B, name: word('key') });
  const keys = {
    anonymous: undefined,
    client: await key({ role: 'client', clientId: A }),
    worker: await key({ role: 'worker', name: `${A}:w` }),
    idle_worker: await key({ role: 'worker', name: 'idle' }),
    client_admin: await key({ role: 'admin', clientId: A }),
    client_auditor: await key({ role: 'auditor', clientId: A }),
  };
  const ids = [foreign.taskId, foreign.endedId, foreign.heldId, foreign.lease, foreign.workerId, foreign.grantId, foreign.keyId];
  return {
    url: listening.url,
    queue,
    keys,
    owner,
    own,
    foreign,
    canaries: [WORD, B, ...ids, owner, owner.split('_').at(-1) as string],
    log() {
      const text = said;
      said = '';
      return text;
    },
    async close() {
      await listening.close(0);
      await queue.close();
    },
  };
}

async function fill(queue: Queue, clientId: string, say: (of: string) => string): Promise<Subject> {
  const client = queue.client(clientId);
  const workerId = `${clientId}:w`;
  const type = (of: string): string => `${say('type').replaceAll('-', '_')}.${of}`;
  const { grantId } = await queue.admin().grants.create(workerId, { clientId, pattern: '*' });
  const worker = queue.as({ role: 'worker', workerId });
  const more = { metadata: { word: say('metadata') }, createdBy: say('submitter'), compatibility: {} };
  const work = async (of: string, end: (task: ClaimedTask) => Promise<unknown>): Promise<string> => {
    const { taskId } = await client.enqueue(type(of), { word: say('payload') }, { ...more, idempotencyKey: say(`key-${of}`) });
    await end((await worker.claim())[0] as ClaimedTask);
    return taskId;
  };
  await work('Done', (task) => worker.complete(task, { word: say('result') }));
  await work('Failed', (task) => worker.fail(task, Object.assign(new Error(say('error')), { kind: say('kind') }), { retry: false }));
  let lease = '';
  const heldId = await work('Held', async (task) => {
    lease = task.leaseId;
    await worker.progress(task, { word: say('progress') });
    await worker.log(task, say('message'));
  });
  const taskId = (await client.enqueue(type('Waits'), { word: say('payload') }, more)).taskId;
  const endedId = (await client.enqueue(type('Ended'), { word: say('payload') }, more)).taskId;
  await client.cancel(endedId, say('reason'));
  await client.get('absent').catch(() => undefined);
  const { keyId } = await queue.admin().keys.create({ role: 'client', clientId, name: say('name') });
  const inside = queue.as({ role: 'admin', clientId }).inside(clientId, 'made here');
  const [schedule, limit] = [`ticks-${clientId}`, `some-${clientId}`];
  await inside.schedules.set(schedule, { everyMs: 86_400_000, type: type('Ticks'), payload: { word: say('payload') } });
  await inside.limits.set(limit, { concurrency: 100_000 });
  return { clientId, taskId, endedId, heldId, lease, workerId, grantId, keyId, schedule, limit };
}
