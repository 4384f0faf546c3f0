// `npm run histories -- --count 2000`: random histories on both engines, compared. `--seed N` plays one of them again, `--from N` begins
// with another first seed. One PostgreSQL without fsync, a database a lane, emptied between.
import { availableParallelism } from 'node:os';
import { exit, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { openQueue } from '../../src/index.ts';
import { COMMANDS, FIRST_SEED, compare } from '../postgres/histories.ts';
import type { Ours } from '../postgres/histories.ts';
import { EMPTY, withClock } from '../postgres/pair.ts';
import { startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '100' }, from: { type: 'string', default: String(FIRST_SEED) }, seed: { type: 'string' } },
});
const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.count) : 1;
/** Seeds that are printed together. */
const TOLD_EVERY = 50;

const server = await startServer(undefined, 'autovacuum_naptime = 1s\n');
if (server === null) exit(1);
const lanes = await Promise.all(Array.from({ length: Math.min(count, availableParallelism() + 1) }, () => lane(server)));
const started = performance.now();
let next = first;
let done = 0;
const failed: number[] = [];
await Promise.all(
  lanes.map(async ({ ours, close }) => {
    while (next < first + count) {
      const seed = next++;
      try {
        await compare(ours, seed);
      } catch (error) {
        failed.push(seed);
        stdout.write(`seed ${seed} differs; again with: npm run histories -- --seed ${seed}\n${error instanceof Error ? error.message : String(error)}\n`);
      }
      if (++done % TOLD_EVERY === 0 || done === count)
        stdout.write(
          `${done} of ${count} histories (seeds ${first} to ${next - 1}), ${failed.length} differ, ${Math.round((performance.now() - started) / 1000)} s\n`,
        );
    }
    await close();
  }),
);
server.stop();
stdout.write(
  `${count} histories of ${COMMANDS} commands: ${failed.length === 0 ? 'the same on both engines' : `${failed.length} differ: ${failed.join(', ')}`}\n`,
);
exit(failed.length === 0 ? 0 : 1);

async function lane(at: Server): Promise<{ readonly ours: Ours; close(): Promise<void> }> {
  const url = await at.database();
  const owner = new pg.Client({ connectionString: url });
  await owner.connect();
  const clock = { now: 0 };
  const queue = await openQueue(url, withClock(clock));
  return {
    ours: { ours: queue, clock, empty: () => owner.query(EMPTY) },
    async close() {
      await queue.close();
      await owner.end();
    },
  };
}
