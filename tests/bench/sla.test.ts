// The simulation of due times, on a workload that is made up: bursts that come faster than they are done, and three kinds of slack.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calibrationOf, jobsOf, missedOf, slotsFor } from '../../bench/sla.ts';
import { simulate } from '../../bench/sla-simulation.ts';

/** Bursts of jobs every two hours, of lengths from a fixed sequence. */
const TRACE = Array.from({ length: 900 }, (_, i) => ({ submitS: Math.floor(i / 90) * 7200 + (i % 90) * 20, runS: 300 + ((i * 7919) % 61) * 60 }));
const JOBS = jobsOf(TRACE);
const SLOTS = slotsFor(JOBS, 2);
const EQUAL = JOBS.map((job) => ({ ...job, priority: 100 }));

test('the earliest due first misses fewer due times than priorities and than the order of arrival', async () => {
  const missed = async (strategy: string, jobs = JOBS): Promise<number> => missedOf(await simulate({ jobs, strategy, slots: SLOTS, every: 0 }));
  const [deadline, priority, equal, fifo] = [await missed('DEADLINE'), await missed('PRIORITY'), await missed('PRIORITY', EQUAL), await missed('FIFO')];
  assert.ok(deadline < priority, `${deadline} of DEADLINE, ${priority} of PRIORITY`);
  assert.ok(deadline < fifo && equal === fifo, `${deadline} of DEADLINE, ${fifo} of FIFO, ${equal} of one priority`);
});

test('a forecast is measured against what came to pass: most starts lie between its low and its high', async () => {
  const done = await simulate({ jobs: EQUAL, strategy: 'PRIORITY', slots: SLOTS, every: 3 });
  assert.equal(done.length, JOBS.length);
  const { foretold, within, relative, yes } = calibrationOf(done);
  assert.ok(foretold > 250, `${foretold} foretold`);
  assert.ok(within > 0.7, `${within} between low and high`);
  assert.ok(relative.p50 < 0.5, `half are off by less than ${relative.p50}`);
  assert.ok(yes.right >= yes.said * 0.8, `${yes.right} of ${yes.said} that were said to miss did`);
});
