// The access table through the service: every operation that a role has a method for, allowed or refused as its row says, on
// what is its own, what is another client's and what is absent. The rows are those of access-table.ts, not of the code.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { ACCESS, COLUMNS } from '../src/domain/access.ts';
import type { AccessRule, Column, Operation } from '../src/domain/access.ts';
import type { ClaimedTask, LeaseRef } from '../src/domain/task.ts';
import { EXPECTED } from './access-table.ts';
import type { AdminHandle, AuditorHandle, ClientHandle, Queue, SystemHandle, WorkerHandle } from '../src/service/handles.ts';
import { opener } from './store/opener.ts';

/** What a call is about: ids that are the caller's own, another client's, or nobody's. */
interface Subject {
  readonly clientId: string;
  /** Waits; `endedId` is cancelled. */
  readonly taskId: string;
  readonly endedId: string;
  readonly lease: LeaseRef;
  readonly grantId: string;
  readonly keyId: string;
  readonly schedule: string;
  readonly limit: string;
}
interface Handles {
  readonly client: ClientHandle;
  readonly worker: WorkerHandle;
  readonly client_admin: AdminHandle;
  readonly platform_admin: AdminHandle;
  readonly auditor: AuditorHandle;
  readonly system: SystemHandle;
}
type Calls = { readonly [C in Column]?: (handle: Handles[C], subject: Subject) => Promise<unknown> };
type AdminCall = (handle: AdminHandle, subject: Subject) => Promise<unknown>;

const admins = (call: AdminCall): Calls => ({ client_admin: call, platform_admin: call });
const clientLike = (call: (handle: ClientHandle, subject: Subject) => Promise<unknown>): Calls => {
  const inside: AdminCall = async (handle, subject) => call(handle.inside(subject.clientId, 'a ticket'), subject);
  return { client: call, ...admins(inside) };
};
const reads = (call: (handle: ClientHandle | AdminHandle, subject: Subject) => Promise<unknown>): Calls => ({ client: call, ...admins(call) });
const worker = (call: (handle: WorkerHandle, subject: Subject) => Promise<unknown>): Calls => ({ worker: call });

const payloadOf = async (handle: ClientHandle | AdminHandle, subject: Subject): Promise<void> =>
  assert.equal((await handle.get(subject.taskId)).payload, 'secret');

