// Every command at a server: the same words and the same answers as on its file; what the key may not do, the server refuses.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ACME, MAILER, serve } from '../client/served.ts';
import type { Served } from '../client/served.ts';
import { inside, temporaryFolder } from './rig.ts';
import type { Said } from './rig.ts';

type Row = Readonly<Record<string, unknown>>;

const base = temporaryFolder();
let served: Served;
let keys: Readonly<Record<'admin' | 'client' | 'own' | 'worker' | 'auditor', string>>;
before(async () => {
  served = await serve();
  keys = {
    admin: await served.key({ role: 'admin' }),
    client: await served.key(ACME),
    own: await served.key({ role: 'admin', clientId: 'acme' }),
    worker: await served.key(MAILER),
    auditor: await served.key({ role: 'auditor' }),
  };
});
after(() => served[Symbol.asyncDispose]());

const at = (who: keyof typeof keys, ...argv: readonly string[]): Promise<Said> =>
  inside([...argv, '--url', served.url], { base, env: { PRISMQ_KEY: keys[who] } });
const onFile = (...argv: readonly string[]): Promise<Said> => inside([...argv, '--db', served.file], { base });
const done = ({ code, out, err }: Said): string => {
  assert.equal(code, 0, out + err);
  return out;
};
const rowAt = async (who: keyof typeof keys, ...argv: readonly string[]): Promise<Row> => JSON.parse(done(await at(who, ...argv, '--json'))) as Row;

/** What differs between two looks at the same: how long ago something was, and the room that it takes. */
const timeless = (text: string): string =>
  text.replaceAll(/\d+(\.\d+)? ?(ms|s|min|h) ago|just now|now|"oldest_queued_age_seconds":[\d.]+|\d+(\.\d+)? ?(ms|s|min)\b/g, '~').replaceAll(/[ ─-]+/g, ' ');

describe('at a server, with the key of an admin of the platform', () => {
  it('looking gives what it gives on the file, for people and for programs', async () => {
    const acme = served.queue.client('acme');
    const { taskId } = await acme.enqueue('Mail.Send', { to: 'ada' }, { priority: 3, metadata: { k: 'v' }, compatibility: { region: 'eu' } });
    await served.queue.client('beta').enqueue('Report.Monthly');
    await served.queue.worker('mailer').register({ capabilities: { categories: ['Mail.*'] } });
    await served.queue.admin().categories.set({ pattern: 'Mail.*', priority: 5, backoff: { initialMs: 1, maxMs: 2, multiplier: 2, jitter: 0 } });
    const looks = [
      ['tasks'],
      ['tasks', '--status', 'queued', '--type', 'Mail.*'],
      ['task', taskId],
      ['stats'],
      ['stats', '--client', 'acme'],
      ['workers'],
      ['clients'],
      ['grants'],
      ['grants', '--worker', 'mailer'],
      ['categories'],
      ['categories', 'mode'],
    ];
    for (const look of looks) {
      for (const form of [[], ['--json']]) {
        const [here, there] = [await onFile(...look, ...form), await at('admin', ...look, ...form)];
        assert.equal(timeless(done(there)), timeless(done(here)), look.join(' '));
        assert.equal(there.err, here.err, look.join(' '));
      }
    }
    // A key that was used says when.
    const used = (text: string): string => text.replaceAll(/"last_used_at_utc":(\d+|null)/g, '');
    assert.equal(used(done(await at('admin', 'keys', '--json'))), used(done(await onFile('keys', '--json'))));
    const [pageHere, pageThere] = [await onFile('tasks', '--limit', '1'), await at('admin', 'tasks', '--limit', '1')];
    assert.match(pageThere.err, /--cursor /);
    assert.equal(pageThere.err, pageHere.err);
  });

  it('tasks are enqueued, moved and shown', async () => {
    const made = await at('admin', 'enqueue', 'Mail.Send', '{"n":12345678901234567890}', '--client', 'acme', '--key', 'once', '--delay', '1h');
    const id = done(made).trim();
    assert.match(made.err, new RegExp(`Mail\\.Send is queued for acme\\. See it with .prismq task ${id} --url ${served.url}`));
    assert.match(
      (await at('admin', 'enqueue', 'Mail.Send', '{"n":12345678901234567890}', '--client', 'acme', '--key', 'once', '--delay', '1h')).err,
      /used before/,
    );
    assert.equal((await rowAt('admin', 'reprioritise', id, '7', '--reason', 'ein Kunde wartet — 客户'))['priority'], 7);
    assert.equal((await rowAt('admin', 'cancel', id, '--reason', 'no need'))['status'], 'cancelled');
    assert.equal((await rowAt('admin', 'requeue', id))['generation'], 1);
    const shown = await rowAt('admin', 'task', id, '--payload');
    assert.deepEqual([shown['type'], 'payload' in shown], ['Mail.Send', true]);
    assert.equal((await rowAt('admin', 'enqueue', 'Other.Task', '--client', 'beta'))['client_id'], 'beta');
    const events = await rowAt('admin', 'security-events', '--limit', '50');
    assert.match(JSON.stringify(events), /ein Kunde wartet — 客户/);
  });

  it('clients, grants, keys, categories and workers are changed', async () => {
    assert.equal((await rowAt('admin', 'clients', 'create', 'gamma', '--weight', '2'))['weight'], 2);
    assert.equal((await rowAt('admin', 'clients', 'suspend', 'gamma'))['status'], 'suspended');
    assert.equal((await rowAt('admin', 'clients', 'resume', 'gamma'))['status'], 'active');
    assert.equal((await rowAt('admin', 'clients', 'weight', 'gamma', '4'))['weight'], 4);
    const grant = await rowAt('admin', 'grants', 'add', 'w-9', 'gamma:Mail.* region=eu');
    assert.deepEqual(grant['attributes'], { region: ['eu'] });
    done(await at('admin', 'grants', 'remove', String(grant['grant_id'])));
    const key = await rowAt('admin', 'keys', 'create', '--role', 'client', '--client', 'brand-new', '--scope', 'read', '--expires', '1d');
    assert.match(String(key['key']), /^prismq_client_/);
    assert.match(JSON.stringify(await rowAt('admin', 'clients')), /brand-new/);
    const rotated = await rowAt('admin', 'keys', 'rotate', String(key['key_id']), '--overlap', '1h');
    assert.equal((await rowAt('admin', 'keys', 'revoke', String(rotated['key_id'])))['revoked'], true);
    assert.equal((await rowAt('admin', 'categories', 'set', 'Fresh.*', '--max-run', '2m', '--schema', '{"a_b":1}'))['max_run_ms'], 120_000);
    done(await at('admin', 'categories', 'remove', 'Fresh.*'));
    assert.equal((await rowAt('admin', 'categories', 'mode', 'hierarchical'))['mode'], 'hierarchical');
    assert.equal((await rowAt('admin', 'categories', 'mode', 'open'))['mode'], 'open');
    await served.queue.worker('leaver').register();
    assert.equal((await rowAt('admin', 'workers', 'prune', '--stale', '1h'))['removed'], 0);
    done(await at('admin', 'workers', 'remove', 'leaver'));
  });
});

