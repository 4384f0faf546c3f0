// Every command on a queue of its own, as JSON for programs and as text for people.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { buildProgram } from '../../src/cli/program.ts';
import { inside, json, memoryIo, temporaryFolder } from './rig.ts';
import type { Said, Surroundings } from './rig.ts';

type Row = Readonly<Record<string, unknown>>;
interface List {
  readonly items: readonly Row[];
  readonly next_cursor?: string | null;
}

const base = temporaryFolder();
const here: Surroundings = { base };
const ask = (...argv: readonly string[]): Promise<Row> => json<Row>(argv, here);
const list = (...argv: readonly string[]): Promise<List> => json<List>(argv, here);
async function text(...argv: readonly string[]): Promise<string> {
  const { code, out, err }: Said = await inside(argv, here);
  assert.equal(code, 0, err);
  return out;
}
const enqueue = async (type: string, ...rest: readonly string[]): Promise<string> => String((await ask('enqueue', type, ...rest))['id']);

describe('enqueue', () => {
  it('answers the id alone on the output, and the rest beside it', async () => {
    const { code, out, err } = await inside(['enqueue', 'Mail.Send', '{"to":"ada"}'], here);
    assert.equal(code, 0);
    assert.match(out, /^[0-9a-f-]{36}\n$/);
    assert.match(err, /Mail\.Send is queued for default.*prismq task/);
  });

  it('takes every option, and its payload from the line, a file or standard input', async () => {
    writeFileSync(join(base, 'payload.json'), '{"from":"file","n":12345678901234567890}');
    const options = [
      '--client',
      'acme',
      '--priority',
      '7',
      '--delay',
      '1h',
      '--max-attempts',
      '3',
      '--max-run',
      '2m',
      '--ttl',
      '2h',
      '--due',
      '3h',
      '--by',
      'ada',
      '--metadata',
      'a=1',
      '--metadata',
      'b=2',
      '--compat',
      '{"region":"eu"}',
    ];
    const id = await enqueue('Report.Monthly', '@payload.json', ...options);
    const { out } = await inside(['task', id, '--payload', '--json'], here);
    const task = JSON.parse(out) as Row;
    assert.deepEqual(
      [task['client_id'], task['priority'], task['max_attempts'], task['max_run_ms'], task['created_by'], task['metadata'], task['compatibility']],
      ['acme', 7, 3, 120_000, 'ada', { a: '1', b: '2' }, { region: 'eu' }],
    );
    assert.equal(Number(task['run_after_utc']) - Number(task['created_at_utc']), 3_600_000);
    assert.equal(Number(task['expires_at_utc']) - Number(task['created_at_utc']), 7_200_000);
    const piped = await json<Row>(['enqueue', 'Report.Monthly', '-', '--client', 'acme'], { base, stdin: '{"from":"stdin"}' });
    assert.deepEqual((await ask('task', String(piped['id']), '--payload'))['payload'], { from: 'stdin' });
  });

  it('answers the first task to a key that was used before', async () => {
    const first = await ask('enqueue', 'Mail.Send', '1', '--key', 'once');
    const second = await ask('enqueue', 'Mail.Send', '1', '--key', 'once');
    assert.deepEqual([first['deduplicated'], second['deduplicated'], second['id']], [false, true, first['id']]);
  });
});

describe('tasks', () => {
  it('are listed by status, type and client, a page at a time', async () => {
    for (let i = 0; i < 5; i++) await enqueue('Page.One', String(i), '--client', 'pages');
    const first = await list('tasks', '--client', 'pages', '--limit', '3');
    const second = await list('tasks', '--client', 'pages', '--limit', '3', '--cursor', String(first.next_cursor));
    assert.deepEqual([first.items.length, second.items.length, second.next_cursor], [3, 2, null]);
    assert.equal(new Set([...first.items, ...second.items].map((item) => item['id'])).size, 5);
    assert.equal((await list('tasks', '--type', 'Page.*')).items.length, 5);
    assert.equal((await list('tasks', '--type', 'Page.Two')).items.length, 0);
    assert.equal((await list('tasks', '--status', 'completed')).items.length, 0);
  });

  it('are listed by the metadata of one client', async () => {
    for (const [order, client] of [
      ['1', 'labels'],
      ['2', 'labels'],
      ['1', 'others'],
    ] as const)
      await enqueue('Label.One', '1', '--client', client, '--metadata', `order=${order}`, '--metadata', 'shop=a');
    const found = async (...pairs: readonly string[]): Promise<number> =>
      (await list('tasks', '--client', 'labels', ...pairs.flatMap((pair) => ['--metadata', pair]))).items.length;
    assert.deepEqual([await found('order=1'), await found('shop=a'), await found('shop=a', 'order=2'), await found('shop=b')], [1, 2, 1, 0]);
    const { code, err } = await inside(['tasks', '--metadata', 'order=1'], here);
    assert.deepEqual([code, err.split('\n')[0]], [2, 'error [invalid_input]: --metadata: belongs to a client: name it with --client']);
  });

  it('are a table for people, which says that there are more', async () => {
    const { out, err } = await inside(['tasks', '--client', 'pages', '--limit', '2'], here);
    assert.match(out, /^ID +CLIENT +TYPE +STATUS +PRIORITY/);
    assert.equal(out.trimEnd().split('\n').length, 3);
    assert.match(err, /There are more: add --cursor \S+/);
    assert.equal(await text('tasks', '--status', 'dead_letter'), 'No tasks.\n');
  });
});

