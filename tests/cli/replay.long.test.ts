// Workloads through the queue: a made one, a slice of a real one where it is at hand, and what is refused.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CONFIG } from '../../src/server/config.ts';
import { json, outside, start, temporaryFolder } from './rig.ts';
import type { Said } from './rig.ts';

const CLEAN = { dead_letter: 0, cancelled: 0, lost: 0, duplicate_starts: 0, unexplained_duplicates: 0 } as const;
const KEYS = ['enqueued', 'completed', ...Object.keys(CLEAN), 'clients', 'categories', 'seconds', 'tasks_per_second', 'peak_rss_mb'];

/** 200 jobs of 7 groups and one without, on 5 named sites, one without a name and none. */
function workload(jobs: number): string {
  const header = [
    '; Version: 2.2',
    ...['grid.ici.ro', 'lancs.ac.uk', 'ce.polgrid.pl', '2nd.example.org', 'cern.ch'].map((site, i) => `; Partition: ${i + 1} ${site}`),
  ];
  const lines = Array.from(
    { length: jobs },
    (_, i) =>
      `${i + 1} ${(i * 0.5).toFixed(1)} -1 ${i % 10 === 0 ? -1 : i % 7} 1 -1 -1 -1 600 -1 -1 ${i % 11 === 0 ? -1 : i % 13} ${i % 20 === 0 ? -1 : i % 7} -1 -1 ${i % 7 === 6 ? -1 : (i % 7) + 1} -1 -1`,
  );
  return `${[...header, ...lines].join('\n')}\n`;
}
function place(name: string, content: string | Buffer): { readonly base: string; readonly name: string } {
  const base = temporaryFolder();
  writeFileSync(join(base, name), content);
  return { base, name };
}
const lastLine = ({ out }: Said): Record<string, number> => JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as Record<string, number>;

it('a workload is replayed whole by several processes, each job a task of its group and site', async () => {
  const { base, name } = place('made.swf.gz', gzipSync(workload(200)));
  const said = await outside(['replay', name, '--workers', '2', '--json'], { base });
  assert.equal(said.code, 0, said.err);
  const report = lastLine(said);
  assert.deepEqual(Object.keys(report), KEYS);
  assert.deepEqual(
    { ...report, seconds: 0, tasks_per_second: 0, peak_rss_mb: 0 },
    { enqueued: 200, completed: 200, ...CLEAN, clients: 8, categories: 7, seconds: 0, tasks_per_second: 0, peak_rss_mb: 0 },
  );
  const db = ['--db', 'prismq-replay.db'];
  const { items } = await json<{ items: readonly { type: string; created_by: string; compatibility: object }[] }>(
    ['tasks', '--client', 'unknown', '--limit', '1000', ...db],
    { base },
  );
  assert.equal(items.length, 10);
  const { by_type } = await json<{ by_type: readonly { type: string }[] }>(['stats', ...db], { base });
  assert.deepEqual(by_type.map((entry) => entry.type).toSorted(), [
    'Grid.Ch.Cern',
    'Grid.Org.Example.X2nd',
    'Grid.P6',
    'Grid.Pl.Polgrid.Ce',
    'Grid.Ro.Ici.Grid',
    'Grid.Uk.Ac.Lancs',
    'Grid.Unknown',
  ]);
});

