// The Standard Workload Format as it is read, and what its jobs become.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { arrivalMs, clientOf, createMapping, runTimeMs, siteOf } from '../../src/cli/replay/mapping.ts';
import { inspect, parseJob, parsePartition, readJobs } from '../../src/cli/replay/swf.ts';
import type { SwfJob } from '../../src/cli/replay/swf.ts';
import { checkCategory } from '../../src/domain/category.ts';
import { isQueueError } from './refusals.ts';
import { temporaryFolder } from './rig.ts';

const LINE = '     8        34      -1   10707    1      -1      -1   -1  172800      -1 -1    2    5   -1 -1  170     -1      -1';
const folder = temporaryFolder();
const fileWith = (name: string, content: string | Buffer): string => {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
};
async function jobsOf(file: string): Promise<readonly SwfJob[]> {
  const jobs: SwfJob[] = [];
  for await (const batch of readJobs(file)) jobs.push(...batch);
  return jobs;
}

describe('a line of a workload', () => {
  it('is a job of 18 numbers between blanks', () => {
    assert.deepEqual(parseJob(LINE, 7), { line: 7, job: 8, submitS: 34, runS: 10707, user: 2, group: 5, partition: 170 });
  });

  it('may have decimals, exponents, tabs and a carriage return', () => {
    const job = parseJob('1\t0.5 -1 12.25 1 -1 -1 -1 1e3 -1 -1 3 4 -1 -1 -1 -1 -1\r', 1);
    assert.deepEqual([job?.submitS, job?.runS, job?.partition], [0.5, 12.25, -1]);
  });

  it('is no job when it is blank or a comment', () => {
    for (const text of ['', '   ', '; Version: 2.2', '  ;   # sub']) assert.equal(parseJob(text, 1), null);
  });

  it('is refused by its number when it has other than 18 fields', () => {
    assert.throws(() => parseJob('1 2 3', 41), isQueueError('invalid_input', /line 41 .* 3 fields instead of 18/));
    assert.throws(() => parseJob(`${LINE} 1`, 42), isQueueError('invalid_input', /line 42 .* 19 fields/));
  });

  it('is refused when a field is no number, whether it is used or not', () => {
    for (const [i, name] of [
      [2, 'wait time'],
      [3, 'run time'],
      [15, 'partition'],
      [17, 'think time'],
    ] as const) {
      const fields = LINE.trim().split(/\s+/);
      fields[i] = '0x1f';
      assert.throws(() => parseJob(fields.join(' '), 9), isQueueError('invalid_input', new RegExp(`line 9 .*field ${i + 1} \\(${name}\\)`)));
    }
  });

  it('is refused when a used field is below 0 and not -1', () => {
    for (const i of [0, 1, 3, 11, 12, 15]) {
      const fields = LINE.trim().split(/\s+/);
      fields[i] = '-2';
      assert.throws(() => parseJob(fields.join(' '), 3), isQueueError('invalid_input', /line 3 .*only -1/));
    }
  });

  it('of the header names a site', () => {
    assert.deepEqual(parsePartition('; Partition:  2 lancs.ac.uk                '), [2, 'lancs.ac.uk']);
    assert.deepEqual(parsePartition(';Partition: 170 lcg-lrz-ce.lrz-muenchen.de\r'), [170, 'lcg-lrz-ce.lrz-muenchen.de']);
    assert.equal(parsePartition('; MaxPartitions: 170'), null);
  });
});

