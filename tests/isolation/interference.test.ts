// Non-interference: a script of client A is played alone and beside a busy neighbour, with the same ids and the same clock. What A observes
// is the same to the byte. What leaks by nature (nature.ts: the numbers of entries) is renumbered in both.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { binaries, startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';
import { observed, scripts } from './interference/play.ts';
import type { Script } from './interference/play.ts';
import { fileArena, httpArena, memoryArena, postgresArena } from './interference/arenas.ts';
import type { ArenaOf } from './interference/arenas.ts';
import { isLong, tell } from './told.ts';

/** Both ways round: each of the two clients is once the one that is watched. */
const WATCHED = ['amber', 'cobalt'] as const;

async function compare(arena: ArenaOf, script: Script): Promise<void> {
  for (const watched of WATCHED) {
    const alone = await arena.play((hands) => observed(hands, script, watched, { alone: true }));
    const beside = await arena.play((hands) => observed(hands, script, watched, { alone: false }));
    assert.deepEqual(beside, alone, `${watched} observes its neighbour`);
  }
}

const hunt = async (arena: ArenaOf, runs: number): Promise<void> =>
  fc.assert(
    fc.asyncProperty(scripts(), (script) => compare(arena, script)),
    { numRuns: runs, seed: 20_251_106, endOnFailure: true },
  );

interface Place {
  readonly name: string;
  readonly engine: 'sqlite' | 'postgres';
  readonly open: () => Promise<ArenaOf>;
  /** Scripts in a short run and in a long one; each is played as both clients. */
  readonly runs: readonly [short: number, long: number];
}

let server: Server | null = null;
before(async () => {
  if (binaries().length > 0) server = await startServer();
});
after(() => server?.stop());

const PLACES: readonly Place[] = [
  { name: 'SQLite in memory', engine: 'sqlite', open: async () => memoryArena(), runs: [60, 400] },
  { name: 'a SQLite file', engine: 'sqlite', open: async () => fileArena(), runs: [10, 100] },
  { name: 'HTTP over SQLite', engine: 'sqlite', open: async () => httpArena(memoryArena()), runs: [25, 200] },
  { name: 'PostgreSQL', engine: 'postgres', open: async () => postgresArena(server as Server), runs: [25, 200] },
  { name: 'HTTP over PostgreSQL', engine: 'postgres', open: async () => httpArena(await postgresArena(server as Server)), runs: [10, 100] },
];

describe('what a client observes does not depend on its neighbour', () => {
  for (const { name, engine, open, runs } of PLACES)
    test(name, async (t) => {
      if (engine === 'postgres' && server === null) return t.skip('no PostgreSQL to start');
      const arena = await open();
      const many = isLong ? runs[1] : runs[0];
      try {
        await hunt(arena, many);
      } finally {
        await arena.close();
      }
      const cases = many * WATCHED.length;
      tell(t, { engine, part: `non-interference: ${name}`, cases, refused: cases });
    });

  test('a difference is seen (control): a neighbour whose id is asked for by its owner is there', async (t) => {
    const arena = memoryArena();
    const script: Script = [
      { who: 'cobalt', act: 'enqueue', n: 1, m: 0 },
      { who: 'amber', act: 'getForeign', n: 0, m: 0 },
    ];
    const seen = await arena.play((hands) => observed({ ...hands, amber: hands.cobalt }, script, 'amber', { alone: false }));
    const alone = await arena.play((hands) => observed({ ...hands, amber: hands.cobalt }, script, 'amber', { alone: true }));
    await arena.close();
    assert.notDeepEqual(seen, alone);
    tell(t, { engine: 'sqlite', part: 'non-interference: a difference is seen', controls: 1, controlsOk: 1 });
  });
});