describe('the file of a replay', () => {
  it('is made anew, or added to where nothing waits in it', async () => {
    const { base, name } = place('made.swf', workload(40));
    for (let run = 0; run < 2; run++) assert.equal(lastLine(await outside(['replay', name, '--limit', '30', '--json'], { base }))['enqueued'], 30);
    assert.equal(lastLine(await outside(['replay', name, '--db', 'prismq-replay.db', '--json'], { base }))['completed'], 70);
  });

  it('is refused when it has unfinished tasks, unless they may stay', async () => {
    const { base, name } = place('made.swf', workload(20));
    await json(['enqueue', 'Mail.Send', '--db', 'busy.db'], { base });
    const refused = await outside(['replay', name, '--db', 'busy.db'], { base });
    assert.deepEqual([refused.code, refused.out], [5, '']);
    assert.match(refused.err, /error \[invalid_transition\]: .*busy\.db has unfinished tasks.*--append/);
    const appended = await outside(['replay', name, '--db', 'busy.db', '--append', '--json'], { base });
    assert.deepEqual(
      [lastLine(appended)['completed'], lastLine(appended)['lost'], appended.code],
      [20, 1, 1],
      'the task of others still waits, and that is told',
    );
  });

  it('may have jobs of a replay that was interrupted: they are worked too', async () => {
    const { base, name } = place('made.swf', workload(20));
    for (const _ of Array.from({ length: 25 })) await json(['enqueue', 'Grid.Uk.Ac.Lancs', '{"run_s":0}', '--db', 'rest.db'], { base });
    const said = await outside(['replay', name, '--db', 'rest.db', '--append', '--json'], { base });
    assert.deepEqual([lastLine(said)['completed'], lastLine(said)['lost'], said.code], [45, 0, 0], said.err);
  });

  it('may have jobs of other regions, which are worked, and of what nobody here has, which are left and told', async () => {
    const { base, name } = place('made.swf', workload(20));
    const add = (type: string, client: string, compat: object): Promise<unknown> =>
      json(['enqueue', type, '{"run_s":0}', '--client', client, '--compat', JSON.stringify(compat), '--db', 'rest.db'], { base });
    await add('Grid.Jp.Tokyo', 'g1', { region: 'jp' });
    await add('Grid.Jp.Osaka', 'g1', { region: ['cn', 'jp'] });
    await add('Grid.Special', 'g1', { gpu: true });
    await add('Grid.Ro.Ici', 'halted', { region: 'ro' });
    await json(['clients', 'suspend', 'halted', '--db', 'rest.db'], { base });
    const said = await outside(['replay', name, '--db', 'rest.db', '--append', '--json'], { base });
    assert.deepEqual([lastLine(said)['completed'], lastLine(said)['lost'], said.code], [22, 2, 1], said.err);
  });

  it('is no memory when several processes work', async () => {
    const { base, name } = place('made.swf', workload(20));
    const said = await outside(['replay', name, '--db', ':memory:', '--workers', '2'], { base });
    assert.equal(said.code, 2);
    assert.match(said.err, /in memory is of one process/);
  });
});

it('a malformed line is named with its number, and nothing is enqueued', async () => {
  const { base, name } = place('bad.swf', workload(300).replace(/^250 .*$/m, '250 what is this'));
  const { code, out, err } = await outside(['replay', name], { base });
  assert.deepEqual([code, out], [2, '']);
  assert.match(err, /error \[invalid_input\]: line 256 is malformed: 4 fields instead of 18; nothing was enqueued/);
  assert.ok(!existsSync(join(base, 'prismq-replay.db')));
});

it('sites of more regions than one worker can name are all worked', async () => {
  const sites = Array.from({ length: 150 }, (_, i) => `; Partition: ${i + 1} site.t${i + 1}`);
  const jobs = sites.map((_, i) => `${i + 1} 0 -1 0 1 -1 -1 -1 600 -1 -1 1 1 -1 -1 ${i + 1} -1 -1`);
  const { base, name } = place('wide.swf', [...sites, ...jobs].join('\n'));
  const report = lastLine(await outside(['replay', name, '--json'], { base }));
  assert.deepEqual([report['completed'], report['lost'], report['categories']], [150, 0, 150]);
});

it('with a factor, jobs that come and run one after the other all complete', async () => {
  const { base, name } = place('made.swf', workload(40));
  const report = lastLine(await outside(['replay', name, '--speed', '200', '--json'], { base }));
  assert.deepEqual([report['completed'], report['lost'], report['duplicate_starts']], [40, 0, 0]);
});

it('an interrupted replay says what it has done, and ends as interrupted', async () => {
  const { base, name } = place('made.swf', workload(40));
  const replaying = start(['replay', name, '--speed', '0.001'], { base });
  await replaying.hasSaid('40 jobs of');
  replaying.child.kill('SIGINT');
  const { code, out } = await replaying.ended;
  assert.equal(code, 130);
  assert.match(out, /^enqueued +\d/);
});

const real = resolve(process.env[CONFIG.swf.env] ?? CONFIG.swf.default);
it('5,000 jobs of a real workload complete, none lost, none started twice without a reason', {
  skip: !existsSync(real) && `no workload at ${real}: set ${CONFIG.swf.env}`,
}, async () => {
  const base = temporaryFolder();
  const said = await outside(['replay', real, '--limit', '5000', '--json'], { base });
  assert.equal(said.code, 0, said.err);
  const { enqueued, completed, lost, unexplained_duplicates } = lastLine(said);
  assert.deepEqual([enqueued, completed, lost, unexplained_duplicates], [5000, 5000, 0, 0]);
});