describe('at a server, with a narrower key', () => {
  it('a client works on its own tasks, and need not name itself', async () => {
    const made = await rowAt('client', 'enqueue', 'Own.Task', '{"n":1}');
    assert.equal(made['client_id'], 'acme');
    const id = String(made['id']);
    const shown = await rowAt('client', 'task', id, '--payload');
    assert.deepEqual(shown['payload'], { n: 1 });
    const { payload, result, error_message, metadata } = await rowAt('client', 'task', id);
    assert.deepEqual([payload, result, error_message, metadata], [undefined, undefined, null, {}]);
    for (const who of ['client', 'own'] as const) {
      assert.equal((await rowAt(who, 'reprioritise', id, '9'))['priority'], 9);
      assert.equal((await rowAt(who, 'stats', '--client', 'acme'))['client_id'], 'acme');
      assert.equal((await rowAt(who, 'enqueue', 'Own.Task', '--client', 'acme'))['client_id'], 'acme');
      const foreign = await at(who, 'tasks', '--client', 'beta');
      assert.deepEqual([foreign.code, /there is no client beta: the key is of acme/.test(foreign.err)], [3, true]);
      assert.equal((await at(who, 'enqueue', 'Own.Task', '--client', 'beta')).code, 3);
    }
    assert.equal((await at('own', 'security-events', '--client', 'acme')).code, 0);
    assert.deepEqual(new Set(((await rowAt('client', 'tasks', '--limit', '1000'))['items'] as Row[]).map((task) => task['client_id'])), new Set(['acme']));
  });

  it('what it may not do is refused with the exit code for that, and advice that fits', async () => {
    const refused = await at('client', 'keys');
    assert.equal(refused.code, 4);
    assert.match(refused.err, /error \[forbidden\]/);
    const wrong = await inside(['tasks', '--url', served.url], { base, env: { PRISMQ_KEY: 'prismq_client_wrong' } });
    assert.equal(wrong.code, 4);
    assert.match(wrong.err, /unauthenticated.*\n.*PRISMQ_KEY/);
    assert.ok(!wrong.err.includes('prismq_client_wrong'));
    const absent = await at('client', 'task', '0190f5f0-0000-7000-8000-000000000000');
    assert.equal(absent.code, 3);
    assert.match(absent.err, /whose key it is/);
    assert.equal((await at('admin', 'tasks', '--client', 'nobody')).code, 3);
    assert.match((await at('admin', 'security-events', '--client', 'acme')).err, /key of an admin of acme/);
    assert.equal((await at('auditor', 'stats')).code, 0);
    assert.equal((await at('auditor', 'tasks')).code, 4);
  });

  it('a worker runs what it was granted', async () => {
    writeFileSync(join(base, 'handlers.mjs'), "export const handlers = { 'Run.*': (input) => ({ seen: input.n }) };\n");
    const task = await served.queue.client('acme').enqueue('Run.Task', { n: 5 });
    const ended = await rowAt('worker', 'worker', '--handlers', 'handlers.mjs', '--drain');
    assert.deepEqual([ended['worker_id'], ended['completed']], ['mailer', 1]);
    assert.deepEqual(await task.result(), { seen: 5 });
    writeFileSync(join(base, 'worker.key'), `${keys.worker}\n`);
    writeFileSync(join(base, 'worker.json'), JSON.stringify({ url: served.url, keyFile: 'worker.key', handlers: 'handlers.mjs', drain: true }));
    const said = await inside(['worker', '--config', 'worker.json'], { base });
    assert.match(done(said), /0 completed/);
  });
});

