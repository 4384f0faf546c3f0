// What lies in the store of a client whose payloads are sealed: nothing of what it said, in no file and no table. And the ciphers themselves.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { openQueue } from '../../src/index.ts';
import type { MasterKey, OpenOptions, Queue } from '../../src/index.ts';
import { seal, sealJson, unseal, unsealJson } from '../../src/service/sealed/cipher.ts';
import { masterKeyOf } from '../../src/service/sealed/master.ts';
import { binaries, startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';

const MASTER = 'a'.repeat(64);
const NEXT = 'b'.repeat(64);
const SECRET = 'pelargonium';

let server: Server | null = null;
after(() => server?.stop());
const folder = mkdtempSync(join(tmpdir(), 'prismq-sealed-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Place {
  open(masterKey?: OpenOptions['masterKey']): Promise<Queue>;
  /** Every byte that the store keeps, as text. */
  everything(): Promise<string>;
}
async function filePlace(name: string): Promise<Place> {
  const file = join(folder, `${name}.db`);
  return {
    open: (masterKey) => openQueue(file, { janitorMs: 0, ...(masterKey === undefined ? {} : { masterKey }) }),
    everything: async () =>
      readdirSync(folder)
        .filter((one) => one.startsWith(`${name}.db`))
        .map((one) => readFileSync(join(folder, one), 'latin1'))
        .join(''),
  };
}
async function postgresPlace(): Promise<Place> {
  server ??= (await startServer()) as Server;
  const url = await server.database({ realClock: true });
  return {
    open: (masterKey) => openQueue(url, { janitorMs: 0, listenUrl: null, connections: 2, ...(masterKey === undefined ? {} : { masterKey }) }),
    async everything() {
      const tables = await (server as Server).query(url, `SELECT relname FROM pg_class WHERE relnamespace = 'prismq'::regnamespace AND relkind = 'r'`);
      const texts = await Promise.all(tables.map(([table]) => (server as Server).query(url, `SELECT string_agg(t::text, ' ') FROM prismq.${String(table)} t`)));
      return JSON.stringify(texts);
    },
  };
}

async function liveThrough(queue: Queue, sealed: boolean): Promise<void> {
  await queue.admin().clients.create('acme');
  if (sealed) await queue.admin().clients.encrypt('acme');
  const client = queue.client('acme');
  const worker = queue.worker('w');
  for (let i = 0; i < 4; i++) await client.enqueue('T.Work', { word: SECRET, i }, { idempotencyKey: `k${i}` });
  const [done, dead, held] = await worker.claim({ max: 3, strategy: 'FIFO' });
  assert.ok(done !== undefined && dead !== undefined && held !== undefined);
  await worker.complete(done, { result: SECRET });
  await worker.fail(dead, Object.assign(new Error(`it was ${SECRET}`), { stack: `at ${SECRET}` }), { retry: false });
  await worker.progress(held, { at: SECRET });
  await worker.log(held, `saw ${SECRET}`, { more: SECRET });
  await client.amend((await client.list({ status: 'queued' })).items[0]?.taskId ?? '', { payload: `amended ${SECRET}` });
  await client.schedules.set('nightly', { everyMs: 60_000, type: 'T.Nightly', payload: { word: SECRET } });
  await client.schedules.run('nightly');
  await queue.system().seal();
}

for (const [engine, place] of [
  ['sqlite', filePlace],
  ['postgres', postgresPlace],
] as const)
  describe(`sealed payloads on ${engine}`, { skip: engine === 'postgres' && binaries().length === 0 }, () => {
    test('nothing of them lies in the store; without sealing it does (control)', async () => {
      const [open, sealed] = [await place('open'), await place('sealed')];
      const plain = await open.open();
      await liveThrough(plain, false);
      assert.ok((await open.everything()).includes(SECRET));
      await plain.close();
      const queue = await sealed.open(MASTER);
      await liveThrough(queue, true);
      assert.ok(!(await sealed.everything()).includes(SECRET));
      await queue.close();
      assert.ok(!(await sealed.everything()).includes(SECRET));
    });

    test('the master key is rotated by putting a new one in front; without the one that wrapped, nothing opens', async () => {
      const there = await place('rotated');
      await using first = await there.open(MASTER);
      await liveThrough(first, true);
      await first.close();
      await assert.rejects(there.open(), { code: 'store_refused' });
      await using wrong = await there.open(NEXT);
      await assert.rejects(wrong.client('acme').list(), { code: 'store_refused' });
      await assert.rejects(wrong.client('acme').enqueue('T.Work', 1), { code: 'store_refused' });
      await wrong.close();
      await using both = await there.open([NEXT, MASTER]);
      const [task] = (await both.client('acme').list({ status: 'completed' })).items;
      assert.deepEqual([task?.payload, task?.result], [{ word: SECRET, i: 0 }, { result: SECRET }]);
      assert.equal((await both.admin().clients.encrypt('acme')).keyNo, 2);
    });

    test('a process that was there before seals from its next enqueue on, and stores nothing more without the master key', async () => {
      const there = await place('before');
      await using queue = await there.open(MASTER);
      await using other = await there.open(MASTER);
      await using keyless = await there.open();
      await queue.admin().clients.create('acme');
      for (const one of [queue, other, keyless]) await one.client('acme').enqueue('T.Work', 'open');
      await queue.admin().clients.encrypt('acme');
      await other.client('acme').enqueue('T.Work', { word: SECRET });
      await assert.rejects(keyless.client('acme').enqueue('T.Work', { word: SECRET }), { code: 'store_refused' });
      await assert.rejects(keyless.client('acme').enqueue('T.Work', { word: SECRET }), { code: 'store_refused' });
      assert.ok(!(await there.everything()).includes(SECRET));
      assert.deepEqual((await queue.client('acme').list({ limit: 1 })).items[0]?.payload, { word: SECRET });
    });

    test('while a service for keys is away, what it would open goes back without an attempt, and other clients go on', async () => {
      const there = await place('away');
      const inner = masterKeyOf(MASTER, (bytes) => '0'.repeat(bytes * 2));
      let isAway = false;
      const service: MasterKey = {
        wrap: (key, clientId) => inner.wrap(key, clientId),
        unwrap: (wrapped, clientId) => (isAway ? Promise.reject(new Error('the service for keys is away')) : inner.unwrap(wrapped, clientId)),
      };
      await using first = await there.open(service);
      await first.admin().clients.create('acme');
      await first.admin().clients.encrypt('acme');
      const { taskId } = await first.client('acme').enqueue('T.Work', SECRET);
      await first.client('acme').schedules.set('once', { atUtc: Date.now() + 1, type: 'T.Work', payload: SECRET });
      await first.close();
      isAway = true;
      await using queue = await there.open(service);
      const worker = queue.worker('w');
      await assert.rejects(worker.claim(), /away/);
      await assert.rejects(queue.client('acme').get(taskId), /away/);
      const { taskId: other } = await queue.client('globex').enqueue('T.Work', 1);
      assert.deepEqual(
        (await worker.claim({ max: 5 })).map((task) => task.taskId),
        [other],
      );
      await assert.rejects(queue.system().fire(), /away/);
      isAway = false;
      const back = await queue.client('acme').get(taskId);
      assert.deepEqual([back.payload, back.status, back.attempts, back.releases], [SECRET, 'queued', 0, 1]);
      assert.equal(await queue.system().fire(), 1);
    });

    test('after an erasure nothing opens what copies still hold', async () => {
      const there = await place('erased');
      await using queue = await there.open(MASTER);
      await liveThrough(queue, true);
      await queue.as({ role: 'admin', keyId: 'ada' }).clients.erase('acme', 'a request');
      const answer = await queue.as({ role: 'admin', keyId: 'bob' }).clients.confirmErase('acme');
      assert.deepEqual(answer, { clientId: 'acme', state: 'erased', tasks: 5, keys: 1 });
      assert.deepEqual((await queue.client('acme').list()).items, []);
      assert.deepEqual((await queue.admin().audit.verify()).faults, []);
    });
  });

test('a sealed text opens for its client, task, field and key alone, and not when a byte of it is another', () => {
  const key = { keyNo: 1, bytes: Buffer.alloc(32, 7) };
  const place = { clientId: 'acme', taskId: 't1', field: 'payload' } as const;
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
      fc.nat(),
      (text, at) => {
        const sealed = seal(key, place, text);
        assert.equal(unseal([key], place, sealed), text);
        for (const other of [{ ...place, clientId: 'globex' }, { ...place, taskId: 't2' }, { ...place, field: 'result' } as const])
          assert.equal(unseal([key], other, sealed), null);
        assert.equal(unseal([{ keyNo: 1, bytes: Buffer.alloc(32, 8) }], place, sealed), null);
        assert.equal(unseal([{ ...key, keyNo: 2 }], place, sealed), null);
        const bytes = Buffer.from(sealed.slice('prismq1.1.'.length), 'base64url');
        bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ 1;
        assert.equal(unseal([key], place, `prismq1.1.${bytes.toString('base64url')}`), null);
        assert.equal(unsealJson([key], place, sealJson(key, place, JSON.stringify(text))), JSON.stringify(text));
      },
    ),
  );
  for (const broken of ['', 'prismq1.1.', 'prismq1.1.AAAA', 'prismq1.x.AAAA', 'plain']) assert.equal(unseal([key], place, broken), null);
});

test('a data key is wrapped for one client, and a master key that is none is refused', async () => {
  const master = masterKeyOf(`${MASTER},${NEXT}`, (bytes) => '0'.repeat(bytes * 2));
  const wrapped = await master.wrap(Buffer.alloc(32, 1), 'acme');
  assert.deepEqual(Buffer.from(await master.unwrap(wrapped, 'acme')), Buffer.alloc(32, 1));
  await assert.rejects(master.unwrap(wrapped, 'globex'), { code: 'store_refused' });
  for (const bad of ['', 'abc', 'g'.repeat(64), []]) assert.throws(() => masterKeyOf(bad, () => ''), { code: 'invalid_input' });
});
