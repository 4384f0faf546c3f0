// Conformance: limits of work. None is exceeded over two connections, and none holds back what it is not about.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClaimedTask } from '../../../src/domain/task.ts';
import type { LimitHandle } from '../../../src/service/handles.ts';
import { freshClient, only, settle } from './rig.ts';
import type { Conformance, Setting } from './rig.ts';

const limitsOf = ({ queue, id }: Pick<Setting, 'queue' | 'id'>): LimitHandle => queue.as({ role: 'admin', clientId: id }).inside(id, 'a test').limits;
async function begin(suite: Conformance, t: Parameters<typeof settle>[1]): Promise<Setting> {
  const setting = await settle(suite, t);
  await setting.queue.admin().clients.create(setting.id);
  return setting;
}
const typesOf = (tasks: readonly ClaimedTask[]): string[] => tasks.map(({ type }) => type).sort();
const keysOf = (tasks: readonly ClaimedTask[]): string[] => tasks.map(({ payload }) => JSON.parse(payload) as string).sort();

export function workLimitSuite(suite: Conformance): void {
  test(`${suite.name}: of a limited client no more run at once than its limit says, over two connections and both kinds of fairness`, async (t) => {
    const setting = await begin(suite, t);
    const { client, queue, other } = setting;
    await client.enqueueMany(Array.from({ length: 10 }, () => ({ type: 'T.X' })));
    await limitsOf(setting).set('all', { concurrency: 3 });
    const [one, two] = [queue.worker('one'), other.worker('two')];
    const [a, b] = await Promise.all([one.claim({ max: 2 }), two.claim({ max: 5, fairness: 'none' })]);
    assert.equal(a.length + b.length, 3);
    assert.deepEqual([(await one.claim({ max: 5 })).length, (await two.claim({ max: 5, fairness: 'none' })).length], [0, 0]);
    for (const lease of a) await one.complete(lease);
    for (const lease of b) await two.fail(lease, 'no');
    assert.equal((await two.claim({ max: 10 })).length, 3);
    await limitsOf(setting).delete('all');
    assert.equal((await one.claim({ max: 10 })).length, 4);
  });

  test(`${suite.name}: a limit of a category holds back that and nothing else, though it stands in front`, async (t) => {
    const setting = await begin(suite, t);
    const { client, other } = setting;
    await limitsOf(setting).set('mail', { pattern: 'Mail.*', concurrency: 1 });
    await client.enqueueMany(Array.from({ length: 400 }, () => ({ type: 'Mail.Send', priority: 1 })));
    await client.enqueueMany([{ type: 'Video.Cut' }, { type: 'Mail.Digest' }, { type: 'Video.Cut' }]);
    const foreign = other.client(freshClient());
    await foreign.enqueue('Mail.Send');
    const worker = other.worker('w');
    assert.deepEqual(typesOf(await worker.claim({ max: 100 })), ['Mail.Send', 'Mail.Send', 'Video.Cut', 'Video.Cut']);
    assert.deepEqual(await worker.claim({ max: 100 }), []);
    assert.deepEqual(await worker.claim({ max: 100, fairness: 'none' }), []);
  });

  test(`${suite.name}: under a prefix each free key is counted by itself; a lost lease gives its place back`, async (t) => {
    const setting = await begin(suite, t);
    const { client, queue, other, clock } = setting;
    await limitsOf(setting).set('hosts', { key: 'host:*', concurrency: 2 });
    await client.enqueueMany(['a', 'a', 'a', 'b', 'b', 'b', 'c'].map((host) => ({ type: 'Crawl.Page', payload: host, limitKey: `host:${host}` })));
    await client.enqueueMany([
      { type: 'Crawl.Page', payload: 'free' },
      { type: 'Crawl.Page', payload: 'other', limitKey: 'account:1' },
    ]);
    const [one, two] = [queue.worker('one'), other.worker('two')];
    const first = await one.claim({ max: 100, leaseMs: 1000 });
    assert.deepEqual(keysOf(first), ['a', 'a', 'b', 'b', 'c', 'free', 'other']);
    assert.deepEqual(await two.claim({ max: 100 }), []);
    assert.equal((await limitsOf(setting).list())[0]?.running, 5);
    clock.now += 1001;
    await queue.system().tick();
    assert.deepEqual(
      keysOf(await two.claim({ max: 100 })).filter((key) => key === 'a' || key === 'b'),
      ['a', 'a', 'b', 'b'],
    );
  });

  test(`${suite.name}: the most urgent is taken first, of those that may start`, async (t) => {
    const setting = await begin(suite, t);
    const { client, other } = setting;
    await limitsOf(setting).set('hosts', { key: 'host:*', concurrency: 1 });
    for (const [host, priority] of [
      ['a', 50],
      ['a', 10],
      ['b', 30],
      ['b', 40],
    ] as const)
      await client.enqueue('Crawl.Page', `${host}${priority}`, { limitKey: `host:${host}`, priority });
    const worker = other.worker('w');
    for (const fairness of ['weighted', 'none'] as const) {
      const taken = await worker.claim({ max: 10, fairness });
      assert.deepEqual(
        taken.map(({ payload }) => payload),
        fairness === 'weighted' ? ['"a10"', '"b30"'] : ['"b40"', '"a50"'],
      );
      for (const lease of taken) await worker.complete(lease);
    }
  });

  test(`${suite.name}: a rate bounds the starts of any stretch of its time`, async (t) => {
    const setting = await begin(suite, t);
    const { client, queue, other, clock } = setting;
    await limitsOf(setting).set('gently', { pattern: 'Api.*', rate: 3, perMs: 10_000 });
    await client.enqueueMany(Array.from({ length: 20 }, () => ({ type: 'Api.Call' })));
    const workers = [queue.worker('one'), other.worker('two')];
    const starts: number[] = [];
    for (let step = 0; step < 30; step++) {
      for (const worker of workers)
        for (const lease of await worker.claim({ max: step % 2 === 0 ? 1 : 5 })) {
          starts.push(clock.now);
          await worker.complete(lease);
        }
      clock.now += 1700;
    }
    for (const start of starts) assert.ok(starts.filter((at) => at >= start && at < start + 10_000).length <= 3, `${start}`);
    assert.ok(starts.length >= 15, `${starts.length} started`);
  });

  test(`${suite.name}: a task is under every limit that is about it`, async (t) => {
    const setting = await begin(suite, t);
    const { client, other } = setting;
    const limits = limitsOf(setting);
    await limits.set('all', { concurrency: 4 });
    await limits.set('mail', { pattern: 'Mail.*', concurrency: 3 });
    await limits.set('to', { pattern: 'Mail.*', key: 'to:*', concurrency: 2 });
    await client.enqueueMany(Array.from({ length: 5 }, (_, i) => ({ type: 'Mail.Send', limitKey: `to:${i < 3 ? 'a' : 'b'}` })));
    await client.enqueueMany(Array.from({ length: 5 }, () => ({ type: 'Other.Thing', limitKey: 'to:a' })));
    const worker = other.worker('w');
    const taken: ClaimedTask[] = [];
    for (let i = 0; i < 5; i++) taken.push(...(await worker.claim({ max: 10 })));
    assert.deepEqual(typesOf(taken), ['Mail.Send', 'Mail.Send', 'Mail.Send', 'Other.Thing']);
  });

  test(`${suite.name}: a pause holds back a client, a category or a key, and what runs goes on`, async (t) => {
    const setting = await begin(suite, t);
    const { client, queue, other, id } = setting;
    const limits = limitsOf(setting);
    await client.enqueueMany([{ type: 'Mail.Send' }, { type: 'Mail.Send' }, { type: 'Video.Cut' }, { type: 'Video.Cut', limitKey: 'host:a' }]);
    const worker = other.worker('w');
    const running = only(await worker.claim({ types: ['Mail.*'] }));
    await limits.pause({ pattern: 'Mail.*' });
    await limits.pause({ key: 'host:a' });
    assert.deepEqual(typesOf(await worker.claim({ max: 10 })), ['Video.Cut']);
    await worker.complete(running);
    await limits.pause();
    await client.enqueue('New.Thing');
    assert.deepEqual(await worker.claim({ max: 10 }), []);
    await limits.resume({ pattern: 'Mail.*' });
    assert.deepEqual(await worker.claim({ max: 10 }), [], 'the client is paused whole');
    await limits.resume();
    assert.deepEqual(typesOf(await worker.claim({ max: 10 })), ['Mail.Send', 'New.Thing']);
    await limits.resume({ key: 'host:a' });
    assert.deepEqual(typesOf(await worker.claim({ max: 10 })), ['Video.Cut']);
    await assert.rejects(limits.resume(), { code: 'not_found' });
    const events = (await queue.as({ role: 'admin', clientId: id }).securityEvents()).items.filter(({ action }) => action === 'queue.pause');
    assert.equal(events.length, 6);
  });

  test(`${suite.name}: a limit of one client is nothing to another; what is no limit is refused`, async (t) => {
    const setting = await begin(suite, t);
    const { client, other } = setting;
    const foreign = { ...setting, id: freshClient() };
    await client.enqueue('T.X');
    await other.client(foreign.id).enqueue('T.X');
    await limitsOf(setting).set('mine', { concurrency: 0 });
    await assert.rejects(limitsOf(foreign).delete('mine'), { code: 'not_found' });
    assert.deepEqual(await limitsOf(foreign).list(), []);
    assert.equal(only(await other.worker('w').claim({ max: 10 })).clientId, foreign.id);
    await limitsOf(foreign).set('mine', { concurrency: 5 });
    await limitsOf(foreign).delete('mine');
    assert.deepEqual(
      (await limitsOf(setting).list()).map(({ name, concurrency }) => [name, concurrency]),
      [['mine', 0]],
    );
    await limitsOf(setting).set('mine', { rate: 5, perMs: 1000 });
    assert.deepEqual(
      (await limitsOf(setting).list()).map(({ concurrency, rate, perMs }) => [concurrency, rate, perMs]),
      [[null, 5, 1000]],
    );
    for (const [name, limit] of [
      ['no name', { concurrency: 1 }],
      ['a', {}],
      ['a', { rate: 5 }],
      ['a', { perMs: 5 }],
      ['a', { concurrency: -1 }],
      ['a', { concurrency: 1.5 }],
      ['a', { rate: 0, perMs: 5 }],
      ['a', { concurrency: 1, pattern: '.' }],
      ['a', { concurrency: 1, key: '' }],
      ['a', { concurrency: 1, colour: 'red' }],
    ] as const)
      await assert.rejects(limitsOf(setting).set(name, limit as never), { code: 'invalid_input' }, JSON.stringify(limit));
    await assert.rejects(client.limits.set('a', { concurrency: 1 }), { code: 'forbidden' });
  });
}
