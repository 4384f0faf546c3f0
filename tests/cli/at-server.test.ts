// What commands read of tasks at a real server, with keys of a client and of the platform.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { NewKey } from '../../src/index.ts';
import { ACME, serve } from '../client/served.ts';
import type { Served } from '../client/served.ts';
import { inside, json, temporaryFolder } from './rig.ts';
import type { Surroundings } from './rig.ts';

let served: Served;
before(async () => void (served = await serve()));
after(() => served[Symbol.asyncDispose]());

const base = temporaryFolder();
const as = async (key: NewKey): Promise<Surroundings> => ({ base, env: { PRISMQ_URL: served.url, PRISMQ_KEY: await served.key(key) } });

describe('a command at a server', () => {
  it('shows a payload to its client, and to the platform with the reason on record', async () => {
    const { taskId } = await served.queue.client('acme').enqueue('Look.Task', { n: 1 });
    const shown = async (key: NewKey, ...flags: readonly string[]): Promise<unknown> =>
      (await json<{ payload?: unknown }>(['task', taskId, ...flags], await as(key))).payload;
    const platform = { role: 'admin' } as const;
    assert.deepEqual([await shown(ACME), await shown(platform)], [undefined, undefined]);
    assert.deepEqual(await shown(ACME, '--payload'), { n: 1 });
    const looks = async (): Promise<readonly unknown[]> =>
      (await served.queue.admin().securityEvents()).items.filter(({ action }) => action === 'task.payload').map(({ details }) => details['reason']);
    assert.deepEqual(await looks(), []);
    assert.deepEqual(await shown(platform, '--payload', '--reason', 'ticket 7'), { n: 1 });
    assert.deepEqual(await looks(), ['ticket 7']);
  });

  it('enqueues the payload as it was written, byte for byte', async () => {
    const key = await served.key(ACME);
    for (const text of ['12345678901234567890123', '{"z":1.50,"10":-0,"a":1,"a":2}', '[1E+400,"\\u00e9"]']) {
      const { id } = await json<{ id: string }>(['enqueue', 'Exact.Task', ` ${text}\n`], { base, env: { PRISMQ_URL: served.url, PRISMQ_KEY: key } });
      const answer = await fetch(`${served.url}/queue/tasks/${id}`, { headers: { authorization: `Bearer ${key}` } });
      assert.ok((await answer.text()).includes(`"payload":${text},`), text);
    }
  });

  it('lists by the metadata of the client whose key it is', async () => {
    for (const order of ['1', '2']) await served.queue.client('acme').enqueue('Label.Task', null, { metadata: { order, shop: 'a' } });
    const found = async (...pairs: readonly string[]): Promise<number> =>
      (await json<{ items: readonly unknown[] }>(['tasks', ...pairs.flatMap((pair) => ['--metadata', pair])], await as(ACME))).items.length;
    assert.deepEqual([await found('order=1'), await found('shop=a'), await found('shop=a', 'order=2'), await found('shop=b')], [1, 2, 1, 0]);
    for (const flags of [[], ['--client', 'acme']]) {
      const { code, err } = await inside(['tasks', '--metadata', 'order=1', ...flags], await as({ role: 'admin' }));
      assert.deepEqual([code, err.split('\n')[0]], [4, 'error [forbidden]: metadata belongs to the client: list by it as the client or as its admin']);
    }
  });
});