describe('where a command works', () => {
  const says = async (argv: readonly string[], env: Readonly<Record<string, string>>, words: RegExp): Promise<void> => {
    const { code, err } = await inside(argv, { base, env });
    assert.equal(code, 2, err);
    assert.match(err, words);
  };

  it('is said by a flag before the environment', async () => {
    writeFileSync(join(base, 'a.key'), `${keys.admin}\n`);
    const env = { PRISMQ_URL: served.url, PRISMQ_KEY_FILE: 'a.key' };
    const argv = ['clients', '--json'];
    assert.match(done(await inside(argv, { base, env })), /acme/);
    assert.match(done(await inside([...argv, '--key-file', 'a.key'], { base, env: { PRISMQ_URL: served.url, PRISMQ_KEY: 'wrong' } })), /acme/);
    assert.match(done(await inside([...argv, '--url', served.url], { base, env: { PRISMQ_DB: 'x.db', PRISMQ_KEY: keys.admin } })), /acme/);
    assert.match(done(await inside([...argv, '--db', served.file], { base, env })), /acme/);
  });

  it('is not guessed where two are named', async () => {
    await says(['tasks', '--db', 'x.db', '--url', served.url], { PRISMQ_KEY: 'k' }, /--db or --url, not both/);
    await says(['tasks'], { PRISMQ_DB: 'x.db', PRISMQ_URL: served.url, PRISMQ_KEY: 'k' }, /PRISMQ_URL: PRISMQ_DB is set too/);
  });

  it('wants a key, and none on the command line', async () => {
    await says(['tasks', '--url', served.url], {}, /PRISMQ_KEY: a server wants a key/);
    await says(['tasks', '--url', served.url, '--key-file', 'absent.key'], {}, /there is no file .*absent\.key/);
    writeFileSync(join(base, 'empty.key'), '\n');
    await says(['tasks', '--url', served.url, '--key-file', 'empty.key'], {}, /empty\.key is empty/);
    await says(['tasks', '--db', 'x.db', '--key-file', 'empty.key'], {}, /a key is for a server/);
    await says(['tasks', '--url', served.url, '--key', 'k'], {}, /unknown option '--key'/);
    await says(['tasks', '--url', 'http://user:pass@x'], { PRISMQ_KEY: 'k' }, /no user or password/);
  });

  it('is a file for the commands that know nothing else', async () => {
    writeFileSync(join(base, 'x.swf'), '1 0 0 1 1 -1 -1 1 1 -1 1 1 1 1 -1 -1 -1 -1\n');
    for (const argv of [['demo'], ['migrate'], ['replay', 'x.swf'], ['keys', 'bootstrap']])
      await says([...argv, '--url', served.url], { PRISMQ_KEY: 'k' }, /works on the file of a queue/);
  });

  it('is told when nobody is there', async () => {
    const { code, err } = await inside(['tasks', '--url', 'http://127.0.0.1:1'], { base, env: { PRISMQ_KEY: 'k' } });
    assert.equal(code, 7);
    assert.match(err, /store_unavailable.*http:\/\/127\.0\.0\.1:1 can not be reached/);
  });
});
