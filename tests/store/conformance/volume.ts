// Conformance: what a client can look at does not tell how much others do; and the stream of events goes on exactly where it was.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StreamEntry } from '../../../src/index.ts';
import { looks, plain, story } from '../unseen/story.ts';
import { settle } from './rig.ts';
import type { Conformance } from './rig.ts';

export function volumeSuite(suite: Conformance): void {
  test(`${suite.name}: what a client, its admin, its auditor and its worker see is the same whatever another client does`, async (t) => {
    const seen = [];
    for (const volume of [0, 7]) {
      const { queue, clock } = await suite.open(t);
      const { taskIds } = await story(queue, volume);
      seen.push(plain(await looks(queue, taskIds), clock.now) as Record<string, unknown>);
    }
    const [alone, amid] = seen as [Record<string, unknown>, Record<string, unknown>];
    for (const name of Object.keys(alone)) assert.deepEqual(amid[name], alone[name], name);
    assert.ok(JSON.stringify(alone['events']).length > 1000, 'there was something to see');
  });

  test(`${suite.name}: events go on after any of them, through either connection, sealed or not`, async (t) => {
    const { queue, other, client, id } = await settle(suite, t);
    for (let i = 0; i < 9; i++) {
      await client.enqueue('T.X', i);
      await queue.client(`${id}-more`).enqueueMany(Array.from({ length: 3 }, () => ({ type: 'T.X' })));
      if (i % 4 === 1) await queue.system().seal();
    }
    const all = await take(client.events({ after: 0 }), 9);
    assert.deepEqual(
      all.map(({ position, logId }) => [position, logId]),
      all.map((_, i) => [i + 1, 1]),
    );
    for (const handle of [client, other.client(id), queue.as({ role: 'admin', clientId: id })])
      for (let after = 0; after < 9; after++) assert.deepEqual(await take(handle.events({ after }), 9 - after), all.slice(after), `after ${after}`);
    await queue.system().seal();
    for (let after = 0; after < 9; after++) assert.deepEqual(await take(other.client(id).events({ after }), 9 - after), all.slice(after), 'sealed');
    const { taskId } = await other.client(id).enqueue('T.Later');
    const [last] = await take(client.events({ after: 9 }), 1);
    assert.deepEqual([last?.taskId, last?.position], [taskId, 10]);
  });
}

async function take(events: AsyncIterable<StreamEntry>, count: number): Promise<StreamEntry[]> {
  const taken: StreamEntry[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}
