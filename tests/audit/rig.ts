// What the tests of the audit share: work of two clients that is sealed in steps, on a clock that they set, and a file changed as its owner could.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { readAnchors } from '../../src/domain/audit-anchor.ts';
import type { Anchor, AnchorReading } from '../../src/domain/audit-anchor.ts';
import { anchorAll, anchorSigner, newAnchorKey, openQueue, verifyAnchor } from '../../src/index.ts';
import type { AuditVerdict, OpenOptions, Queue } from '../../src/index.ts';

export const DAY = 86_400_000;
export const START = 1_800_000_000_000;
export const CLIENTS = ['acme', 'globex'] as const;
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-audit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Rig {
  readonly queue: Queue;
  readonly clock: { now: number };
  readonly lines: string[];
  readonly publicKey: string;
  /** Work of both clients, ended, failed and sealed. */
  work(): Promise<void>;
  /** Anchors what is new, into `lines`. */
  anchor(): Promise<void>;
  reading(keys?: readonly string[]): AnchorReading;
  /** Against the anchors. */
  verify(): Promise<AuditVerdict>;
  /** Retention until there is nothing to do. */
  cut(): Promise<{ readonly rows: number; readonly cuts: number }>;
}

export async function openRig(open: (options: OpenOptions) => Promise<Queue>, options: OpenOptions = {}): Promise<Rig> {
  const clock = { now: START };
  const queue = await open({ janitorMs: 0, now: () => clock.now, retentionMs: DAY, ...options });
  const signer = anchorSigner(newAnchorKey());
  const lines: string[] = [];
  const worker = queue.worker('w');
  await worker.register();
  const reading = (keys: readonly string[] = [signer.publicKey]): AnchorReading => {
    const reader = readAnchors(sha256, verifyAnchor, keys);
    for (const line of lines) reader.take(line);
    return reader.end();
  };
  return {
    queue,
    clock,
    lines,
    publicKey: signer.publicKey,
    async work() {
      clock.now += 1;
      for (const client of CLIENTS) await queue.client(client).enqueueMany(Array.from({ length: 4 }, (_, n) => ({ type: 'Mail.Send', payload: n })));
      for (const task of await worker.claim({ max: 6 }))
        await ((task.payload as unknown) === 3 ? worker.fail(task, new Error('no'), { retry: false }) : worker.complete(task));
      await queue.admin().clients.weight('acme', 2);
      await queue.admin().categories.set({ pattern: 'Mail.*' });
      await queue.system().seal();
    },
    anchor: async () => void (await anchorAll(queue.system(), { signer, sink: (anchor: Anchor) => void lines.push(JSON.stringify(anchor)) }, () => clock.now)),
    reading,
    verify: async () => queue.admin().audit.verify({ anchors: reading().heads }),
    async cut() {
      const sum = { rows: 0, cuts: 0 };
      for (let more = true; more; ) {
        const step = await queue.system().cutAudit();
        sum.rows += step.rows;
        sum.cuts += step.cuts;
        more = step.more;
      }
      return sum;
    },
  };
}

/** On a file of its own. */
export async function fileRig(t: TestContext, options: OpenOptions = {}): Promise<Rig & { readonly file: string }> {
  const file = join(folderOf(t), 'queue.db');
  const rig = await openRig((given) => openQueue(file, { synchronous: 'NORMAL', ...given }), options);
  t.after(() => rig.queue.close());
  return { ...rig, file };
}

/** Changes the file as its owner could, with every guard taken away first. */
export function tamper(file: string, ...statements: readonly string[]): void {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA busy_timeout = 5000');
  for (const { name } of db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'trigger'`).all() as { name: string }[]) db.exec(`DROP TRIGGER ${name}`);
  db.exec('PRAGMA foreign_keys = OFF');
  for (const sql of statements) {
    db.exec(sql);
    assert.ok((db.prepare('SELECT changes() AS n').get() as { n: number }).n > 0, `${sql} changes something`);
  }
  db.close();
}