/** An operation without a row here has no method of its own on any handle. */
const CALLS: { readonly [O in Operation]?: Calls } = {
  'task.enqueue': clientLike((h) => h.enqueue('T.New')),
  'task.get': reads((h, s) => h.get(s.taskId)),
  // A client has it with its task, and who has it not sees the columns left out: the last test has that.
  'task.payload': { client: payloadOf, ...admins((h, s) => h.payload(s.taskId, 'a ticket')) },
  'task.list': reads((h) => h.list()),
  'task.explain': reads((h, s) => h.explain(s.taskId)),
  'client.usage': clientLike((h) => h.quota()),
  'task.unroutable': reads((h) => h.unroutable()),
  'task.forecast': reads((h, s) => h.forecast(s.taskId)),
  'task.stats': { ...reads((h) => h.stats()), auditor: (h) => h.stats(), system: (h) => h.stats() },
  'task.wait': clientLike((h, s) => h.wait(s.endedId)),
  'task.cancel': reads((h, s) => h.cancel(s.taskId)),
  'task.requeue': reads((h, s) => h.requeue(s.endedId)),
  'task.reprioritise': clientLike((h, s) => h.reprioritise(s.taskId, 3)),
  'task.amend': clientLike((h, s) => h.amend(s.taskId, { payload: 2 })),
  'task.purge': admins((h, s) => h.purge(s.endedId)),
  'task.dependencies': reads((h, s) => h.dependencies(s.taskId)),
  'task.logs': { ...reads((h, s) => h.logs(s.taskId)), auditor: (h, s) => h.logs(s.taskId) },
  'task.events': {
    client: (h) => first(h.events({ after: 0 })),
    client_admin: (h) => first(h.events({ after: 0 })),
    platform_admin: (h) => first(h.events({ after: 0 })),
    auditor: (h) => first(h.events({ after: 0 })),
  },
  'bulk.cancel': clientLike((h, s) => h.bulk('cancel', { ids: [s.taskId] })),
  'bulk.requeue': clientLike((h, s) => h.bulk('requeue', { ids: [s.endedId] })),
  'bulk.reprioritise': clientLike((h, s) => h.bulk('reprioritise', { ids: [s.taskId], priority: 3 })),
  'bulk.purge': clientLike((h, s) => h.bulk('purge', { ids: [s.endedId] })),
  'inbox.list': worker((h) => h.inbox()),
  'lease.claim': worker((h) => h.claim()),
  'lease.heartbeat': worker((h, s) => h.heartbeat([s.lease])),
  'lease.complete': worker((h, s) => h.complete(s.lease)),
  'lease.fail': worker((h, s) => h.fail(s.lease, 'no')),
  'lease.release': worker((h, s) => h.release(s.lease)),
  'lease.progress': worker((h, s) => h.progress(s.lease, 1)),
  'lease.enqueue': worker((h, s) => h.enqueueChild(s.lease, 'T.Child')),
  'lease.parents': worker((h, s) => h.parents(s.lease)),
  'lease.log': worker((h, s) => h.log(s.lease, 'hello')),
  'worker.register': worker((h) => h.register()),
  'worker.heartbeat': worker((h) => h.beat('ready')),
  'worker.deregister': worker((h) => h.deregister()),
  'worker.list': admins((h) => h.workers.list()),
  'worker.remove': admins((h) => h.workers.remove('w')),
  'grant.create': admins((h, s) => h.grants.create('w', { clientId: s.clientId, pattern: 'New.*' })),
  'grant.list': admins((h) => h.grants.list()),
  'grant.delete': admins((h, s) => h.grants.delete(s.grantId)),
  'key.create': admins((h, s) => h.keys.create({ role: 'client', clientId: s.clientId })),
  'key.list': admins((h) => h.keys.list()),
  'key.rotate': admins((h, s) => h.keys.rotate(s.keyId)),
  'key.bootstrap': { system: (h) => h.openBootstrap() },
  'key.revoke': admins((h, s) => h.keys.revoke(s.keyId)),
  'client.create': admins((h) => h.clients.create('fresh')),
  'client.list': admins((h) => h.clients.list()),
  'client.suspend': admins((h, s) => h.clients.suspend(s.clientId)),
  'client.weight': admins((h, s) => h.clients.weight(s.clientId, 2)),
  'client.quota': admins((h, s) => h.clients.quota(s.clientId, { tasks: 100 })),
  'category.forecast': clientLike((h) => h.forecastType('T.New')),
  'client.encrypt': admins((h, s) => h.clients.encrypt(s.clientId)),
  'client.erase': admins((h, s) => h.clients.erase(s.clientId, 'a request')),
  'client.export': admins((h, s) => h.clients.exportPage(s.clientId, { reason: 'a request' })),
  'category.set': admins((h) => h.categories.set({ pattern: 'New.*', priority: 5 })),
  'category.list': admins((h) => h.categories.list()),
  'category.delete': admins((h) => h.categories.delete('Known.*')),
  'schedule.set': clientLike((h) => h.schedules.set('fresh', { everyMs: 60_000, type: 'T.Tick' })),
  'schedule.list': reads((h) => h.schedules.list()),
  'schedule.get': clientLike((h, s) => h.schedules.get(s.schedule)),
  'schedule.delete': clientLike((h, s) => h.schedules.delete(s.schedule)),
  'schedule.pause': clientLike((h, s) => h.schedules.pause(s.schedule)),
  'schedule.run': clientLike((h, s) => h.schedules.run(s.schedule)),
  'schedule.fire': { system: (h) => h.fire() },
  'limit.set': clientLike((h) => h.limits.set('fresh', { concurrency: 100_000 })),
  'limit.list': reads((h) => h.limits.list()),
  'limit.delete': clientLike((h, s) => h.limits.delete(s.limit)),
  'queue.pause': clientLike((h) => h.limits.pause({ pattern: 'New.*' })),
  'audit.events': { ...admins((h) => h.securityEvents()), auditor: (h) => h.securityEvents() },
  'audit.trail': { ...admins((h) => h.audit.trail()), auditor: (h) => h.audit.trail() },
  'audit.verify': { ...admins((h) => h.audit.verify()), auditor: (h) => h.audit.verify() },
  'audit.export': { ...admins((h) => first(h.audit.export())), auditor: (h) => first(h.audit.export()) },
  'audit.anchor': { platform_admin: (h) => h.audit.nextAnchor(), client_admin: (h) => h.audit.nextAnchor(), system: (h) => h.nextAnchor() },
  'audit.retain': admins((h, s) => h.audit.retain(s.clientId, null)),
  'audit.retention': { ...admins((h) => h.audit.retention()), auditor: (h) => h.audit.retention() },
  'audit.cut': { system: (h) => h.cutAudit() },
  'audit.seal': { system: (h) => h.seal() },
  'metrics.read': { ...admins((h) => h.metrics()), auditor: (h) => h.metrics(), system: (h) => h.metrics() },
  'janitor.tick': { ...admins((h) => h.tick()), system: (h) => h.tick() },
};

