// `prismq audit` as people give it: on a file, on an export without the queue, and at a server; with exit codes 0 whole, 1 broken, 2 not checked.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { serve } from '../client/served.ts';
import type { Served } from '../client/served.ts';
import { tamper } from '../audit/rig.ts';
import { openQueue } from '../../src/index.ts';
import { inside, json, temporaryFolder } from './rig.ts';
import type { Surroundings } from './rig.ts';

interface Verdict {
  readonly whole: boolean;
  readonly rows: number;
  readonly sealed: number;
  readonly unsealed: number;
  readonly faults: readonly { readonly client_id: string; readonly chain: string; readonly seq: number; readonly id: number }[];
  readonly anchors: { readonly heads: number; readonly keys: readonly string[]; readonly faults: readonly string[]; readonly notes: readonly string[] } | null;
}

/** A queue with work of two clients, a key, and an anchor in a file. */
async function prepared(): Promise<{
  readonly at: Surroundings;
  readonly db: string;
  readonly verify: (...flags: readonly string[]) => Promise<{ code: number } & Verdict>;
}> {
  const base = temporaryFolder();
  const at: Surroundings = { base };
  const db = join(base, 'prismq.db');
  const queue = await openQueue(db, { janitorMs: 0 });
  for (const client of ['acme', 'globex']) for (let n = 0; n < 5; n++) await queue.client(client).enqueue('Mail.Send', n);
  await queue.close();
  assert.equal((await inside(['audit', 'key', '--new', 'key.pem'], at)).code, 0);
  writeFileSync(join(base, 'key.pub'), (await inside(['audit', 'key', '--signing-key', 'key.pem'], at)).out);
  assert.equal((await inside(['audit', 'anchor', '--to', 'anchors.jsonl', '--signing-key', 'key.pem'], at)).code, 0);
  return {
    at,
    db,
    async verify(...flags) {
      const { code, out } = await inside(['audit', 'verify', ...flags, '--json'], at);
      return { code, ...(JSON.parse(out) as Verdict) };
    },
  };
}
const ANCHORS = ['--anchors', 'anchors.jsonl', '--public-key', 'key.pub'] as const;

describe('prismq audit', () => {
  it('verifies a file with its anchors, and says what it held them against', async () => {
    const { at, verify } = await prepared();
    const verdict = await verify(...ANCHORS);
    assert.deepEqual([verdict.code, verdict.whole, verdict.rows, verdict.sealed, verdict.anchors?.heads], [0, true, 10, 10, 2]);
    assert.deepEqual(verdict.anchors?.keys, [readFileSync(join(at.base, 'key.pub'), 'utf8').trim()]);
    const { out } = await inside(['audit', 'verify', '--client', 'acme'], at);
    assert.match(out, /^The audit is whole\.\n5 rows of 1 chains/);
    assert.match(out, /give --anchors/);
    assert.equal(statSync(join(at.base, 'key.pem')).mode & 0o077, 0);
  });

  it('names the first broken row and ends with 1; a cut end shows with the anchors', async () => {
    const changed = await prepared();
    tamper(changed.db, `UPDATE task_events SET actor = 'somebody' WHERE client_id = 'globex' AND log_id >= 8`);
    const { code, faults } = await changed.verify();
    assert.deepEqual([code, faults.map(({ client_id, chain, seq }) => [client_id, chain, seq])], [1, [['globex', 'tasks', 3]]]);
    assert.match((await inside(['audit', 'verify'], changed.at)).out, /^The audit is broken\.\n.*\nglobex, chain tasks, row 3 \(id 3\): the row was changed/);
    const cut = await prepared();
    tamper(cut.db, `DELETE FROM task_events WHERE client_id = 'acme'`, `DELETE FROM audit_seals WHERE client_id = 'acme'`);
    assert.equal((await cut.verify()).code, 0, 'by itself the chain does not show it');
    assert.deepEqual(
      (await cut.verify(...ANCHORS)).faults.map(({ client_id }) => client_id),
      ['acme'],
    );
  });

  it('exports a client, and verifies the export without the queue', async () => {
    const { at, verify } = await prepared();
    const { file, rows } = await json<{ file: string; rows: number }>(['audit', 'export', '--client', 'acme', '--out', 'acme.jsonl'], at);
    assert.equal(rows, 6, 'five, and the record of the export');
    assert.equal(statSync(file).mode & 0o077, 0);
    const text = readFileSync(file, 'utf8');
    assert.ok(!text.includes('globex'));
    const elsewhere: Surroundings = { base: temporaryFolder() };
    for (const name of ['acme.jsonl', 'anchors.jsonl', 'key.pub']) writeFileSync(join(elsewhere.base, name), readFileSync(join(at.base, name)));
    const check = async (...flags: readonly string[]): Promise<number> =>
      (await inside(['audit', 'verify', '--export', 'acme.jsonl', ...flags], elsewhere)).code;
    assert.equal(await check(...ANCHORS), 0, 'anchors of others do not matter');
    const lines = text.trimEnd().split('\n');
    const broken = (changed: string): void => writeFileSync(join(elsewhere.base, 'acme.jsonl'), changed);
    broken(text.replace('client:acme', 'client:eve'));
    assert.equal(await check(), 1);
    broken(lines.toSpliced(2, 1).join('\n'));
    assert.equal(await check(), 2, 'it says that it has more rows');
    broken(lines.slice(0, -1).join('\n'));
    assert.equal(await check(), 2, 'it has no end');
    broken('{"kind":"row"}\n');
    assert.equal(await check(), 2, 'it is no export');
    assert.equal((await verify('--export', 'nothing.jsonl')).code, 2);
  });

  it('ends with 2 where nothing could be found out', async () => {
    const { at } = await prepared();
    for (const [flags, why] of [
      [['--anchors', 'anchors.jsonl'], /--public-key/],
      [['--anchors', 'nothing.jsonl', '--public-key', 'key.pub'], /no file/],
      [['--anchors', 'anchors.jsonl', '--public-key', 'key.pem'], /64 hex/],
      [['--client', 'nobody'], /no such client/],
      [['--db', 'other.db'], /no queue/],
    ] as const) {
      const { code, err } = await inside(['audit', 'verify', ...flags], at);
      assert.equal(code, 2, flags.join(' '));
      assert.match(err, why);
    }
    const foreign = await inside(['audit', 'verify', '--anchors', 'anchors.jsonl', '--public-key', '0'.repeat(64)], at);
    assert.deepEqual([foreign.code, /no key that was given/.test(foreign.out)], [1, true]);
  });

  it('shows the trail by client, actor, action, object and time, page by page', async () => {
    const { at } = await prepared();
    const trail = async (...flags: readonly string[]) =>
      json<{ items: readonly { action: string; client_id: string; object: string }[]; next_cursor: string | null }>(['audit', 'trail', ...flags], at);
    const { items } = await trail('--client', 'acme', '--action', 'enqueue', '--actor', 'client:acme', '--since', '1h');
    assert.equal(items.length, 5);
    assert.equal((await trail('--object', items[0]?.object ?? '')).items.length, 1);
    assert.equal((await trail('--until', '1h')).items.length, 0);
    const first = await trail('--limit', '4');
    const second = await trail('--limit', '100', '--cursor', first.next_cursor ?? '');
    assert.equal(first.items.length + second.items.length, 10);
    assert.match((await inside(['audit', 'trail', '--chain', 'x'], at)).err, /tasks, security/);
    assert.match((await inside(['audit', 'trail', '--chain', 'tasks', '--limit', '1'], at)).out, /WHEN .*\n2\d{3}-/);
  });

  it('sets how long the audit is kept, and shows it', async () => {
    const { at } = await prepared();
    const { clients } = await json<{ clients: readonly object[] }>(['audit', 'retention', 'acme', '730d'], at);
    assert.deepEqual(clients, [{ client_id: 'acme', keep_ms: 730 * 86_400_000 }]);
    assert.match((await inside(['audit', 'retention', '-', 'forever'], at)).out, /- +for ever/);
    assert.equal((await inside(['audit', 'retention', 'nobody', '730d'], at)).code, 3);
    assert.equal((await inside(['audit', 'retention', 'acme', '1h'], at)).code, 2);
  });
});