describe('one task', () => {
  it('is shown with its log, and with its payload only on demand', async () => {
    const id = await enqueue('Mail.Send', '{"secret":"plum"}', '--client', 'acme');
    const task = await ask('task', id);
    assert.deepEqual([task['id'], task['status'], 'payload' in task], [id, 'queued', false]);
    assert.deepEqual(
      (task['logs'] as readonly Row[]).map((entry) => [entry['event'], entry['from_status'], entry['to_status'], entry['actor']]),
      [['enqueue', null, 'queued', 'client:acme']],
    );
    const shown = await text('task', id);
    assert.match(shown, new RegExp(`${id}[^]*may happen +.*cancel[^]*enqueue`));
    assert.doesNotMatch(shown, /plum/);
    assert.match(await text('task', id, '--payload', '--reason', 'ticket 7'), /plum/);
    const looks = (await ask('security-events'))['items'] as readonly Record<string, unknown>[];
    const { action, object, details } = looks[0] ?? {};
    assert.deepEqual([action, object, details], ['task.payload', id, { reason: 'ticket 7' }], 'the look is on record');
  });

  it('is reprioritised, cancelled and requeued, each on record', async () => {
    const id = await enqueue('Mail.Send', '1', '--client', 'acme');
    assert.equal((await ask('reprioritise', id, '3', '--reason', 'urgent'))['priority'], 3);
    assert.equal((await ask('cancel', id, '--reason', 'not wanted'))['status'], 'cancelled');
    assert.match(await text('requeue', id), /Mail\.Send of acme\) is queued again/);
    const task = await ask('task', id);
    assert.deepEqual(
      (task['logs'] as readonly Row[]).map((entry) => entry['event']),
      ['enqueue', 'reprioritise', 'cancel', 'requeue'],
    );
    assert.equal(task['generation'], 1);
    const events = (await list('security-events', '--client', 'acme')).items;
    assert.ok(events.some((event) => event['action'] === 'task.reprioritise' && JSON.stringify(event['details']) === '{"reason":"urgent"}'));
    assert.match(await text('security-events'), /^ *EVENT +WHEN[^]*task\.reprioritise/);
  });
});

it('stats are of the queue or of one client', async () => {
  await enqueue('Count.Me', '1', '--client', 'counted');
  const all = await ask('stats');
  const own = await ask('stats', '--client', 'counted');
  assert.deepEqual(
    [own['client_id'], own['total'], (own['by_status'] as Row)['queued'], own['by_type']],
    ['counted', 1, 1, [{ type: 'Count.Me', status: 'queued', count: 1 }]],
  );
  assert.ok(Number(all['total']) > 1);
  for (const key of ['oldest_queued_age_seconds', 'success_rate', 'failure_rate', 'throughput', 'retries', 'run_ms', 'workers']) assert.ok(key in all, key);
  assert.match(await text('stats'), /^tasks +\d[^]*oldest that waits[^]*TYPE +STATUS +TASKS/);
});

