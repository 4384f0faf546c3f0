// Whom a commit wakes, counted in looks: of a thousand who wait, those whom it may concern, and of those who wait to claim no more
// than there is to be claimed. For any engine; nothing here looks at a clock.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ClaimedTask, NewTask } from '../../src/domain/task.ts';
import type { Store, StoreScope } from '../../src/store/store.ts';
import type { Interest } from '../../src/store/waiting.ts';

const CLIENTS = 20;
const TYPES = ['Mail.Send', 'Image.Scale'] as const;
const clientOf = (i: number): string => `c${i % CLIENTS}`;
const typeOf = (i: number): string => TYPES[Math.floor(i / CLIENTS) % TYPES.length] as string;

interface Waits {
  readonly woken: number[];
  /** Ends those that are left. */
  end(): Promise<void>;
}

/** Resolves when all that a commit wakes are awake: they are woken before its caller is answered, or right after. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
};

export function wakes(name: string, workers: number, open: () => Promise<Store>): void {
  describe(`whom a commit wakes, ${name}`, () => {
    let store: Store;
    let ids = 0;
    const each = workers / CLIENTS / TYPES.length;
    const scopes = Array.from({ length: workers }, (_, i): StoreScope => ({ role: 'worker', actor: `worker:w${i}`, clients: [], workerId: `w${i}` }));
    const scopeOf = (clientId: string): StoreScope => ({ role: 'client', actor: `client:${clientId}`, clients: [clientId] });

    before(async () => {
      store = await open();
      const admin: StoreScope = { role: 'admin', actor: 'admin', clients: '*' };
      for (let i = 0; i < CLIENTS; i++) await store.createClient(admin, clientOf(i), 1);
      await Promise.all(
        scopes.map((scope, i) =>
          store.register(scope, {
            capabilities: { categories: [typeOf(i)] },
            strategy: 'FIFO',
            fairness: 'weighted',
            versions: {},
            grants: [{ clientId: clientOf(i), pattern: '*' }],
          }),
        ),
      );
    });
    after(() => store.close());

    function wait(interests: readonly (Interest | undefined)[]): Waits {
      const gone = new AbortController();
      const woken: number[] = [];
      const waits = interests.map(async (interest, i) => {
        if (await store.changed(600_000, gone.signal, interest)) woken.push(i);
      });
      return {
        woken,
        async end() {
          gone.abort();
          await Promise.all(waits);
        },
      };
    }
    const claimers = (request = {}): Interest[] => scopes.map(({ workerId }) => ({ for: 'work', workerId: workerId as string, request, claims: true }));

    function task(clientId: string, type: string, more: Partial<NewTask> = {}): NewTask {
      const taskId = `01890000-0000-7000-8000-${(ids++).toString(16).padStart(12, '0')}`;
      const times = { delayMs: 0, runAfterUtc: null, ttlMs: null, expiresAtUtc: null, maxRunMs: 60_000, dueAtUtc: null, maxWaitMs: null };
      const none = {
        region: null,
        format: null,
        idempotencyKey: null,
        requestDigest: null,
        metadata: null,
        createdBy: null,
        traceparent: null,
        limitKey: null,
        dependsOn: [],
        parentTaskId: null,
      };
      return { taskId, clientId, type, payload: '1', compatibility: '{}', priority: 100, maxAttempts: 3, ...times, ...none, ...more };
    }
    const enqueue = async (tasks: readonly NewTask[]): Promise<void> => {
      const answers = await store.enqueue(scopeOf(tasks[0]?.clientId ?? ''), tasks, { atomic: true, createClients: false });
      assert.ok(answers.every(({ ok }) => ok));
      await settled();
    };
    const claim = async (i: number, max = 10): Promise<readonly ClaimedTask[]> => {
      const tasks = await store.claim(scopes[i] as StoreScope, { max, leaseMs: 60_000 });
      await settled();
      return tasks;
    };
    /** Waiting is under way when the engine knows what each may take: what it asks for that comes before what is asked next. */
    async function claimersWaiting(request = {}): Promise<Waits> {
      const waits = wait(claimers(request));
      await Promise.all(scopes.map((scope) => store.beat(scope, 'ready')));
      return waits;
    }

    it(`one task wakes one of ${workers} long polls, and one that may take it`, async () => {
      const waits = await claimersWaiting();
      await enqueue([task('c5', 'Mail.Send')]);
      assert.deepEqual(waits.woken, [5]);
      await enqueue([task('c5', 'Mail.Send')]);
      assert.deepEqual(waits.woken, [5, 5 + CLIENTS * TYPES.length]);
      assert.equal((await claim(5)).length, 2);
      await waits.end();
    });

    it('as many tasks wake as many, of their client and their type, and no more than wait', async () => {
      const waits = await claimersWaiting();
      await enqueue([task('c7', 'Image.Scale'), task('c7', 'Image.Scale')]);
      assert.deepEqual(
        waits.woken.map((i) => [clientOf(i), typeOf(i)]),
        Array.from({ length: Math.min(2, each) }, () => ['c7', 'Image.Scale']),
      );
      await enqueue(Array.from({ length: workers }, () => task('c7', 'Image.Scale')));
      assert.equal(waits.woken.length, each);
      assert.deepEqual([...new Set(waits.woken.map((i) => `${clientOf(i)} ${typeOf(i)}`))], ['c7 Image.Scale']);
      await waits.end();
      while ((await claim(7 + CLIENTS, 500)).length > 0);
    });

    it('a claim that names types is woken for these alone', async () => {
      const waits = await claimersWaiting({ types: ['Image.*'] });
      await enqueue([task('c3', 'Mail.Send'), task('c3', 'Image.Scale')]);
      assert.deepEqual(waits.woken, [3 + CLIENTS]);
      await waits.end();
      await claim(3);
      await claim(3 + CLIENTS);
    });

    it('what only the worker does wakes nobody: claims, signs of life, progress', async () => {
      await enqueue([task('c1', 'Mail.Send')]);
      const waits = await claimersWaiting();
      const [held] = await claim(1);
      assert.ok(held);
      await store.heartbeat(scopes[1] as StoreScope, [held], 60_000);
      await store.beat(scopes[1] as StoreScope, 'ready');
      await store.progress(scopes[1] as StoreScope, held, '1');
      await settled();
      assert.deepEqual(waits.woken, []);
      await store.settle(scopes[1] as StoreScope, [{ ...held, op: 'release' }]);
      await settled();
      // Handed back: which type it is was not asked, so all of its client look.
      assert.deepEqual([...new Set(waits.woken.map(clientOf))], ['c1']);
      assert.equal(waits.woken.length, each * TYPES.length);
      await waits.end();
      await claim(1);
    });

    it('the end of a task wakes who waits for it and who hears its client, of a thousand others none', async () => {
      const tasks = Array.from({ length: CLIENTS }, (_, i) => task(clientOf(i), 'Mail.Send'));
      for (const one of tasks) await enqueue([one]);
      const held = await claim(4);
      const waits = wait([
        ...claimers(),
        ...tasks.map(({ clientId, taskId }): Interest => ({ for: 'task', clients: [clientId], taskId })),
        // A twin's id in another client is another task.
        { for: 'task', clients: ['c9'], taskId: tasks[4]?.taskId as string },
        ...tasks.map(({ clientId }): Interest => ({ for: 'events', clients: [clientId] })),
        { for: 'events', clients: '*' },
      ]);
      await settled();
      await store.settle(scopes[4] as StoreScope, [{ ...(held[0] as ClaimedTask), op: 'complete' }]);
      await settled();
      assert.deepEqual(waits.woken, [workers + 4, workers + CLIENTS + 1 + 4, workers + CLIENTS + 1 + CLIENTS]);
      await store.cancel(scopeOf('c6'), tasks[6]?.taskId as string, 'enough');
      await settled();
      assert.deepEqual(waits.woken.slice(3), [workers + 6, workers + CLIENTS + 1 + 6]);
      await waits.end();
    });

    it('what may concern anybody wakes everybody', async () => {
      const waits = await claimersWaiting();
      const admin: StoreScope = { role: 'admin', actor: 'admin', clients: '*' };
      await store.updateClient(admin, 'c2', { status: 'suspended' });
      await settled();
      assert.equal(waits.woken.length, workers);
      await store.updateClient(admin, 'c2', { status: 'active' });
      await waits.end();
    });

    it('who gave up is not woken, and takes nobody’s place', async () => {
      const gone = new AbortController();
      const first = store.changed(600_000, gone.signal, { for: 'work', workerId: 'w8', request: {}, claims: true });
      const waits = await claimersWaiting();
      gone.abort();
      assert.equal(await first, false);
      await enqueue([task('c8', 'Mail.Send')]);
      assert.deepEqual(waits.woken, [8]);
      await waits.end();
      await claim(8);
    });
  });
}
