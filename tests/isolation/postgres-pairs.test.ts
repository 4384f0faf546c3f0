// What no attack on PostgreSQL sees is hidden by a second wall: with both taken away, some attack succeeds; with the first alone, none does.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { enterArena, holds, prepare, stateOf } from '../postgres/attacks/arena.ts';
import type { Arena, Prepared } from '../postgres/attacks/arena.ts';
import { allAttacks } from '../postgres/attacks/all.ts';
import type { NamedAttack } from '../postgres/attacks/all.ts';
import { binaries, startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';
import { PAIRS } from './postgres/pairs.ts';

describe('mutants of PostgreSQL behind two walls', { skip: binaries().length === 0 }, () => {
  let server: Server | null = null;
  let prepared: Prepared;
  let arena: Arena;
  let attacks: readonly NamedAttack[] = [];
  before(async () => {
    server = (await startServer()) as Server;
    prepared = await prepare(server);
    attacks = allAttacks(() => arena);
  });
  after(() => server?.stop());

  for (const [i, { mutant, harm, by, own }] of PAIRS.entries())
    it(`${mutant}: seen without the wall behind it`, async () => {
      await (server as Server).query(
        (server as Server).urlOf('postgres'),
        `CREATE DATABASE pair${i} TEMPLATE ${new URL(prepared.url).pathname.slice(1)} STRATEGY wal_log`,
      );
      arena = await enterArena(prepared, `pair${i}`);
      try {
        if (own !== undefined) await holds(arena, own.login, own.sql);
        await arena.owner.query(harm);
        arena = { ...arena, baseline: await stateOf(arena.owner) };
        const wanted = attacks.filter(({ name }) => by.test(name) && !/control|its own/.test(name));
        if (own !== undefined) wanted.unshift({ name: own.sql, attack: () => holds(arena, own.login, own.sql) });
        let seen: string | null = null;
        for (const { name, attack } of wanted)
          seen ??= await attack().then(
            () => null,
            () => name,
          );
        assert.notEqual(seen, null, 'no attack succeeded');
      } finally {
        await arena.close();
      }
    });
});
