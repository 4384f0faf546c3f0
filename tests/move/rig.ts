// Where the tests of moves work: a real PostgreSQL, files of their own, and queues without anything in the background.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { mover, openQueue } from '../../src/index.ts';
import type { MoveReport, MoveWishes, Queue } from '../../src/index.ts';

export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-move-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Closed by its caller, or at the end of the test. */
export async function quiet(t: TestContext, url: string): Promise<Queue> {
  const queue = await openQueue(url, { janitorMs: 0, listenUrl: null, connections: 2, lanesPerClient: 1000, masterKey: '7'.repeat(64) });
  t.after(() => queue.close());
  return queue;
}

export const moveAll = async (from: string, to: string, wishes: MoveWishes = { leases: 'carry' }): Promise<MoveReport> =>
  (await mover()).move({ from, to }, wishes);

/** For a failing assertion: what differs. */
export const differences = ({ tables, clients, audit }: MoveReport): unknown => ({
  tables: tables.filter(({ differing, orphans }) => differing + orphans > 0),
  clients: clients.filter((row) => row.from !== row.to),
  faults: audit.faults,
});
