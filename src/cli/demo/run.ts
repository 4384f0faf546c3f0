// The demo: files become tasks of several clients, a real worker works them, and the queue is asked what came of it.
import { QueueError } from '../../domain/errors.ts';
import type { AuditReport, ClientHandle, Queue } from '../../service/handles.ts';
import type { Handler, Handlers, Worker, WorkerEvent, WorkerLogger, WorkerOptions } from '../../worker/types.ts';
import { startWorker } from '../../worker/worker.ts';
import { countFile } from './count.ts';
import type { FileCounts, FileTask } from './count.ts';
import { areaOf, categoryOf, clientsOf } from './files.ts';
import type { FoundFile } from './files.ts';

/** Of the worker's time: the rest stays queued. */
const WORK_MS = 14_000;
const CONCURRENCY = 16;

export interface Share {
  files: number;
  completed: number;
  failed: number;
  lines: number;
  words: number;
  bytes: number;
  readonly categories: Set<string>;
}

export interface DemoReport {
  readonly clients: ReadonlyMap<string, Share>;
  readonly completed: number;
  readonly left: number;
  readonly seconds: number;
  readonly isolation: Isolation;
  readonly audit: AuditReport;
}

/** What a client was answered when it asked for a task of another. */
export interface Isolation {
  readonly asked: string;
  readonly owner: string;
  readonly answer: string;
  readonly taskId: string;
}

/** Where the demo plays: in this process, or at a server. */
export interface Stage {
  client(clientId: string): Promise<Pick<ClientHandle, 'enqueueMany' | 'get'>>;
  work(handlers: Handlers, options: WorkerOptions): Worker;
  audit(): Promise<AuditReport>;
  /** What counts a file. */
  readonly count: typeof countFile;
}

export const inProcess = (queue: Queue): Stage => ({
  client: async (clientId) => queue.client(clientId),
  work: (handlers, options) => startWorker(queue, handlers, options),
  audit: () => queue.auditSummary(),
  count: countFile,
});

export async function runDemo(
  stage: Stage,
  folder: string,
  files: readonly FoundFile[],
  signal: AbortSignal,
  progress: (done: number, note: string) => void,
): Promise<DemoReport> {
  const clientOf = clientsOf(files);
  const shares = new Map<string, Share>();
  const owner = (path: string): string => clientOf.get(areaOf(path)) ?? 'others';
  for (const { path } of files) {
    const share = shares.get(owner(path)) ?? { files: 0, completed: 0, failed: 0, lines: 0, words: 0, bytes: 0, categories: new Set() };
    share.files++;
    share.categories.add(categoryOf(path));
    shares.set(owner(path), share);
  }
  const started = performance.now();
  const first = await enqueueAll(stage, folder, files, owner);
  const { completed, lastAt } = await workAll(stage, shares, new Set(first.ids), signal, progress);
  const seconds = (lastAt - started) / 1000;
  return {
    clients: shares,
    completed,
    left: files.length - completed,
    seconds,
    isolation: await tryForeign(stage, first, [...shares.keys()]),
    audit: await stage.audit(),
  };
}

interface Enqueued {
  readonly ids: readonly string[];
  readonly taskId: string;
  readonly owner: string;
}

/** Fits into one request. */
const MOST_AT_ONCE = 500;

async function enqueueAll(stage: Stage, folder: string, files: readonly FoundFile[], ownerOf: (path: string) => string): Promise<Enqueued> {
  const ids: string[] = [];
  let sample: { readonly taskId: string; readonly owner: string } | undefined;
  for (const [owner, own] of Map.groupBy(files, (file) => ownerOf(file.path))) {
    const items = own.map(({ path }) => ({
      type: categoryOf(path),
      payload: { folder, path } satisfies FileTask,
      createdBy: 'demo',
      metadata: { folder: areaOf(path) },
    }));
    const client = await stage.client(owner);
    for (let i = 0; i < items.length; i += MOST_AT_ONCE) {
      for (const answer of await client.enqueueMany(items.slice(i, i + MOST_AT_ONCE), { atomic: true })) {
        if (!answer.ok) continue;
        ids.push(answer.taskId);
        sample ??= { taskId: answer.taskId, owner };
      }
    }
  }
  if (sample === undefined) throw new QueueError('invalid_input', 'there is nothing to work on', { fields: [{ field: 'dir', message: 'empty' }] });
  return { ids, ...sample };
}

/** Works until everything of this run has ended, the time is over or the signal fires. Answers how many completed, and when the last ended. */
async function workAll(
  stage: Stage,
  shares: ReadonlyMap<string, Share>,
  ids: ReadonlySet<string>,
  signal: AbortSignal,
  progress: (done: number, note: string) => void,
): Promise<{ readonly completed: number; readonly lastAt: number }> {
  let ended = 0;
  let completed = 0;
  let lastAt = performance.now();
  const over = Promise.withResolvers<void>();
  const heard = (event: WorkerEvent): void => {
    if (event.type !== 'ended' || !ids.has(event.taskId) || event.op === 'release' || event.status === 'failed') return;
    const share = shares.get(event.clientId);
    if (share !== undefined) share[event.op === 'complete' ? 'completed' : 'failed']++;
    if (event.op === 'complete') completed++;
    lastAt = performance.now();
    progress(++ended, `${event.clientId} ${event.taskType}`);
    if (ended >= ids.size) over.resolve();
  };
  const worker = stage.work(
    { 'Demo.Files.*': { run: counted(stage.count, shares) as Handler, version: '1' } },
    { name: 'demo', concurrency: CONCURRENCY, logger: silent, onEvent: heard },
  );
  const timer = setTimeout(over.resolve, WORK_MS);
  signal.addEventListener('abort', () => over.resolve());
  await Promise.race([over.promise, worker.done]);
  clearTimeout(timer);
  await worker.stop({ graceMs: 1000 });
  return { completed, lastAt };
}

export const silent: WorkerLogger = { info: () => undefined, warn: () => undefined, error: () => undefined };

function counted(countOne: typeof countFile, shares: ReadonlyMap<string, Share>): typeof countFile {
  return async (input, ctx) => {
    const result = await countOne(input, ctx);
    const share = shares.get(ctx.task.clientId);
    if (share !== undefined && 'sha256' in result) addTo(share, result);
    return result;
  };
}

function addTo(share: Share, { lines, words, bytes }: FileCounts): void {
  share.lines += lines;
  share.words += words;
  share.bytes += bytes;
}

/** One client asks for a task of another, for real. */
async function tryForeign(stage: Stage, { taskId, owner }: Enqueued, clients: readonly string[]): Promise<Isolation> {
  const asked = clients.find((client) => client !== owner) ?? 'stranger';
  try {
    await (await stage.client(asked)).get(taskId);
    return { asked, owner, taskId, answer: 'the task' };
  } catch (error) {
    return { asked, owner, taskId, answer: error instanceof QueueError ? error.code : String(error) };
  }
}