async function first<T>(values: AsyncIterable<T>): Promise<T | null> {
  for await (const value of values) return value;
  return null;
}

interface World {
  readonly queue: Queue;
  readonly handles: Handles;
  readonly own: Subject;
  readonly foreign: Subject;
}

async function world(t: TestContext): Promise<World> {
  const queue = await opener.open({ janitorMs: 0, masterKey: '5'.repeat(64) });
  t.after(() => queue.close());
  const own = await subjectOf(queue, 'own', 'w');
  const foreign = await subjectOf(queue, 'foreign', 'w2');
  await queue.admin().categories.set({ pattern: 'Known.*', priority: 5 });
  const handles: Handles = {
    client: queue.as({ role: 'client', clientId: 'own' }),
    worker: queue.as({ role: 'worker', workerId: 'w' }),
    client_admin: queue.as({ role: 'admin', clientId: 'own' }),
    platform_admin: queue.as({ role: 'admin' }),
    auditor: queue.as({ role: 'auditor' }),
    system: queue.as({ role: 'system' }),
  };
  return { queue, handles, own, foreign };
}

async function subjectOf(queue: Queue, clientId: string, workerId: string): Promise<Subject> {
  const client = queue.client(clientId);
  await client.enqueue('T.Held');
  const { grantId } = await queue.admin().grants.create(workerId, { clientId, pattern: '*' });
  const [lease] = await queue.as({ role: 'worker', workerId }).claim();
  const { taskId } = await client.enqueue('T.Waits', 'secret');
  const { taskId: endedId } = await client.enqueue('T.Ended', 'secret');
  await client.cancel(endedId);
  const { keyId } = await queue.admin().keys.create({ role: 'client', clientId });
  const { schedules, limits } = queue.admin().inside(clientId, 'made here');
  const [schedule, limit] = [`ticks-${clientId}`, `some-${clientId}`];
  await schedules.set(schedule, { everyMs: 60_000, type: 'T.Tick' });
  await limits.set(limit, { concurrency: 100_000 });
  return { clientId, taskId, endedId, lease: lease as ClaimedTask, grantId, keyId, schedule, limit };
}

/** Applies the call of a column; the cast ties a handle to the column that it was looked up by. */
async function perform(operation: Operation, column: Column, { handles }: World, subject: Subject): Promise<unknown> {
  const call = CALLS[operation]?.[column] as ((handle: Handles[Column], subject: Subject) => Promise<unknown>) | undefined;
  return call?.(handles[column], subject);
}

/** Every client's rows, as their owners see them. */
async function snapshot(queue: Queue): Promise<unknown> {
  const tasks = await Promise.all(['own', 'foreign'].map(async (id) => (await queue.client(id).list()).items));
  const admin = queue.admin();
  return { tasks, clients: await admin.clients.list(), grants: await admin.grants.list(), keys: await admin.keys.list(), known: await admin.categories.list() };
}

test('the table of the code is the table of the tests, cell for cell', () => {
  const rows = Object.entries<AccessRule>(ACCESS).map(([operation, { reach, foreign, audit }]) => ({ operation, reach, foreign, audit }));
  assert.deepEqual(rows, EXPECTED);
  assert.equal(EXPECTED.length, 79);
  for (const { operation, reach } of EXPECTED)
    for (const column of Object.keys(CALLS[operation as Operation] ?? {})) assert.ok(column in reach, `${operation} has a column ${column}`);
});

