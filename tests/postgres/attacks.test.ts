// Attacks by raw SQL as each login, with the rights that `prismq setup` gave it. No row of another tenant is read or changed.
import { after, before, describe, it } from 'node:test';
import { buildArena } from './attacks/arena.ts';
import type { Arena } from './attacks/arena.ts';
import { doorAttacks } from './attacks/doors.ts';
import { tableAttacks } from './attacks/tables.ts';
import { wayAttacks } from './attacks/ways.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

describe('attacks on PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server | null = null;
  let arena: Arena;
  before(async () => {
    server = await startServer();
    arena = await buildArena(server as Server);
  });
  after(async () => {
    await arena?.close();
    server?.stop();
  });
  describe('every table', () => tableAttacks(() => arena, it));
  describe('ways around', () => wayAttacks(() => arena, it));
  describe('doors', () => doorAttacks(() => arena, it));
});
