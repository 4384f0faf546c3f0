// Where scripts are played: on each engine, in process and through a real server. Every play starts with the two clients and nothing else.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { connect } from '../../../src/client/entry.ts';
import { createApp } from '../../../src/http/app.ts';
import { listen } from '../../../src/http/node.ts';
import { openQueue } from '../../../src/index.ts';
import type { OpenOptions, Queue } from '../../../src/index.ts';
import { EMPTY } from '../../postgres/pair.ts';
import type { Server } from '../../postgres/server.ts';
import { idOf } from './play.ts';
import type { Hand, Hands, Name } from './play.ts';

export interface ArenaOf {
  play<T>(script: (hands: Hands) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const NAMES = ['amber', 'cobalt'] as const;
const START = 1_800_000_000_000;

/** A queue with a clock and ids of the play's own. */
interface Stage {
  readonly queue: Queue;
  readonly clock: { now: number };
  readonly ids: Ids;
  end(): Promise<void>;
}
class Ids {
  #who: Name = 'amber';
  #next: Record<Name, number> = { amber: 0, cobalt: 0 };
  speakFor(name: Name): void {
    this.#who = name;
  }
  readonly next = (): string => idOf(this.#who, this.#next[this.#who]++);
}

interface Staging {
  stage(): Promise<Stage>;
  close(): Promise<void>;
}

export interface InProcess extends ArenaOf, Staging {}

function options(clock: { readonly now: number }, ids: Ids): OpenOptions {
  return { now: () => clock.now, random: () => 0.5, janitorMs: 0, newId: ids.next };
}

const onFile = (path: string | null): Staging => {
  const folder = path === null ? null : mkdtempSync(join(tmpdir(), 'prismq-interference-'));
  let plays = 0;
  return {
    async stage() {
      const [clock, ids] = [{ now: START }, new Ids()];
      const queue = await openQueue(folder === null ? ':memory:' : join(folder, `${plays++}.db`), { ...options(clock, ids), synchronous: 'NORMAL' });
      return { queue, clock, ids, end: () => queue.close() };
    },
    async close() {
      if (folder !== null) rmSync(folder, { recursive: true, force: true });
    },
  };
};
export const memoryArena = (): InProcess => inProcess(onFile(null));
export const fileArena = (): InProcess => inProcess(onFile('file'));

/** One database for all plays, emptied before each. */
export async function postgresArena(server: Server): Promise<InProcess> {
  const url = await server.database();
  const owner = new pg.Client({ connectionString: url });
  await owner.connect();
  let ids = new Ids();
  const clock = { now: START };
  const queue = await openQueue(url, { ...options(clock, new Ids()), newId: () => ids.next(), listenUrl: null, connections: 2 });
  return inProcess({
    async stage() {
      await owner.query(EMPTY);
      // It looks at the registry, which has just changed: an enqueue that finds that out is prepared twice and takes another id.
      await queue.ping();
      ids = new Ids();
      clock.now = START;
      return { queue, clock, ids, end: async () => undefined };
    },
    async close() {
      await queue.close();
      await owner.end();
    },
  });
}

function inProcess(staging: Staging): InProcess {
  return {
    ...staging,
    async play(script) {
      const stage = await staging.stage();
      try {
        await settle(stage.queue);
        const hand = (name: Name): Hand => ({
          client: stage.queue.as({ role: 'client', clientId: name }),
          worker: stage.queue.as({ role: 'worker', workerId: `${name}:w` }),
          admin: stage.queue.as({ role: 'admin', clientId: name }),
        });
        return await script(handsOf(stage, hand));
      } finally {
        await stage.end();
      }
    },
  };
}

/** The same scripts, through a server and keys. */
export function httpArena(inside: InProcess): ArenaOf {
  return {
    close: () => inside.close(),
    async play(script) {
      const stage = await inside.stage();
      await settle(stage.queue);
      const app = await createApp({ queue: stage.queue, rates: { key: null, client: null, address: null } });
      const listening = await listen(app, { host: '127.0.0.1', port: 0 });
      try {
        const hands = { amber: await handOver(stage.queue, listening.url, 'amber'), cobalt: await handOver(stage.queue, listening.url, 'cobalt') };
        return await script(handsOf(stage, (name) => hands[name]));
      } finally {
        await listening.close(0);
        await stage.end();
      }
    },
  };
}

async function handOver(queue: Queue, url: string, name: Name): Promise<Hand> {
  const admin = queue.admin();
  const [client, worker, own] = [
    await admin.keys.create({ role: 'client', clientId: name }),
    await admin.keys.create({ role: 'worker', name: `${name}:w` }),
    await admin.keys.create({ role: 'admin', clientId: name }),
  ].map(({ key }) => connect({ url, key, retries: 0 })) as [ReturnType<typeof connect>, ReturnType<typeof connect>, ReturnType<typeof connect>];
  // Keys are made anew in every play: their list differs by nature.
  return { client: client.client(name), worker: worker.worker(`${name}:w`), admin: { ...own.admin(), keys: { ...own.admin().keys, list: async () => [] } } };
}

async function settle(queue: Queue): Promise<void> {
  for (const name of NAMES) {
    await queue.admin().clients.create(name);
    await queue.as({ role: 'admin', clientId: name }).grants.create(`${name}:w`, { clientId: name, pattern: '*' });
    await queue.as({ role: 'worker', workerId: `${name}:w` }).register();
  }
}

const handsOf = ({ queue, clock, ids }: Stage, hand: (name: Name) => Hand): Hands => ({
  amber: hand('amber'),
  cobalt: hand('cobalt'),
  speakFor: (name) => ids.speakFor(name),
  advance: (ms) => void (clock.now += ms),
  tick: async () => void (await queue.system().tick()),
});