describe('a file of a workload', () => {
  const text = `; Partition: 1 grid.ici.ro\n${LINE}\n\n${LINE}`;

  it('reads the same from gzip and from plain text, whatever its name', async () => {
    for (const file of [fileWith('plain.swf.gz', text), fileWith('packed.swf', gzipSync(text))]) {
      assert.deepEqual(await inspect(file), { jobs: 2, sites: new Map([[1, 'grid.ici.ro']]) });
      assert.deepEqual(
        (await jobsOf(file)).map((job) => job.line),
        [2, 4],
      );
    }
  });

  it('counts lines right over the borders of what is read at once', async () => {
    const many = `${`${LINE}\n`.repeat(5000)}broken\n`;
    await assert.rejects(inspect(fileWith('long.swf', many)), isQueueError('invalid_input', /line 5001 /));
    await assert.rejects(inspect(fileWith('long.swf.gz', gzipSync(many))), isQueueError('invalid_input', /line 5001 /));
  });

  it('is refused when it is not there, has no jobs, is cut off or is something else', async () => {
    const packed = gzipSync(`${LINE}\n`.repeat(1000));
    await assert.rejects(inspect(join(folder, 'absent.swf')), isQueueError('invalid_input', /there is no file/));
    await assert.rejects(inspect(folder), isQueueError('invalid_input', /is a folder/));
    await assert.rejects(inspect(fileWith('empty.swf', '; Version: 2.2\n')), isQueueError('invalid_input', /has no jobs/));
    await assert.rejects(inspect(fileWith('cut.swf.gz', packed.subarray(0, packed.length - 30))), isQueueError('invalid_input', /damaged/));
    await assert.rejects(inspect(fileWith('blob.swf', 'x'.repeat(300_000))), isQueueError('invalid_input', /no workload/));
  });
});

describe('a site', () => {
  it('becomes a category from the top-level domain down, and the region', () => {
    assert.deepEqual(siteOf(2, 'lancs.ac.uk'), { type: 'Grid.Uk.Ac.Lancs', region: 'uk', name: 'lancs.ac.uk' });
    assert.equal(siteOf(170, 'lcg-lrz-ce.lrz-muenchen.de').type, 'Grid.De.Lrz_muenchen.Lcg_lrz_ce');
    assert.equal(siteOf(157, 'a01-004-164.gridka.de').type, 'Grid.De.Gridka.A01_004_164');
    assert.equal(siteOf(5, '2nd.example.org').type, 'Grid.Org.Example.X2nd');
  });

  it('without a name is its number, and without a number unknown', () => {
    assert.deepEqual(siteOf(171, undefined), { type: 'Grid.P171', region: null, name: null });
    assert.deepEqual(siteOf(-1, undefined), { type: 'Grid.Unknown', region: null, name: null });
  });

  it('is a well-formed category whatever its name is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.domain(),
          fc.array(fc.stringMatching(/^[a-z0-9-]{1,60}$/), { maxLength: 12 }).map((labels) => labels.join('.')),
        ),
        (name) => checkCategory(siteOf(3, name).type).ok,
      ),
    );
  });
});

describe('a job', () => {
  const job: SwfJob = { line: 1, job: 8, submitS: 34, runS: 10_707, user: 2, group: 5, partition: 2 };
  const names = new Map([[2, 'lancs.ac.uk']]);

  it('is a task of its group, by its user, with what it was as payload', () => {
    assert.deepEqual(createMapping(names, Number.POSITIVE_INFINITY).item(job), {
      type: 'Grid.Uk.Ac.Lancs',
      payload: { job: 8, submit_s: 34, run_s: 10_707, user: 2, group: 5, site: 'lancs.ac.uk' },
      createdBy: '2',
      compatibility: { region: 'uk' },
    });
    assert.equal(clientOf(job), '5');
  });

  it('without a group, user and site is unknown', () => {
    const bare = { ...job, user: -1, group: -1, partition: -1 };
    const { type, createdBy, compatibility } = createMapping(names, 1).item(bare);
    assert.deepEqual([clientOf(bare), type, createdBy, compatibility], ['unknown', 'Grid.Unknown', 'unknown', undefined]);
  });

  it('arrives and runs faster by the factor, and at once at top speed', () => {
    assert.deepEqual([arrivalMs(34, 10), runTimeMs(10_707, 1000), runTimeMs(-1, 10)], [3400, 10_707, 0]);
    assert.deepEqual([arrivalMs(34, Number.POSITIVE_INFINITY), runTimeMs(10_707, Number.POSITIVE_INFINITY)], [0, 0]);
  });

  it('is given the time that it is played for, within what one attempt may take', () => {
    assert.equal(createMapping(names, 2).item(job).maxRunMs, Math.ceil((10_707_000 / 2) * 1.5));
    const maxRunMs = createMapping(names, 1).item({ ...job, runS: 172_800 }).maxRunMs ?? 0;
    assert.ok(maxRunMs <= 86_400_000 && runTimeMs(172_800, 1) < maxRunMs);
  });
});