it('clients are made, weighed, suspended and resumed', async () => {
  assert.deepEqual(await ask('clients', 'create', 'tenant', '--weight', '3').then(({ client_id, status, weight }) => [client_id, status, weight]), [
    'tenant',
    'active',
    3,
  ]);
  assert.equal((await ask('clients', 'weight', 'tenant', '5'))['weight'], 5);
  assert.equal((await ask('clients', 'suspend', 'tenant'))['status'], 'suspended');
  const refused = await inside(['enqueue', 'A.B', '--client', 'tenant'], here);
  assert.deepEqual([refused.code, refused.err.includes('error [client_suspended]')], [4, true]);
  assert.equal(await text('clients', 'resume', 'tenant'), 'The client tenant is active.\n');
  assert.ok((await list('clients')).items.some((client) => client['client_id'] === 'tenant'));
  const exported = (await text('clients', 'export', 'tenant', '--reason', 'a request')).trim().split('\n');
  assert.deepEqual([...new Set(exported.map((line) => (JSON.parse(line) as { kind: string }).kind))], ['event']);
  assert.equal((await ask('clients', 'erase', 'tenant', '--reason', 'a request'))['state'], 'asked');
  assert.match(await text('clients', 'list'), /^CLIENT +STATUS +WEIGHT[^]*tenant +active +5/);
});

it('grants are added with bounds, listed and taken back', async () => {
  const grant = await ask('grants', 'add', 'mailer-1', 'acme:Mail.* region=eu,us');
  assert.deepEqual([grant['worker_id'], grant['client_id'], grant['pattern'], grant['attributes']], ['mailer-1', 'acme', 'Mail.*', { region: ['eu', 'us'] }]);
  assert.match(await text('grants', 'list', '--worker', 'mailer-1'), /mailer-1 +acme:Mail\.\* region=eu,us/);
  assert.equal((await inside(['grants', 'add', 'mailer-1', 'acme:Mail.* region=us,eu'], here)).code, 5, 'the same grant again');
  assert.deepEqual(await ask('grants', 'remove', String(grant['grant_id'])), { grant_id: grant['grant_id'], removed: true });
  assert.deepEqual((await list('grants', '--worker', 'mailer-1')).items, []);
});

it('keys are shown once, make their client, carry grants and are revoked', async () => {
  const made = await ask('keys', 'create', '--role', 'client', '--client', 'newcomer');
  assert.deepEqual([made['role'], made['client_id'], String(made['key']).startsWith('prismq_client_')], ['client', 'newcomer', true]);
  assert.ok((await list('clients')).items.some((client) => client['client_id'] === 'newcomer'));
  const worker = await ask('keys', 'create', '--role', 'worker', '--name', 'mailer-2', '--grant', 'acme:Mail.*', '--grant', 'newcomer:*');
  assert.equal(worker['worker_id'], 'mailer-2');
  assert.equal((await list('grants', '--worker', 'mailer-2')).items.length, 2);
  const shown = await inside(['keys', 'create', '--role', 'admin'], here);
  assert.match(shown.out, /^prismq_admin_\S+\n$/);
  assert.match(shown.err, /shown this once/);
  assert.equal((await ask('keys', 'revoke', String(made['key_id'])))['revoked'], true);
  const keys = JSON.stringify(await list('keys'));
  assert.ok(!keys.includes(String(made['key'])) && keys.includes(String(made['key_id'])));
  assert.match(await text('keys'), /revoked just now|revoked .* ago/);
});

it('keys have scopes and an end, and are rotated with an overlap', async () => {
  const made = await ask('keys', 'create', '--role', 'client', '--client', 'acme', '--scope', 'task.list', '--scope', 'task.enqueue', '--expires', '30d');
  assert.deepEqual(made['scopes'], ['task.enqueue', 'task.list']);
  assert.equal(Number(made['expires_at_utc']) - Number(made['created_at_utc']), 30 * 86_400_000);
  const next = await ask('keys', 'rotate', String(made['key_id']), '--overlap', '1h');
  assert.deepEqual([next['rotated_from'], next['scopes'], String(next['key']).startsWith('prismq_client_')], [made['key_id'], made['scopes'], true]);
  assert.match(await text('keys'), new RegExp(`${String(made['key_id'])} +client +acme .*task.enqueue task.list .*ends in 59m`));
  for (const [argv, code] of [
    [['keys', 'create', '--role', 'client', '--client', 'acme', '--scope', 'lease.claim'], 2],
    [['keys', 'create', '--role', 'client', '--client', 'acme', '--expires', '30'], 2],
    [['keys', 'create', '--role', 'king'], 2],
    [['keys', 'rotate', 'none'], 3],
    [['keys', 'rotate', String(next['key_id']), '--overlap', '60d'], 2],
  ] as const)
    assert.equal((await inside(argv, here)).code, code, argv.join(' '));
  await ask('keys', 'revoke', String(next['key_id']));
  assert.equal((await inside(['keys', 'rotate', String(next['key_id'])], here)).code, 5);
});

