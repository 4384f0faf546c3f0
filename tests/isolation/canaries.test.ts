// Canaries: everything that tells of one client is marked, and every operation of the interface is asked by everybody who may not know of it,
// about its things, about the asker's own and about none. No answer, no head, no log line, metric, event, export or error has a mark.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { OPERATION_LIST, rowOf } from '../../src/contract/operations.ts';
import type { OperationName } from '../../src/contract/operations.ts';
import { openQueue } from '../../src/index.ts';
import type { Queue } from '../../src/index.ts';
import { callOf, CALLS } from '../http/cube/calls.ts';
import type { CubeCall, MakeCall } from '../http/cube/calls.ts';
import { ABSENT } from '../http/cube/world.ts';
import type { Subject } from '../http/cube/world.ts';
import { openStream } from '../http/frames.ts';
import { call } from '../http/stand.ts';
import { binaries, startServer } from '../postgres/server.ts';
import type { Server } from '../postgres/server.ts';
import { A, ASKERS, B, makeWorld } from './canaries/world.ts';
import type { Asker, World } from './canaries/world.ts';
import { tell } from './told.ts';

const variants = (name: OperationName, subject: Subject): readonly CubeCall[] => {
  const calls = (CALLS as Readonly<Partial<Record<OperationName, Readonly<Record<string, MakeCall>>>>>)[name];
  return calls === undefined ? [callOf(name, subject)] : Object.values(calls).map((make) => make(subject));
};

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function ask(world: World, key: string | undefined, name: OperationName, { path, body }: CubeCall): Promise<Answer> {
  const { method, stream } = rowOf(name);
  if (stream === true) return listenTo(world, key, path);
  const answer = await call(world.url, method, path, { key, ...(body === undefined ? {} : { body }) });
  return { status: answer.status, text: `${[...answer.headers].map((head) => head.join(': ')).join('\n')}\n${answer.text}` };
}

/** Everything from the first event on, until nothing more comes: the asker's own events are followed by one that it makes itself. */
async function listenTo(world: World, key: string | undefined, path: string): Promise<Answer> {
  const stream = await openStream(world.url, path, { key });
  if (stream.status !== 200) return { status: stream.status, text: await stream.text() };
  const { taskId } = await world.queue.client(A).enqueue('Last.One');
  let text = '';
  for (let frame = await stream.next(); frame !== null; frame = await stream.next()) {
    text += JSON.stringify(frame);
    if (text.includes(taskId)) break;
  }
  stream.close();
  return { status: 200, text };
}

/** The asker's own record of what it tried on the other client, by the name that it gave; in an export its columns follow each other. */
const TRIED = [`"object":"${B}"`, `"${B}","denied"`] as const;

/** What was sent may come back: it is no news. */
const newsOf = (text: string, world: World, { path, body }: CubeCall): readonly string[] => {
  const heard = TRIED.reduce((left, tried) => left.replaceAll(tried, ''), text);
  const sent = `${path} ${JSON.stringify(body ?? '')}`;
  return world.canaries.filter((canary) => heard.includes(canary) && !sent.includes(canary));
};

/** Of a platform and no client, or it would end the world that all share. */
const LAST = ['deregister'] as const satisfies readonly OperationName[];
const NAMES = [...OPERATION_LIST.filter((name) => !(LAST as readonly OperationName[]).includes(name)), ...LAST];

/** Of things that a call does not name there is one call and not three; nobody waits. */
function callsOf(name: OperationName, world: World): readonly CubeCall[] {
  const calls = [world.foreign, ABSENT, world.own].flatMap((subject) => variants(name, subject));
  const brief = calls.map((one) => ({ ...one, path: one.path.replace('wait_ms=30000', 'wait_ms=0') }));
  return [...new Map(brief.map((one) => [JSON.stringify(one), one])).values()];
}

