// The world of the access cube: two clients with the same things in them, keys of every role, and what all tables hold. It is
// made once; every test that may change something gets a copy of the file, with its own server.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { at, CLIENTS, NOBODY, otherThan, serve } from '../stand.ts';
import type { ClientId, Rig } from '../stand.ts';

/** Who asks. `of_*` are of the client that is looked from; the others are of nobody's. */
export const ROLES = ['anonymous', 'client', 'worker', 'client_admin', 'client_auditor', 'platform_admin', 'auditor'] as const;
export type CubeRole = (typeof ROLES)[number];

/** What a call is about. */
export interface Subject {
  readonly clientId: string;
  /** Waits; `endedId` is cancelled; `heldId` is leased by the worker, whose receipt is `lease`. */
  readonly taskId: string;
  readonly endedId: string;
  readonly heldId: string;
  readonly lease: string;
  readonly workerId: string;
  readonly grantId: string;
  readonly keyId: string;
  readonly schedule: string;
  readonly limit: string;
}

export interface World {
  readonly file: string;
  readonly keys: Readonly<Record<ClientId, Readonly<Record<CubeRole, string | undefined>>>>;
  readonly subjects: Readonly<Record<ClientId, Subject>>;
  /** A second worker of the same client, with a lease of its own. */
  readonly peers: Readonly<Record<ClientId, Subject>>;
  /** A waiting and a cancelled task whose ids both clients have. */
  readonly twins: Readonly<Record<ClientId, Subject>>;
}

export const NOW = 1_800_000_000_000;
export const ABSENT: Subject = {
  clientId: 'nobody',
  taskId: NOBODY,
  endedId: NOBODY,
  heldId: NOBODY,
  lease: 'bm9ib2R5LWhhcy1zdWNoLWEtcmVjZWlwdC1hdC1hbGw',
  workerId: 'nobody',
  grantId: 'ffffffffffffffffffffffff',
  keyId: 'ffffffffffffffff',
  schedule: 'nothing',
  limit: 'nothing',
};

/** So that a client can be sealed. */
export const MASTER_KEY = '5'.repeat(64);

/** The words that mark what is one client's and no other's. */
export const secretOf = (clientId: string): string => `secret-of-${clientId}`;

/** Where a cube stands: on which store, and how it is had anew. */
export interface Ground {
  readonly world: World;
  /** A server over the world. */
  server(t: Pick<TestContext, 'after'>): Promise<Rig>;
  /** One over a world in which nothing was done yet. */
  fresh(t: Pick<TestContext, 'after'>): Promise<Rig>;
  /** Where calls that must change nothing are asked: `still`, or one that remembers no refusal. */
  refusing(t: Pick<TestContext, 'after'>, still: Rig): Promise<Rig>;
  rowsOf(rig: Rig): Promise<Rows>;
  /** As whom it is asked: as both clients, or by turns where that takes too long. */
  sides(): readonly ClientId[];
}

/** On a SQLite file, copied for each. */
export async function onFile(t: Pick<TestContext, 'after'>): Promise<Ground> {
  const world = await makeWorld(t);
  const server: Ground['server'] = (one) => open(one, world.file);
  return { world, server, fresh: server, refusing: (_, still) => Promise.resolve(still), rowsOf: (rig) => Promise.resolve(rowsOf(rig)), sides: () => CLIENTS };
}

export const open = (t: Pick<TestContext, 'after'>, file: string): Promise<Rig> => serve(t, { from: file, open: { now: () => NOW, masterKey: MASTER_KEY } });

/** Made in a server of its own, which is closed: nothing but the file is left. */
export async function makeWorld(t: Pick<TestContext, 'after'>): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'prismq-cube-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const closing: (() => unknown)[] = [];
  const rig = await serve({ after: (close: () => unknown) => void closing.push(close) }, { open: { now: () => NOW } });
  const made = await fill(rig);
  const file = join(folder, 'world.db');
  const db = new DatabaseSync(rig.file);
  db.exec(`VACUUM INTO '${file}'`);
  db.close();
  for (const close of closing) await close();
  return { ...made, file, twins: sameIds(file, made.twins) };
}

/** The same in every store; ids are not twins yet. */
export async function fill(rig: Rig): Promise<World> {
  const keys = { acme: await keysOf(rig, 'acme'), globex: await keysOf(rig, 'globex') };
  // Logins are on record already.
  for (const key of [...Object.values(keys.acme), ...Object.values(keys.globex)]) if (key !== undefined) await rig.call('GET', '/queue/whoami', { key });
  await rig.queue.admin().categories.set({ pattern: 'Known.*', priority: 5 });
  const subjects = { acme: await subjectOf(rig, keys, 'acme'), globex: await subjectOf(rig, keys, 'globex') };
  const peers = { acme: await peerOf(rig, subjects.acme), globex: await peerOf(rig, subjects.globex) };
  const twins = { acme: await twinOf(rig, keys, subjects.acme), globex: await twinOf(rig, keys, subjects.globex) };
  return { file: rig.file, keys, subjects, peers, twins };
}

async function keysOf(rig: Rig, clientId: ClientId): Promise<Record<CubeRole, string | undefined>> {
  return {
    anonymous: undefined,
    client: await rig.key({ role: 'client', clientId }),
    worker: await rig.key({ role: 'worker', name: `${clientId}:w`, grants: [{ clientId, pattern: '*' }] }),
    client_admin: await rig.key({ role: 'admin', clientId }),
    client_auditor: await rig.key({ role: 'auditor', clientId }),
    platform_admin: await rig.key({ role: 'admin' }),
    auditor: await rig.key({ role: 'auditor' }),
  };
}