const done = async (queue: Queue, operation: Operation): Promise<number> =>
  (await queue.admin().securityEvents({ limit: 1000 })).items.filter((event) => event.action === operation && event.outcome === 'done').length;

for (const { operation: name, reach, foreign, audit } of EXPECTED)
  for (const column of COLUMNS) {
    const operation = name as Operation;
    if (CALLS[operation]?.[column] === undefined) continue;
    if (reach[column] === 'no') {
      test(`${operation} is refused to ${column} and recorded`, async (t) => {
        const here = await world(t);
        const before = await snapshot(here.queue);
        await assert.rejects(perform(operation, column, here, here.own), { code: 'forbidden' });
        assert.deepEqual(await snapshot(here.queue), before);
        const { items } = await here.queue.admin().securityEvents({ limit: 1000 });
        assert.equal(items.filter((event) => event.action === operation && event.outcome === 'denied').length, 1);
      });
      continue;
    }
    const recorded = audit === 'always' || reach[column] === 'named';
    test(`${operation} is given to ${column}, and ${recorded ? 'recorded' : 'leaves no security event'}`, async (t) => {
      const here = await world(t);
      const before = await done(here.queue, operation);
      await perform(operation, column, here, here.own);
      assert.equal((await done(here.queue, operation)) - before, recorded ? 1 : 0);
    });
    // What a foreign heartbeat answers is a list; the conformance suite has it.
    const bounded = reach[column] === 'own' || (reach[column] === 'lease' && operation !== 'lease.heartbeat');
    if (bounded && (foreign === 'not_found' || foreign === 'lease_lost'))
      test(`${operation} of ${column} answers ${foreign} for what is another's or absent`, async (t) => {
        const here = await world(t);
        const before = await snapshot(here.queue);
        const nobody = '01890000-0000-7000-8000-000000000000';
        const absent = {
          clientId: 'nobody',
          taskId: nobody,
          endedId: nobody,
          lease: { ...here.own.lease, leaseId: nobody },
          grantId: 'none',
          keyId: 'none',
          schedule: 'none',
          limit: 'none',
        };
        for (const subject of [here.foreign, absent]) await assert.rejects(perform(operation, column, here, subject), { code: foreign });
        assert.deepEqual(await snapshot(here.queue), before);
      });
  }

test('a look of the platform at a payload is on record where the client sees it, before it is seen', async (t) => {
  const { queue, handles, own, foreign } = await world(t);
  const seen = await handles.platform_admin.payload(own.taskId, 'ticket 7');
  assert.equal(seen.payload, 'secret');
  const [event] = (await handles.client_admin.securityEvents()).items;
  assert.deepEqual(
    [event?.action, event?.object, event?.actor, event?.clientId, event?.details],
    ['task.payload', own.taskId, 'admin', 'own', { reason: 'ticket 7' }],
  );
  const before = (await queue.admin().securityEvents()).items;
  assert.equal((await handles.client_admin.payload(own.taskId, 'its own')).payload, 'secret');
  await assert.rejects(handles.platform_admin.payload(own.taskId, ' '), { code: 'invalid_input' });
  await assert.rejects(handles.platform_admin.payload('absent', 'ticket 7'), { code: 'not_found' });
  await assert.rejects(handles.client_admin.payload(foreign.taskId, 'ticket 7'), { code: 'not_found' });
  assert.deepEqual((await queue.admin().securityEvents()).items, before);
});

test('a page of one client has nothing of another, and admins of the platform see no payload', async (t) => {
  const { handles, own } = await world(t);
  for (const handle of [handles.client, handles.client_admin]) {
    assert.deepEqual([...new Set((await handle.list()).items.map((task) => task.clientId))], ['own']);
    assert.equal((await handle.get(own.taskId)).payload, 'secret');
  }
  assert.equal('payload' in (await handles.platform_admin.get(own.taskId)), false);
  assert.equal('payload' in (await handles.platform_admin.inside('own', 'a ticket').get(own.taskId)), false);
  assert.deepEqual([...new Set((await handles.client_admin.grants.list()).map((grant) => grant.clientId))], ['own']);
  assert.deepEqual([...new Set((await handles.client_admin.keys.list()).map((key) => key.clientId))], ['own']);
});
