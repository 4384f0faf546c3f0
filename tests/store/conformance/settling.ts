// Conformance: what a worker says of an end is checked like anything else that comes from outside. What is wrong is refused alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../../src/domain/limits.ts';
import type { ClaimedTask, Settlement } from '../../../src/domain/task.ts';
import { history, only, settle } from './rig.ts';
import type { Conformance } from './rig.ts';

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

/** Results as text, which only a batch is given so. */
const RESULTS: readonly (readonly [name: string, result: string, code: string])[] = [
  ['nests too deep', nested(LIMITS.payloadDepth.default + 1), 'invalid_payload'],
  ['has a key __proto__', '{"a":{"__proto__":1}}', 'invalid_payload'],
  ['has half of a surrogate pair as an escape', '"\\ud800"', 'invalid_payload'],
  ['has half of a surrogate pair as it is', '"\ud800"', 'invalid_payload'],
  ['is no JSON', '{', 'invalid_payload'],
  ['is empty', '', 'invalid_payload'],
  ['is two values', '1 2', 'invalid_payload'],
  ['is too large', `"${'x'.repeat(LIMITS.resultBytes.max - 1)}"`, 'payload_too_large'],
];

const YEAR_MS = LIMITS.delayMs.max;
/** The rest of an end; given as if types were not checked. */
const FIELDS: readonly (readonly [name: string, end: object])[] = [
  ['no end there is', { op: 'finish' }],
  ['a negative wait', { op: 'fail', error: { message: 'x' }, retryInMs: -1 }],
  ['a wait of more than a year', { op: 'fail', error: { message: 'x' }, retryInMs: YEAR_MS + 1 }],
  ['half a millisecond', { op: 'release', delayMs: 0.5 }],
  ['a delay that is no number', { op: 'release', delayMs: Number.NaN }],
  ['a run time below zero', { op: 'complete', runMs: -1 }],
  ['a start that is text', { op: 'complete', startedAfterMs: '5' }],
  ['a failure without a message', { op: 'fail', error: {} }],
  ['a failure without an error', { op: 'fail' }],
  ['a result that is no text', { op: 'complete', result: 5 }],
  ['no lease id', { op: 'complete', leaseId: undefined }],
];

export function settlingSuite(suite: Conformance): void {
  const kinds = [
    ...RESULTS.map(([name, result, code]) => [`a result that ${name}`, { op: 'complete', result }, code] as const),
    ...FIELDS.map(([name, end]) => [name, end, 'invalid_input'] as const),
  ];
  for (const [name, end, code] of kinds)
    test(`${suite.name}: ${name} is refused alone in its batch, and its lease is kept`, async (t) => {
      const { client, other } = await settle(suite, t);
      await client.enqueueMany([{ type: 'T.X' }, { type: 'T.X' }, { type: 'T.X' }]);
      const worker = other.worker('w');
      const [first, bad, last] = (await worker.claim({ max: 3 })) as [ClaimedTask, ClaimedTask, ClaimedTask];
      const ref = ({ clientId, taskId, leaseId }: ClaimedTask): { clientId: string; taskId: string; leaseId: string } => ({ clientId, taskId, leaseId });
      const answers = await worker.settle([
        { ...ref(first), op: 'complete', result: '1' },
        { ...ref(bad), ...end } as Settlement,
        { ...ref(last), op: 'fail', error: { message: 'no' }, retry: false },
      ]);
      assert.deepEqual(
        answers.map((answer) => [answer.taskId, answer.ok ? answer.status : answer.code]),
        [
          [first.taskId, 'completed'],
          [bad.taskId, code],
          [last.taskId, 'dead_letter'],
        ],
      );
      assert.deepEqual(await history(client, bad.taskId), ['enqueue', 'claim']);
      await worker.complete(bad, 'well after all');
      assert.equal((await client.get(bad.taskId)).result, 'well after all');
    });

  test(`${suite.name}: one end by itself is refused for the same, and nothing changes`, async (t) => {
    const { client, other } = await settle(suite, t);
    const { taskId } = await client.enqueue('T.X');
    const worker = other.worker('w');
    const lease = only(await worker.claim());
    const before = await client.get(taskId);
    for (const [call, code] of [
      [() => worker.complete(lease, JSON.parse(nested(LIMITS.payloadDepth.default + 1))), 'invalid_payload'],
      [() => worker.complete(lease, JSON.parse('{"__proto__":1}')), 'invalid_payload'],
      [() => worker.complete(lease, '\ud800'), 'invalid_payload'],
      [() => worker.complete(lease, 1, { runMs: 0.5 }), 'invalid_input'],
      [() => worker.complete(lease, 1, { startedAfterMs: -1 }), 'invalid_input'],
      [() => worker.fail(lease, 'no', { retryInMs: -1 }), 'invalid_input'],
      [() => worker.fail(lease, 'no', { retryInMs: Number.POSITIVE_INFINITY }), 'invalid_input'],
      [() => worker.release(lease, { delayMs: YEAR_MS + 1 }), 'invalid_input'],
    ] as const)
      await assert.rejects(call, { code });
    assert.deepEqual(await client.get(taskId), before);
    await worker.release(lease, { delayMs: YEAR_MS });
    assert.deepEqual(await history(client, taskId), ['enqueue', 'claim', 'release']);
  });

  test(`${suite.name}: a batch of nothing is answered with nothing`, async (t) => {
    const { other } = await settle(suite, t);
    const worker = other.worker('w');
    await worker.register();
    assert.deepEqual(await worker.settle([]), []);
  });
}
