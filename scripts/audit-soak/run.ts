// The soak of the audit: processes that write, seal and anchor at once and are killed at any moment. What comes out must be whole:
// a fault is a false alarm or a broken chain, and both are ours.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { anchorSigner, newAnchorKey, openQueue, readAnchors, verifyAnchor } from '../../src/index.ts';
import type { AnchorReading, AuditVerdict } from '../../src/index.ts';
import type { Orders } from './member.ts';

const MEMBER = fileURLToPath(new URL('./member.ts', import.meta.url));
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export interface SoakOptions {
  /** A file, or the URL of a PostgreSQL database. */
  readonly db: string;
  /** For the key and the anchors. */
  readonly folder: string;
  readonly rows: number;
  readonly members: number;
  readonly clients: number;
  /** A member is killed whenever so many rows were told. */
  readonly killEvery: number;
  readonly onProgress?: (rows: number) => void;
}

export interface SoakReport {
  readonly told: number;
  readonly kills: number;
  readonly wroteMs: number;
  readonly sealedMs: number;
  readonly verifiedMs: number;
  readonly peakMb: number;
  readonly verdict: AuditVerdict;
  readonly anchors: AnchorReading;
}

export interface Crew {
  readonly keyFile: string;
  readonly anchors: string;
  start(orders: Omit<Orders, 'db' | 'keyFile' | 'anchors' | 'clients'>): ChildProcess;
  reading(): AnchorReading;
}

export function crewOf({ db, folder, clients }: Pick<SoakOptions, 'db' | 'folder' | 'clients'>): Crew {
  const keyFile = join(folder, 'key.pem');
  const anchors = join(folder, 'anchors.jsonl');
  const pem = newAnchorKey();
  writeFileSync(keyFile, pem, { mode: 0o600 });
  writeFileSync(anchors, '');
  return {
    keyFile,
    anchors,
    start: (orders) => fork(MEMBER, [JSON.stringify({ ...orders, db, keyFile, anchors, clients } satisfies Orders)], { execArgv: process.execArgv }),
    reading() {
      const reader = readAnchors(sha256, verifyAnchor, [anchorSigner(pem).publicKey]);
      for (const line of readFileSync(anchors, 'utf8').split('\n')) reader.take(line);
      return reader.end();
    },
  };
}

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { db, clients } = options;
  const open = () => openQueue(db, { janitorMs: 0, busyTimeoutMs: 60_000, synchronous: 'NORMAL', ...(db.startsWith('postgres') ? { listenUrl: null } : {}) });
  const queue = await open();
  for (let i = 0; i < clients; i++) await queue.admin().clients.create(`client-${i}`);
  const crew = crewOf(options);
  const start = performance.now();
  const { told, kills } = await write(options, crew);
  const written = performance.now();
  await queue.system().seal();
  const sealed = performance.now();
  const anchors = crew.reading();
  let peak = 0;
  const verdict = await queue.admin().audit.verify({ anchors: anchors.heads, onProgress: () => (peak = Math.max(peak, process.memoryUsage().rss)) });
  const verified = performance.now();
  await queue.close();
  const ms = (from: number, to: number): number => Math.round(to - from);
  return {
    told,
    kills,
    wroteMs: ms(start, written),
    sealedMs: ms(written, sealed),
    verifiedMs: ms(sealed, verified),
    peakMb: Math.round(peak / 1e6),
    verdict,
    anchors,
  };
}

async function write({ rows, members, killEvery, onProgress }: SoakOptions, crew: Crew): Promise<{ readonly told: number; readonly kills: number }> {
  let told = 0;
  let kills = 0;
  let due = killEvery;
  let next = 0;
  const alive = new Set<ChildProcess>();
  const ended = Promise.withResolvers<void>();
  const begin = (): void => {
    const child = crew.start({ id: next++, mode: 'load', from: 0, count: 0 });
    alive.add(child);
    child.on('message', (more: number) => {
      told += more;
      onProgress?.(told);
      if (told >= rows) return ended.resolve();
      if (told < due) return;
      due = told + killEvery;
      // Not the one that just spoke, which is between two transactions.
      const victim = [...alive].find((one) => one !== child) ?? child;
      kills += 1;
      victim.kill('SIGKILL');
    });
    child.once('exit', () => {
      if (alive.delete(child) && told < rows) begin();
    });
  };
  for (let i = 0; i < members; i++) begin();
  await ended.promise;
  await Promise.all(
    [...alive].map((child) => {
      kills += 1;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      return gone;
    }),
  );
  return { told, kills };
}