describe('prismq audit at a server', () => {
  let served: Served;
  before(async () => void (served = await serve({ janitorMs: 0 })));
  after(() => served[Symbol.asyncDispose]());

  it('verifies here what the server streams, anchors by the key of this machine, and exports; the export is on record', async () => {
    const base = temporaryFolder();
    for (let n = 0; n < 3000; n++) await served.queue.client(n % 2 === 0 ? 'acme' : 'beta').enqueue('Mail.Send', n);
    await served.queue.system().seal();
    const at = async (key: Parameters<Served['key']>[0]): Promise<Surroundings> => ({
      base,
      env: { PRISMQ_URL: served.url, PRISMQ_KEY: await served.key(key) },
    });
    const platform = await at({ role: 'admin' });
    await inside(['audit', 'key', '--new', 'key.pem'], platform);
    const made = await inside(['audit', 'anchor', '--to', 'anchors.jsonl', '--signing-key', 'key.pem'], platform);
    assert.deepEqual([made.code, /Anchored [3-9] new heads in 1 line/.test(made.out)], [0, true], made.out + made.err);
    const anchors = ['--anchors', 'anchors.jsonl', '--signing-key', 'key.pem'];
    for (const flags of [[], ['--by-server']])
      for (const key of [{ role: 'admin' }, { role: 'auditor' }, { role: 'auditor', clientId: 'acme' }] as const) {
        const { code, out, err } = await inside(['audit', 'verify', ...anchors, ...flags], await at(key));
        assert.equal(code, 0, out + err);
      }
    const { rows } = await json<{ rows: number }>(['audit', 'export', '--out', 'all.jsonl'], await at({ role: 'auditor' }));
    assert.ok(rows >= 3000);
    assert.equal((await inside(['audit', 'verify', '--export', 'all.jsonl', ...anchors], { base })).code, 0);
    const { items } = await served.queue.admin().audit.trail({ action: 'audit.export' });
    assert.ok(items.some(({ actor, clientId }) => actor === 'auditor' && clientId === null));
    tamper(served.file, `UPDATE task_events SET event = 'cancel' WHERE log_id = 7`);
    assert.equal((await inside(['audit', 'verify'], await at({ role: 'auditor' }))).code, 1);
    assert.equal((await inside(['audit', 'verify'], await at({ role: 'client', clientId: 'acme' }))).code, 2);
    assert.equal((await inside(['audit', 'retention', 'acme', '730d'], await at({ role: 'admin', clientId: 'acme' }))).code, 4);
  });
});