const task = (clientId: string, type: string): Record<string, unknown> => ({
  type,
  payload: { note: secretOf(clientId) },
  metadata: { note: secretOf(clientId) },
  created_by: `user-of-${clientId}`,
});

async function enqueue(rig: Rig, key: string | undefined, body: Record<string, unknown>): Promise<string> {
  const made = await rig.call('POST', '/queue/enqueue', { key, body });
  return at<string>(made, 'task_id');
}

async function subjectOf(rig: Rig, keys: World['keys'], clientId: ClientId): Promise<Subject> {
  const { client, worker, client_admin } = keys[clientId];
  const heldId = await enqueue(rig, client, task(clientId, 'T.Held'));
  const claimed = await rig.call('POST', '/queue/claim', { key: worker, body: {} });
  // The same key in both clients: each has its own task of it.
  const taskId = await enqueue(rig, client, { ...task(clientId, 'T.Waits'), idempotency_key: 'twin' });
  const endedId = await enqueue(rig, client, task(clientId, 'T.Ended'));
  await rig.call('POST', `/queue/tasks/${endedId}/cancel`, { key: client, body: {} });
  const grants = await rig.call('GET', '/queue/admin/grants', { key: client_admin });
  const spare = await rig.queue.admin().keys.create({ role: 'client', clientId, name: `spare-of-${clientId}` });
  // A name of its own in each client, so that the other's is absent here.
  const { schedules, limits } = rig.queue.as({ role: 'admin', clientId }).inside(clientId, 'made here');
  await schedules.set(`ticks-${clientId}`, { everyMs: 86_400_000, type: 'T.Tick', payload: { note: secretOf(clientId) } });
  await schedules.set(`spare-${clientId}`, { everyMs: 86_400_000, type: 'T.Tick', payload: { note: secretOf(clientId) } });
  await limits.set(`some-${clientId}`, { concurrency: 100_000 });
  await limits.pause({ pattern: 'Held.*' });
  return {
    clientId,
    taskId,
    endedId,
    heldId,
    lease: at<string>(claimed, 'tasks', 0, 'lease_id'),
    workerId: `${clientId}:w`,
    grantId: at<string>(grants, 'grants', 0, 'grant_id'),
    keyId: spare.keyId,
    schedule: `ticks-${clientId}`,
    limit: `some-${clientId}`,
  };
}

async function peerOf(rig: Rig, subject: Subject): Promise<Subject> {
  const { clientId } = subject;
  const workerId = `${clientId}:peer`;
  const key = await rig.key({ role: 'worker', name: workerId, grants: [{ clientId, pattern: 'Peer.*' }] });
  const heldId = await rig.queue.client(clientId).enqueue('Peer.Held', { note: secretOf(clientId) });
  const claimed = await rig.call('POST', '/queue/claim', { key, body: {} });
  return { ...subject, workerId, heldId: heldId.taskId, lease: at<string>(claimed, 'tasks', 0, 'lease_id') };
}

async function twinOf(rig: Rig, keys: World['keys'], subject: Subject): Promise<Subject> {
  const { client } = keys[subject.clientId as ClientId];
  const taskId = await enqueue(rig, client, task(subject.clientId, 'T.Twin'));
  const endedId = await enqueue(rig, client, task(subject.clientId, 'T.TwinEnded'));
  await rig.call('POST', `/queue/tasks/${endedId}/cancel`, { key: client, body: {} });
  return { ...subject, taskId, endedId };
}

/** Ids are made here, so no caller can choose one; a row that bears another's is put there by hand. */
function sameIds(file: string, twins: World['twins']): World['twins'] {
  const db = new DatabaseSync(file);
  const rename = db.prepare(`UPDATE tasks SET task_id = ? WHERE client_id = 'globex' AND task_id = ?`);
  const { taskId, endedId } = twins.acme;
  const renamed = Number(rename.run(taskId, twins.globex.taskId).changes) + Number(rename.run(endedId, twins.globex.endedId).changes);
  db.close();
  if (renamed !== 2) throw new Error(`${renamed} twins were made`);
  return { acme: twins.acme, globex: { ...twins.globex, taskId, endedId } };
}

/** What every table holds, by table and client ('' where there is none). */
export type Rows = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** What is no answer's business: when a key was last used. */
const NOT_SEEN: Readonly<Record<string, string>> = { api_keys: 'last_used_at_utc' };

export function rowsOf(rig: Rig): Rows {
  const db = new DatabaseSync(rig.file, { readOnly: true });
  const tables = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).all() as { name: string }[];
  const rows: Record<string, Record<string, string[]>> = {};
  for (const { name } of tables) {
    const byClient: Record<string, string[]> = {};
    for (const row of db.prepare(`SELECT * FROM ${name}`).all() as Record<string, unknown>[]) {
      const unseen = NOT_SEEN[name];
      if (unseen !== undefined) row[unseen] = undefined;
      (byClient[(row['client_id'] as string | null | undefined) ?? ''] ??= []).push(JSON.stringify(row));
    }
    rows[name] = byClient;
  }
  db.close();
  return rows;
}

/** The tables in which rows of this client differ. */
export function changedOf(before: Rows, after: Rows, clientId: string): string[] {
  const differs = (table: string): boolean => JSON.stringify(before[table]?.[clientId] ?? []) !== JSON.stringify(after[table]?.[clientId] ?? []);
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(differs).sort();
}

export const changed = (before: Rows, after: Rows): string[] =>
  [
    ...new Set([...CLIENTS, '', '*', 'nobody'].flatMap((clientId) => changedOf(before, after, clientId).map((table) => `${table} of ${clientId || 'all'}`))),
  ].sort();

export { otherThan };
