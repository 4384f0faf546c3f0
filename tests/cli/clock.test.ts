// The commands of schedules, limits, pause and explain, on a file.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { inside, json, temporaryFolder } from './rig.ts';

const here = { base: temporaryFolder() };
type Row = Readonly<Record<string, unknown>>;
const ask = (...argv: readonly string[]): Promise<Row> => json<Row>(argv, here);
const CLIENT = ['--client', 'acme'] as const;

it('a schedule is set, shown, previewed, run, paused, resumed and removed', async () => {
  const set = await ask(
    'schedules',
    'set',
    'nightly',
    'Report.Nightly',
    '{"of":"yesterday"}',
    '--cron',
    '0 2 * * *',
    '--zone',
    'Europe/Prague',
    '--priority',
    '7',
    ...CLIENT,
  );
  assert.deepEqual(
    [set['name'], set['cron'], set['time_zone'], set['missed'], set['options']],
    ['nightly', '0 2 * * *', 'Europe/Prague', 'one', { priority: 7 }],
  );
  const { ticks_utc: ticks } = (await ask('schedules', 'next', 'nightly', '-n', '3', ...CLIENT)) as { readonly ticks_utc: number[] };
  assert.deepEqual([ticks.length, ticks[0]], [3, set['next_utc']]);
  const { id } = await ask('schedules', 'run', 'nightly', ...CLIENT);
  assert.equal((await ask('task', String(id)))['created_by'], 'schedule:nightly');
  assert.equal((await ask('schedules', 'pause', 'nightly', ...CLIENT))['next_utc'], null);
  assert.equal((await ask('schedules', 'resume', 'nightly', ...CLIENT))['paused'], false);
  await ask('schedules', 'set', 'poll', 'Feed.Poll', '--every', '5m', '--missed', 'none', '--paused', ...CLIENT);
  const { out } = await inside(['schedules', ...CLIENT], here);
  assert.match(out, /SCHEDULE[^]*nightly +Report\.Nightly +0 2 \* \* \* Europe\/Prague[^]*poll +Feed\.Poll +every 5m +paused/);
  assert.deepEqual(await ask('schedules', 'remove', 'poll', ...CLIENT), { name: 'poll', removed: true });
  assert.equal(((await ask('schedules', ...CLIENT))['items'] as Row[]).length, 1);
  for (const [args, code, words] of [
    [['schedules', 'show', 'nothing', ...CLIENT], 3, /not_found/],
    [['schedules', 'set', 'a', 'T.X', '--cron', 'now and then', ...CLIENT], 2, /no cron expression/],
    [['schedules', 'set', 'a', 'T.X', '--every', '5m', '--missed', 'some', ...CLIENT], 2, /there are one, all, none/],
    [['schedules', 'set', 'a', 'T.X', ...CLIENT], 2, /exactly one of/],
  ] as const) {
    const ended = await inside(args, here);
    assert.equal(ended.code, code);
    assert.match(ended.err, words);
  }
});

it('limits are set, listed and removed; a pause holds a task back, and explain says so', async () => {
  const { id } = await ask('enqueue', 'Crawl.Page', '1', '--limit-key', 'host:a', ...CLIENT);
  const set = await ask('limits', 'set', 'polite', '--key', 'host:*', '--concurrency', '1', '--rate', '1/2s', ...CLIENT);
  assert.deepEqual([set['key'], set['concurrency'], set['rate'], set['per_ms'], set['running']], ['host:*', 1, 1, 2000, 0]);
  assert.match((await inside(['limits', ...CLIENT], here)).out, /LIMIT[^]*polite +host:\* +1 +1\/2\.0 s +0/);
  await ask('pause', '--type', 'Crawl.*', ...CLIENT);
  const paused = await inside(['explain', String(id)], here);
  assert.match(paused.out, /^queued\n- pause:\S+ holds it back: it is paused until it is resumed\n- no live worker can run this/);
  await ask('resume', '--type', 'Crawl.*', ...CLIENT);
  assert.deepEqual(
    ((await ask('explain', String(id)))['reasons'] as Row[]).map(({ code }) => code),
    ['no_worker'],
  );
  assert.deepEqual(await ask('limits', 'remove', 'polite', ...CLIENT), { name: 'polite', removed: true });
  for (const [args, code] of [
    [['limits', 'remove', 'polite', ...CLIENT], 3],
    [['resume', ...CLIENT], 3],
    [['limits', 'set', 'a', '--rate', 'often', ...CLIENT], 2],
    [['limits', 'set', 'a', ...CLIENT], 2],
    [['explain', 'nothing'], 3],
  ] as const)
    assert.equal((await inside(args, here)).code, code, args.join(' '));
});

it('due times are listed, and a forecast says what it knows', async () => {
  await ask('enqueue', 'Due.Now', '--client', 'due', '--due', '1ms');
  const { id } = await ask('enqueue', 'Due.Later', '--client', 'due', '--due', '1h');
  const listed = await ask('tasks', '--client', 'due', '--sla', 'met');
  assert.deepEqual(listed['items'], []);
  assert.match(String((await ask('forecast', String(id)))['reason']), /no live worker|no rate/);
  assert.equal((await ask('forecast', '--client', 'due', '--type', 'Due.Later'))['status'], null);
  assert.equal((await ask('task', String(id)))['sla'], 'on_time');
  assert.deepEqual((await ask('stats', '--client', 'due'))['sla'], { at_risk: 0, breached: 0, met: 0 });
  for (const wrong of [['tasks', '--sla', 'late'], ['forecast'], ['forecast', String(id), '--type', 'A']])
    assert.equal((await inside(wrong, here)).code, 2, wrong.join(' '));
});
