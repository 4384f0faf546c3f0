// Conformance: every limit holds at its very bound, and not one beyond. A limit without a row here does not compile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../../src/domain/limits.ts';
import type { LimitName } from '../../../src/domain/limits.ts';
import type { EnqueueOptions } from '../../../src/domain/task.ts';
import { only, settle } from './rig.ts';
import type { Conformance, Setting } from './rig.ts';

/** Tries a value where callers give it; throws its refusal. */
type Try = (setting: Setting, value: number) => Promise<unknown>;

interface Bounded {
  readonly tries: readonly Try[];
  /** Of what is beyond the bound; default `invalid_input`. */
  readonly code?: string;
  /** Where the bound in force is not that of the table. */
  readonly max?: number;
  /** Of things that are counted there is nothing below the least: none, or an empty one with a rule of its own. */
  readonly onlyMax?: true;
}

const option =
  (make: (value: number) => EnqueueOptions): Try =>
  ({ client }, value) =>
    client.enqueue('T.X', null, make(value));
const keysOf = (count: number): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));
const nested = (levels: number): unknown => {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
};
/** A JSON string of so many bytes, its quotes included. */
const sized = (bytes: number): string => 'x'.repeat(bytes - 2);

const held = async ({ client, other }: Setting): Promise<readonly [ReturnType<Setting['other']['worker']>, Awaited<ReturnType<typeof only>>]> => {
  await client.enqueue('T.Held');
  const worker = other.worker('w');
  return [worker, only(await worker.claim({ types: ['T.Held'], strategy: 'LIFO' }))];
};

const complete = async (setting: Setting, result: unknown): Promise<unknown> => {
  const [worker, lease] = await held(setting);
  await worker.complete(lease, result);
  const task = await setting.client.get(lease.taskId);
  assert.deepEqual(task.result, result);
  return task;
};

/** Bounds that a call refuses beyond. */
const BOUNDS = {
  priority: {
    tries: [
      option((priority) => ({ priority })),
      async ({ client }, value) => client.reprioritise((await client.enqueue('T.X')).taskId, value),
      ({ queue }, value) => queue.admin().categories.set({ pattern: 'T.Other', priority: value }),
    ],
  },
  maxAttempts: {
    tries: [option((maxAttempts) => ({ maxAttempts })), async ({ client }, maxAttempts) => client.amend((await client.enqueue('T.X')).taskId, { maxAttempts })],
  },
  maxRunMs: { tries: [option((maxRunMs) => ({ maxRunMs })), async ({ client }, maxRunMs) => client.amend((await client.enqueue('T.X')).taskId, { maxRunMs })] },
  leaseMs: {
    tries: [
      ({ other }, leaseMs) => other.worker('w').claim({ leaseMs }),
      async (setting, leaseMs) => {
        const [worker, lease] = await held(setting);
        await worker.heartbeat([lease], leaseMs);
      },
    ],
  },
  delayMs: { tries: [option((delayMs) => ({ delayMs }))] },
  ttlMs: { tries: [option((ttlMs) => ({ ttlMs }))] },
  maxWaitMs: { tries: [option((maxWaitMs) => ({ maxWaitMs }))] },
  claimMax: { tries: [({ other }, max) => other.worker('w').claim({ max })] },
  listLimit: {
    tries: [
      ({ client }, limit) => client.list({ limit }),
      async ({ client }, limit) => client.logs((await client.enqueue('T.X')).taskId, { limit }),
      ({ queue }, limit) => queue.admin().securityEvents({ limit }),
      ({ other }, limit) => other.worker('w').inbox(limit),
    ],
  },
  weight: {
    tries: [
      ({ queue, id }, weight) => queue.admin().clients.create(`${id}w${weight}`, { weight }),
      async ({ client, queue, id }, weight) => {
        await client.enqueue('T.X');
        await queue.admin().clients.weight(id, weight);
      },
    ],
  },
  payloadBytes: {
    tries: [
      ({ client }, bytes) => client.enqueue('T.X', sized(bytes)),
      async ({ client }, bytes) => client.amend((await client.enqueue('T.X')).taskId, { payload: sized(bytes) }),
    ],
    max: LIMITS.payloadBytes.default,
    onlyMax: true,
    code: 'payload_too_large',
  },
  payloadDepth: {
    tries: [({ client }, levels) => client.enqueue('T.X', nested(levels)), (setting, levels) => complete(setting, nested(levels))],
    max: LIMITS.payloadDepth.default,
    onlyMax: true,
    code: 'invalid_payload',
  },
  resultBytes: { tries: [(setting, bytes) => complete(setting, sized(bytes))], onlyMax: true, code: 'payload_too_large' },
  idempotencyKey: { tries: [option((length) => ({ idempotencyKey: 'k'.repeat(length) }))] },
  metadataKeys: { tries: [option((count) => ({ metadata: keysOf(count) }))], onlyMax: true },
  metadataKey: { tries: [option((length) => ({ metadata: { ['k'.repeat(length)]: 'v' } }))] },
  metadataValue: { tries: [option((length) => ({ metadata: { k: 'v'.repeat(length) } }))], onlyMax: true },
  createdBy: { tries: [option((length) => ({ createdBy: 'c'.repeat(length) }))] },
  limitKey: { tries: [option((length) => ({ limitKey: 'k'.repeat(length) }))] },
  traceparent: { tries: [option((length) => ({ traceparent: 't'.repeat(length) }))] },
} as const satisfies Partial<Record<LimitName, Bounded>>;