async function search(world: World, asker: Asker): Promise<{ readonly asked: number; readonly crossed: readonly string[] }> {
  let asked = 0;
  const crossed: string[] = [];
  for (const name of NAMES)
    for (const one of callsOf(name, world)) {
      asked += 1;
      world.log();
      const { text } = await ask(world, world.keys[asker], name, one);
      const found = [...newsOf(text, world, one), ...newsOf(world.log(), world, one)];
      if (found.length > 0) crossed.push(`${name} ${one.path} told ${asker} ${found.join(', ')}: ${text.slice(0, 300)}`);
    }
  return { asked, crossed };
}

const ENGINES: readonly { readonly engine: 'sqlite' | 'postgres'; readonly open: () => Promise<Queue | null> }[] = [
  { engine: 'sqlite', open: () => openQueue(':memory:', { janitorMs: 0 }) },
  {
    engine: 'postgres',
    open: async () => {
      if (binaries().length === 0) return null;
      server = await startServer();
      return openQueue(await (server as Server).database({ realClock: true }), { janitorMs: 0, listenUrl: null, connections: 2 });
    },
  },
];
let server: Server | null = null;
after(() => server?.stop());

for (const { engine, open } of ENGINES)
  describe(`canaries on ${engine}`, { skip: engine === 'postgres' && binaries().length === 0 }, () => {
    let world: World;
    before(async () => {
      world = await makeWorld((await open()) as Queue);
    });
    after(() => world.close());

    test('their owner sees them (control), and so does who searches', async (t) => {
      const tasks = await ask(world, world.owner, 'listTasks', { path: '/queue/tasks' });
      const logs = await ask(world, world.owner, 'taskLogs', { path: `/queue/tasks/${world.foreign.endedId}/logs` });
      for (const mark of ['payload', 'metadata', 'result', 'error', 'progress', 'submitter', 'type']) assert.match(tasks.text, new RegExp(`cnry[-_]${mark}`));
      assert.match(logs.text, /cnry-reason/);
      assert.ok(newsOf(tasks.text, world, { path: '' }).length > 3);
      tell(t, { engine, part: 'canaries: their owner sees them', controls: 2, controlsOk: 2 });
    });

    // Before anybody has tried anything: what is tried is on the record of who tried.
    test('exports, trails and metrics of another client have none', async (t) => {
      const auditor = world.queue.as({ role: 'auditor', clientId: A });
      let text = JSON.stringify([await auditor.audit.trail({ limit: 1000 }), await auditor.securityEvents({ limit: 1000 }), await auditor.metrics()]);
      for await (const line of auditor.audit.export()) text += JSON.stringify(line);
      assert.ok(text.includes(A));
      const found = newsOf(text, world, { path: '' });
      tell(t, { engine, part: 'canaries: export, trail, events and numbers of another client', cases: 4, refused: found.length === 0 ? 4 : 0 });
      assert.deepEqual(found, []);
    });

    for (const asker of ASKERS)
      test(`no operation tells ${asker} of them`, async (t) => {
        const { asked, crossed } = await search(world, asker);
        tell(t, { engine, part: `canaries: every operation asked by ${asker}`, cases: asked, refused: asked - crossed.length });
        assert.deepEqual(crossed, []);
        assert.ok(asked > 80);
      });

    test('the log of the server has no payload, result, error, message, metadata or key of anybody', async (t) => {
      world.log();
      const client = world.owner;
      for (const body of [{ type: 'T.X', payload: 'cnry-secret', idempotency_key: 'cnry-secret', metadata: { k: 'cnry-secret' } }, { type: 'cnry secret' }])
        await call(world.url, 'POST', '/queue/enqueue', { key: client, body });
      await call(world.url, 'GET', '/queue/tasks/cnry-secret?limit=cnry-secret', { key: client });
      await call(world.url, 'GET', '/queue/stats', { key: `${client}x` });
      const log = world.log();
      assert.ok(log.includes(B) && log.split('\n').length > 4);
      assert.doesNotMatch(log, /cnry/);
      assert.ok(!log.includes(client.split('_').at(-1) as string));
      tell(t, { engine, part: 'canaries: the log of the server', cases: 4, refused: 4 });
    });
  });