it('the first admin comes from a one-time secret that is read from standard input', async () => {
  const fresh = { ...here, env: { PRISMQ_DB: join(here.base, 'fresh.db') } };
  const said = await inside(['keys', 'bootstrap'], fresh);
  assert.match(said.out, /^prismq_bootstrap_\w{49}\n$/);
  const used = await inside(['keys', 'bootstrap', '--use', '--json'], { ...fresh, stdin: said.out });
  const { key, role, client_id } = JSON.parse(used.out) as Record<string, unknown>;
  assert.deepEqual([used.code, role, client_id, String(key).startsWith('prismq_admin_')], [0, 'admin', null, true]);
  assert.equal((await inside(['keys', 'bootstrap', '--use'], { ...fresh, stdin: said.out })).code, 4, 'used');
  assert.equal((await inside(['keys', 'bootstrap'], fresh)).code, 5, 'there is an admin');
  assert.equal((await inside(['keys', 'bootstrap', '--use', said.out.trim()], fresh)).code, 2, 'never an argument, which others can see');
});

it('categories are set with their defaults, listed and removed, and the mode decides', async () => {
  const set = await ask(
    'categories',
    'set',
    'Nightly.*',
    '--priority',
    '500',
    '--max-attempts',
    '2',
    '--max-run',
    '5m',
    '--backoff',
    '{"initialMs":500}',
    '--schema',
    '{"type":"object"}',
  );
  assert.deepEqual(
    [set['pattern'], set['priority'], set['max_attempts'], set['max_run_ms'], (set['backoff'] as Row)['initial_ms'], set['schema']],
    ['Nightly.*', 500, 2, 300_000, 500, { type: 'object' }],
  );
  assert.equal((await ask('task', await enqueue('Nightly.Sweep', '{"of":1}')))['priority'], 500);
  assert.match((await inside(['enqueue', 'Nightly.Sweep', '[1]'], here)).err, /invalid_payload.*must be object/);
  assert.match(await text('categories'), /^The mode is open\.\nPATTERN[^]*Nightly\.\* +500 +2 +5m/);
  assert.equal(await text('categories', 'mode', 'registered'), 'registered\n');
  assert.equal((await inside(['enqueue', 'Mail.Send'], here)).code, 2);
  assert.deepEqual(await ask('categories', 'mode', 'open'), { mode: 'open' });
  assert.equal((await ask('categories', 'remove', 'Nightly.*'))['removed'], true);
});

it('workers are listed, removed and pruned', async () => {
  assert.equal(await text('workers'), 'No workers.\n');
  const handlers = join(base, 'handlers.mjs');
  writeFileSync(handlers, `export const handlers = { 'Never.Enqueued': async () => null };\n`);
  assert.equal((await ask('worker', '--handlers', 'handlers.mjs', '--drain', '--id', 'fixed-1'))['worker_id'], 'fixed-1');
  assert.deepEqual((await list('workers')).items, [], 'a worker that ended in good order is gone');
  assert.deepEqual(await ask('workers', 'prune', '--stale', '1h'), { removed: 0 });
});

it('migrate shows its SQL, then runs it, then has nothing to do', async () => {
  const there = { base: temporaryFolder() };
  writeFileSync(join(there.base, 'prismq.db'), '');
  const plan = await json<Row>(['migrate', '--dry-run'], there);
  assert.deepEqual([plan['from'], plan['dry_run'], (plan['sql'] as readonly Row[])[0]?.['number']], [0, true, 1]);
  assert.match((await inside(['migrate', '--dry-run'], there)).out, /^-- 0001_\w+\.sql\n[^]*CREATE TABLE/);
  assert.match((await inside(['migrate'], there)).out, /^The schema went from 0 to \d+: 0001/);
  assert.match((await inside(['migrate'], there)).out, /^The schema is up to date/);
});

it('each command has a help text with an example and its exit codes', async () => {
  const commands = buildProgram({ io: memoryIo(here), exit: 0 }).commands.flatMap((command) =>
    command.commands.length === 0 ? [[command.name()]] : command.commands.filter((sub) => sub.name() !== 'help').map((sub) => [command.name(), sub.name()]),
  );
  assert.ok(commands.length >= 30);
  for (const command of commands) {
    const { code, out } = await inside([...command, '--help'], here);
    assert.equal(code, 0);
    assert.match(
      out,
      /Examples:\n {2}prismq \S[^]*Exit codes: 0 done · 2 [^]*--db|--db[^]*Examples:\n {2}prismq \S[^]*Exit codes: 0 done · /,
      command.join(' '),
    );
  }
});