/** Bounds that are not of one call: what happens at and beyond each is a test of its own. */
export const ELSEWHERE = {
  lanesPerClient: 'clients.ts',
  releases: 'endings.ts',
  losses: 'leases.ts',
  retentionMs: 'retention.ts',
  activeMs: 'workers.ts',
  staleMs: 'workers.ts',
  errorMessage: 'below: it is cut',
  errorStack: 'below: it is cut',
  keyExpiresMs: 'tests/keys',
  keyOverlapMs: 'tests/keys/rotation.test.ts',
  keyName: 'tests/keys',
  auditRetentionMs: 'tests/audit/retention.test.ts',
  messagesMs: 'the engine: nothing of the public interface shows what handlers said',
} as const satisfies Record<Exclude<LimitName, keyof typeof BOUNDS>, string>;

export function limitSuite(suite: Conformance): void {
  for (const name of Object.keys(BOUNDS) as (keyof typeof BOUNDS)[]) {
    const { tries, code = 'invalid_input', max = LIMITS[name].max, onlyMax }: Bounded = BOUNDS[name];
    const { min } = LIMITS[name];
    const good = [min, max].filter((value) => onlyMax === undefined || value === max);
    const bad = [min - 1, max + 1].filter((value) => onlyMax === undefined || value > max);
    for (const [i, attempt] of tries.entries())
      test(`${suite.name}: ${name} holds from ${good[0]} to ${max}${i === 0 ? '' : `, way ${i + 1}`}, and not beyond`, async (t) => {
        const setting = await settle(suite, t);
        for (const value of good) await attempt(setting, value);
        const before = await setting.client.list();
        for (const value of bad) {
          if (value < 0 && isLength(name)) continue;
          await assert.rejects(attempt(setting, value), { code }, `${value}`);
        }
        // What a refused way set up first is there; nothing refused is.
        const after = (await setting.client.list()).items.filter(({ taskId }) => before.items.every((task) => task.taskId !== taskId));
        for (const task of after)
          assert.deepEqual([task.priority, task.maxAttempts, task.metadata, task.result], [LIMITS.priority.default, LIMITS.maxAttempts.default, {}, null]);
      });
  }

  test(`${suite.name}: numbers are whole numbers, and nothing else is taken for one`, async (t) => {
    const { client } = await settle(suite, t);
    for (const value of [1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', null, 2 ** 53, -1, 5n, [5], true])
      for (const key of ['priority', 'maxAttempts', 'maxRunMs', 'delayMs', 'ttlMs', 'maxWaitMs'])
        await assert.rejects(client.enqueue('T.X', null, { [key]: value }), { code: 'invalid_input' }, `${key} ${String(value)}`);
    assert.equal((await client.stats()).total, 0);
  });

  openTests(suite);
  textTests(suite);
}

const isLength = (name: LimitName): boolean => ['idempotencyKey', 'metadataKey', 'createdBy', 'traceparent'].includes(name);

function openTests(suite: Conformance): void {
  test(`${suite.name}: a queue may take larger payloads, up to ${LIMITS.payloadBytes.max} bytes`, async (t) => {
    const { client } = await settle(suite, t, { payloadBytes: LIMITS.payloadBytes.max });
    const { taskId } = await client.enqueue('T.X', sized(LIMITS.payloadBytes.max));
    assert.equal((await client.get(taskId)).payload, sized(LIMITS.payloadBytes.max));
    await assert.rejects(client.enqueue('T.X', sized(LIMITS.payloadBytes.max + 1)), { code: 'payload_too_large' });
  });

  test(`${suite.name}: bytes are counted as UTF-8, not as characters`, async (t) => {
    const { client } = await settle(suite, t, { payloadBytes: 11 });
    assert.equal((await client.enqueue('T.X', '\u{1F600}\u00E9\u20AC')).status, 'queued');
    await assert.rejects(client.enqueue('T.X', '\u{1F600}\u00E9\u20ACx'), { code: 'payload_too_large' });
  });

  for (const [name, bad] of [
    ['payloadBytes', [0, LIMITS.payloadBytes.max + 1, 1.5]],
    ['lanesPerClient', [0, LIMITS.lanesPerClient.max + 1, Number.NaN]],
    ['retentionMs', [-1, LIMITS.retentionMs.max + 1, 0.5]],
  ] as const)
    test(`${suite.name}: a queue does not open with a ${name} out of bounds`, async (t) => {
      for (const value of bad) await assert.rejects(suite.open(t, { [name]: value }), { code: 'invalid_input', message: new RegExp(name) }, `${value}`);
    });
}

function textTests(suite: Conformance): void {
  test(`${suite.name}: the message of a failure is kept up to ${LIMITS.errorMessage.max} characters; the rest is cut, and what is no text is replaced`, async (t) => {
    const setting = await settle(suite, t);
    const { max } = LIMITS.errorMessage;
    for (const [given, kept] of [
      ['x'.repeat(max), 'x'.repeat(max)],
      ['x'.repeat(max + 1), 'x'.repeat(max)],
      ['a\0b\ud800c', 'a\uFFFDb\uFFFDc'],
    ] as const) {
      const [worker, lease] = await held(setting);
      const stack = 's'.repeat(LIMITS.errorStack.max + 1);
      await worker.fail(lease, { message: given, stack }, { retry: false });
      assert.equal((await setting.client.get(lease.taskId)).errorMessage, kept);
      await worker.fail(lease, { message: given, stack }, { retry: false });
    }
  });

  test(`${suite.name}: a payload is kept to the last digit and the last escape`, async (t) => {
    const { client, other } = await settle(suite, t);
    const payload = { '': 0, n: [1e21, 5e-324, -0.1, 9007199254740991], s: '\u2028"\\/\u0000\u{1F600}', k: { b: null, a: false } };
    const { taskId } = await client.enqueue('T.X', payload);
    const text = only(await other.worker('w').claim()).payload;
    assert.equal(text, JSON.stringify(payload));
    assert.deepEqual((await client.get(taskId)).payload, payload);
  });
}
