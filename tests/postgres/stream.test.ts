// The stream of events on PostgreSQL is exact: whatever the order in which transactions begin, write and commit, each event comes once,
// nobody waits for a transaction that runs for long, and a reader goes on where it was, at another server and after a restart.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { openQueue } from '../../src/index.ts';
import type { ClientHandle, Queue, StreamEntry } from '../../src/index.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

async function take(events: AsyncIterable<StreamEntry>, count: number): Promise<StreamEntry[]> {
  const taken: StreamEntry[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}
const tasks = (events: readonly StreamEntry[]): string[] => events.map(({ taskId }) => taskId);
const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

describe('the stream of events on PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server;
  let url: string;
  let queue: Queue;
  let other: Queue;
  const open = (): Promise<Queue> => openQueue(url, { janitorMs: 0, listenUrl: null });
  before(async () => {
    server = (await startServer()) as Server;
    url = await server.database({ realClock: true });
    [queue, other] = [await open(), await open()];
  });
  after(async () => {
    await queue?.close();
    await other?.close();
    server?.stop();
  });

  /** Its client and lane are there already: a transaction that makes them holds off who wants the same. */
  async function known(id: string): Promise<ClientHandle> {
    const client = queue.client(id);
    await client.enqueue('T.X');
    return client;
  }

  async function transaction(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('BEGIN');
    return client;
  }

  it('has what commits late, once, after what was told meanwhile, and does not wait for it', async () => {
    const acme = await known('late');
    const old = await transaction();
    // It has its place among the transactions before anything else happens, and writes before and after.
    const first = await acme.enqueue('T.X', 1, { tx: old });
    const seen = [(await acme.enqueue('T.X')).taskId];
    assert.deepEqual(tasks(await take(acme.events({ after: 1 }), 1)), seen, 'not held back');
    const young = await transaction();
    const second = await acme.enqueue('T.X', 1, { tx: young });
    seen.push((await other.client('late').enqueue('T.X')).taskId);
    assert.deepEqual(tasks(await take(other.client('late').events({ after: 2 }), 1)), [seen[1]]);
    const third = await acme.enqueue('T.X', 2, { tx: old });
    await young.query('COMMIT');
    assert.deepEqual(tasks(await take(acme.events({ after: 3 }), 1)), [second.taskId]);
    await old.query('COMMIT');
    const rest = await take(other.client('late').events({ after: 4 }), 2);
    assert.deepEqual(new Set(tasks(rest)), new Set([first.taskId, third.taskId]));
    const all = await take(acme.events({ after: 1 }), 5);
    assert.deepEqual(
      all.map(({ position }) => position),
      numbers(2, 5),
    );
    assert.equal(new Set(tasks(all)).size, 5);
    await Promise.all([old.end(), young.end()]);
  });

  it('has nothing of what was rolled back, and no gap in its place', async () => {
    const acme = await known('undone');
    const lost = await transaction();
    await acme.enqueue('T.X', 1, { tx: lost });
    const kept = [(await acme.enqueue('T.X')).taskId];
    await take(acme.events({ after: 1 }), 1);
    await lost.query('ROLLBACK');
    kept.push((await acme.enqueue('T.X')).taskId);
    const all = await take(acme.events({ after: 1 }), 2);
    assert.deepEqual([tasks(all), all.map(({ position }) => position)], [kept, [2, 3]]);
    await lost.end();
  });

  it('tells each event once to readers at two servers while transactions of every length write', async () => {
    await known('busy');
    const wanted: string[] = [];
    const readers = [queue, other].map((at) => take(at.client('busy').events({ after: 1 }), 240));
    const platform = take(other.admin().events({ after: 0 }), 1);
    await Promise.all(
      numbers(1, 8).map(async (n) => {
        const tx = new pg.Client({ connectionString: url });
        await tx.connect();
        for (let round = 0; round < 10; round++) {
          await tx.query('BEGIN');
          const made: string[] = [];
          for (let i = 0; i < 3; i++) {
            made.push((await (n % 2 === 0 ? queue : other).client('busy').enqueue('T.X', n * 100 + round, { tx })).taskId);
            // Held open for as long as some of the others take to commit.
            if (i < 2) await tx.query(`SELECT pg_sleep($1)`, [((n * 7 + round * 3 + i) % 5) / 200]);
          }
          await tx.query('COMMIT');
          wanted.push(...made);
        }
        await tx.end();
      }),
    );
    const looking = new AbortController();
    const poke = (async () => {
      while (!looking.signal.aborted) {
        await queue.client('poke').enqueue('T.Poke');
        await other.client('poke').enqueue('T.Poke');
        await pause(20);
      }
    })();
    const told = await Promise.all(readers);
    await platform;
    looking.abort();
    await poke;
    for (const events of told) {
      assert.deepEqual(tasks(events).toSorted(), wanted.toSorted());
      assert.deepEqual(
        events.map(({ position }) => position),
        numbers(2, 240),
      );
    }
    assert.deepEqual(tasks(told[0] as StreamEntry[]), tasks(told[1] as StreamEntry[]), 'in one order');
  });

  it('keeps the order of one task, whichever transaction began first', async () => {
    const acme = await known('order');
    const early = await transaction();
    await early.query('SELECT pg_current_xact_id()');
    const { taskId } = await acme.enqueue('T.X');
    await acme.cancel(taskId);
    // Written by a transaction that is older than both of the events before it.
    const row = `INSERT INTO prismq.task_events (client_id, task_id, seq, at_utc, event, from_status, to_status, actor) VALUES ('order', $1, 3, 1, 'requeue', 'cancelled', 'queued', 'x')`;
    await early.query(row, [taskId]);
    await early.query('COMMIT');
    const events = await take(acme.events({ after: 1 }), 3);
    assert.deepEqual(
      events.map(({ event, logId }) => [event, logId]),
      [
        ['enqueue', 1],
        ['cancel', 2],
        ['requeue', 3],
      ],
    );
    await early.end();
  });

  it('goes on exactly where it was after the server was started anew in the middle of a transaction', async () => {
    const acme = await known('again');
    const cut = await transaction();
    await acme.enqueue('T.X', 1, { tx: cut });
    const wanted = [(await acme.enqueue('T.X')).taskId];
    await take(acme.events({ after: 1 }), 1);
    cut.on('error', () => undefined);
    await server.restart('fast');
    const later = await open();
    wanted.push((await later.client('again').enqueue('T.X')).taskId);
    assert.deepEqual(tasks(await take(later.client('again').events({ after: 2 }), 1)), wanted.slice(1));
    assert.deepEqual(tasks(await take(later.client('again').events({ after: 1 }), 2)), wanted);
    await later.close();
  });
});
