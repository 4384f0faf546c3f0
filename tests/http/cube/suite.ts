// The access cube through HTTP, for any store: every operation × role × relation, as both clients: what is answered, column by column, which
// rows of which client are others afterwards, and what is on record.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { OPERATION_LIST, rowOf } from '../../../src/contract/operations.ts';
import type { OperationName } from '../../../src/contract/operations.ts';
import { ACCESS } from '../../../src/domain/access.ts';
import type { AccessRule, Column, Operation, Reach } from '../../../src/domain/access.ts';
import type { ErrorCode } from '../../../src/domain/errors.ts';
import { assertProblem, assertQuiet, assertShape } from '../conforms.ts';
import { APART, asked, CALLS, NAMES_AN_OBJECT } from './calls.ts';
import type { CubeName } from './calls.ts';
import { ABSENT, changed, changedOf, ROLES, secretOf } from './world.ts';
import type { CubeRole, Ground, Rows, Subject, World } from './world.ts';
import { openStream } from '../frames.ts';
import { CLIENTS, otherThan } from '../stand.ts';
import type { Answered, ClientId, Rig } from '../stand.ts';

const NAMES = OPERATION_LIST.filter((name): name is CubeName => !Object.hasOwn(APART, name));

let ground: Ground;
let world: World;
/** For calls that must change nothing: one server a block. Of one server a hundred kinds of refusals are told apart in a while. */
let still: Rig;
function inOneServer(): void {
  const here: (() => unknown)[] = [];
  before(async () => {
    still = await ground.server({ after: (close: () => unknown) => void here.push(close) });
  });
  after(async () => {
    for (const close of here) await close();
  });
}

const COLUMN: Readonly<Record<Exclude<CubeRole, 'anonymous'>, Column>> = {
  client: 'client',
  worker: 'worker',
  client_admin: 'client_admin',
  client_auditor: 'auditor',
  platform_admin: 'platform_admin',
  auditor: 'auditor',
};
const OF_A_CLIENT: ReadonlySet<CubeRole> = new Set<CubeRole>(['client', 'worker', 'client_admin', 'client_auditor']);

const BY_VARIANT: Readonly<Record<string, Operation>> = {
  'updateTask reprioritise': 'task.reprioritise',
  'updateTask amend': 'task.amend',
  'updateClient status': 'client.suspend',
  'updateClient weight': 'client.weight',
  'settle complete': 'lease.complete',
  'settle fail': 'lease.fail',
  'settle release': 'lease.release',
};
function operationOf(name: OperationName, variant: string): Operation {
  const { access } = rowOf(name);
  return BY_VARIANT[`${name} ${variant}`] ?? (typeof access === 'string' ? (access as Operation) : (access[0] as Operation));
}

interface Case {
  readonly name: CubeName;
  readonly variant: string;
  readonly role: CubeRole;
  readonly rule: AccessRule;
  readonly operation: Operation;
  readonly reach: Reach;
}

async function perform(rig: Rig, { name, variant, role }: Case, clientId: ClientId, subject: Subject, headers?: Record<string, string>): Promise<Answered> {
  const call = CALLS[name][variant]?.(subject);
  assert.ok(call);
  const key = world.keys[clientId][role];
  if (rowOf(name).stream !== true) return rig.call(rowOf(name).method, call.path, asked(call, key, headers));
  const stream = await openStream(rig.url, call.path, { key, ...(headers === undefined ? {} : { headers }) });
  const text = stream.status === 200 ? await allOf(rig, stream, seenBy(role, clientId, headers)) : await stream.text();
  stream.close();
  return { status: stream.status, headers: stream.headers, text, json: stream.status === 200 ? {} : (JSON.parse(text) as Answered['json']) };
}

/** As many events as the caller may see, by the rows themselves. */
async function allOf(rig: Rig, stream: Awaited<ReturnType<typeof openStream>>, seen: readonly string[]): Promise<string> {
  const rows = (await ground.rowsOf(rig))['task_events'] ?? {};
  let text = '';
  for (let left = seen.reduce((sum, id) => sum + (rows[id]?.length ?? 0), 0); left > 0; left--) {
    const frame = await stream.next();
    assert.ok(frame);
    assertShape('Event', frame.data);
    text += JSON.stringify(frame.data);
  }
  return text;
}

const seenBy = (role: CubeRole, clientId: ClientId, headers?: Record<string, string>): readonly string[] =>
  headers !== undefined ? [headers['prismq-client'] as string] : OF_A_CLIENT.has(role) ? [clientId] : CLIENTS;
const inClient = (clientId: string): Record<string, string> => ({ 'prismq-client': clientId, 'prismq-reason': 'a ticket' });

/** What the caller may never be told, whatever it asks. */
function assertSeesNoMore({ role, name }: Case, clientId: ClientId, answer: Answered): void {
  assertQuiet(answer.text);
  const other = otherThan(clientId);
  if (OF_A_CLIENT.has(role)) assert.ok(!answer.text.includes(other), `${name} tells a ${role} of ${clientId} about ${other}: ${answer.text.slice(0, 500)}`);
  // An export is a look at everything, with a reason that is on record.
  else if (name !== 'exportClient') assert.ok(!answer.text.includes('secret-of-'), `${name} tells a ${role} a payload: ${answer.text.slice(0, 500)}`);
}

const securityOf = (rows: Rows): Record<string, unknown>[] =>
  Object.values(rows['security_events'] ?? {})
    .flat()
    .map((row) => JSON.parse(row) as Record<string, unknown>);
const hasRecord = (rows: Rows, action: string, outcome: string, actor: RegExp): boolean =>
  securityOf(rows).some((event) => event['action'] === action && event['outcome'] === outcome && actor.test(String(event['actor'])));

const actorOf = (role: CubeRole, clientId: ClientId): RegExp =>
  ({
    anonymous: /^anonymous$/,
    client: new RegExp(`^client:${clientId}$`),
    worker: new RegExp(`^worker:${clientId}:w$`),
    client_admin: new RegExp(`^admin:${clientId}$`),
    client_auditor: new RegExp(`^auditor:${clientId}$`),
    platform_admin: /^admin$/,
    auditor: /^auditor$/,
  })[role];

async function refused(t: TestContext, it: Case, code: ErrorCode, action: string): Promise<void> {
  const rig = await ground.refusing(t, still);
  for (const clientId of ground.sides()) {
    const first = await ground.rowsOf(rig);
    const answer = await perform(rig, it, clientId, world.subjects[clientId]);
    assertProblem(answer, code);
    const after = await onRecord(rig, action, actorOf(it.role, clientId));
    assert.deepEqual(
      changed(first, after).filter((table) => !table.startsWith('security_events')),
      [],
    );
  }
}

/** The rows when a refusal is on record, which who was refused does not wait for. */
async function onRecord(rig: Rig, action: string, actor: RegExp): Promise<Rows> {
  for (let looks = 0; looks < 200; looks++) {
    const rows = await ground.rowsOf(rig);
    if (hasRecord(rows, action, 'denied', actor)) return rows;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return assert.fail(`${action} is not on record`);
}

/** On a world of its own: what is done, is done to the caller's own alone, and what is read changes nothing. */
async function given(t: TestContext, it: Case): Promise<void> {
  for (const clientId of ground.sides()) {
    const rig = await ground.fresh(t);
    const subject = world.subjects[clientId];
    const first = await ground.rowsOf(rig);
    const headers = it.reach === 'named' ? inClient(clientId) : undefined;
    const answer = await perform(rig, it, clientId, subject, headers);
    assertGiven(it, clientId, answer);
    const later = await ground.rowsOf(rig);
    assert.deepEqual(changedOf(first, later, otherThan(clientId)), [], 'rows of the other client changed');
    assertRecorded(it, clientId, first, later);
  }
}

function assertGiven(it: Case, clientId: ClientId, answer: Answered): void {
  const row = rowOf(it.name);
  assert.ok(row.status.includes(answer.status), `${answer.status} ${answer.text.slice(0, 300)}`);
  if (row.answer === null) assert.equal(answer.text, '');
  else if (row.stream !== true) assertShape(row.answer, answer.json);
  assertSeesNoMore(it, clientId, answer);
  assertColumns(it, clientId, answer);
  if (it.name === 'settle') assert.equal((answer.json['results'] as { ok: boolean }[])[0]?.ok, true);
  if (it.name === 'beat' && it.variant === 'leases') assert.deepEqual(answer.json['extended'], [world.subjects[clientId].heldId]);
}

/** Who may read payloads reads its own; all others lack the column. */
function assertColumns({ name, role }: Case, clientId: ClientId, answer: Answered): void {
  if (rowOf(name).answer === 'Task') {
    const mayRead = ACCESS['task.payload'].reach[COLUMN[role as 'client']] === 'own';
    assert.equal('payload' in answer.json, mayRead);
    assert.equal('result' in answer.json, mayRead);
    if (!mayRead) assert.deepEqual([answer.json['metadata'], answer.json['idempotency_key'], answer.json['error_message']], [{}, null, null]);
  }
  if (name === 'getTask' && role === 'client') assert.deepEqual(answer.json['payload'], { note: secretOf(clientId) });
  if (name === 'claim') assert.ok(answer.text.includes(secretOf(clientId)));
  if (name === 'inbox') assert.ok(!answer.text.includes('secret-of-') && (answer.json['tasks'] as unknown[]).length > 0);
  if (name === 'listKeys' || name === 'listGrants' || name === 'listTasks') assert.ok(answer.text.includes(clientId), 'the own rows are missing');
}

/** The rows that were not there. */
const newIn = (first: Rows, later: Rows): Rows => ({
  security_events: Object.fromEntries(
    Object.entries(later['security_events'] ?? {}).map(([id, rows]) => [id, rows.filter((row) => !(first['security_events']?.[id] ?? []).includes(row))]),
  ),
});

function assertRecorded({ name, role, rule, operation }: Case, clientId: ClientId, first: Rows, later: Rows): void {
  const row = rowOf(name);
  const fresh = (table: string): string[] => (later[table]?.[clientId] ?? []).filter((line) => !(first[table]?.[clientId] ?? []).includes(line));
  // A read that is always on record leaves that, and nothing else.
  const records = rule.audit === 'always' ? [`security_events of ${clientId}`, 'security_events of all'] : [];
  if (row.method === 'GET')
    assert.deepEqual(
      changed(first, later).filter((one) => !records.includes(one)),
      [],
      'a read changed rows',
    );
  if (rule.event !== undefined && rule.event !== 'heartbeat') {
    const events = fresh('task_events').map((line) => (JSON.parse(line) as { event: string; actor: string }).event);
    assert.ok(events.includes(rule.event), `no ${rule.event} in the audit, but ${events.join(', ')}`);
  }
  // Nobody is without a sign of life here.
  if (rule.audit === 'always' && name !== 'pruneWorkers')
    assert.ok(hasRecord(newIn(first, later), operation, 'done', actorOf(role, clientId)), `${operation} is not on record`);
}

/** What is another's answers like what is nobody's, and nothing changes. */
async function notTheirs(it: Case): Promise<void> {
  for (const clientId of CLIENTS) {
    const answers: unknown[] = [];
    const subjects = [ABSENT, world.subjects[otherThan(clientId)], ...(it.role === 'worker' ? [world.peers[clientId], stolen(clientId)] : [])];
    for (const subject of subjects) {
      const first = await ground.rowsOf(still);
      const answer = await perform(still, it, clientId, subject);
      assertNotTheirs(it, subject, answer);
      assert.deepEqual(
        changed(first, await ground.rowsOf(still)).filter((table) => !table.startsWith('security_events') && !isSignOfLife(it, table)),
        [],
      );
      answers.push(withoutIds(answer, subject));
    }
    for (const answer of answers) assert.deepEqual(answer, answers[0], 'what is another’s and what is nobody’s are told apart');
  }
}

/** The own lease with another worker's task, and the other way round. */
const stolen = (clientId: ClientId): Subject => ({ ...world.subjects[clientId], workerId: `${clientId}:peer`, heldId: world.peers[clientId].heldId });

const isSignOfLife = ({ name }: Case, table: string): boolean => name === 'beat' && table === 'workers of all';

function assertNotTheirs({ name, variant, rule }: Case, subject: Subject, answer: Answered): void {
  if (name === 'settle') {
    assert.equal(answer.status, 200);
    assert.equal((answer.json['results'] as { code: string }[])[0]?.code, 'lease_lost');
  } else if (rule.foreign === 'lease_lost' && !(name === 'beat' && variant === 'leases')) assertProblem(answer, 'lease_lost');
  else assertProblem(answer, 'not_found');
  assert.ok(!answer.text.includes('secret-of-'));
  assert.notEqual(subject.clientId, '');
}

/** The status, the heads and the body, without what names this request. */
function withoutIds({ status, headers, text }: Answered, subject: Subject): unknown {
  const heads = [...headers].filter(([name]) => !['date', 'x-request-id', 'content-length'].includes(name));
  let body = text.replace(headers.get('x-request-id') ?? '-', '');
  for (const id of [subject.heldId, subject.taskId, subject.endedId, subject.workerId, subject.grantId, subject.keyId]) body = body.replaceAll(id, 'ID');
  return { status, heads, body };
}

/** Both clients have a task of this id: each reaches its own. */
async function twin(t: TestContext, it: Case): Promise<void> {
  for (const clientId of ground.sides()) {
    const rig = await ground.fresh(t);
    const first = await ground.rowsOf(rig);
    const answer = await perform(rig, it, clientId, world.twins[clientId]);
    assert.ok(rowOf(it.name).status.includes(answer.status), answer.text);
    assertSeesNoMore(it, clientId, answer);
    if (rowOf(it.name).answer === 'Task') assert.equal(answer.json['client_id'], clientId);
    assert.deepEqual(changedOf(first, await ground.rowsOf(rig), otherThan(clientId)), []);
  }
}

const TWINS: ReadonlySet<OperationName> = new Set<OperationName>([
  'getTask',
  'updateTask',
  'purgeTask',
  'cancelTask',
  'requeueTask',
  'taskLogs',
  'waitTask',
  'explainTask',
  'forecastTask',
]);

/** Where all of a row's permissions are missing, the first is on record. */
function recordedAs({ name, operation, role }: Case): Operation {
  const { access } = rowOf(name);
  const all = typeof access === 'string' ? [access as Operation] : access;
  return all.some((one) => ACCESS[one].reach[COLUMN[role as 'client']] !== 'no') ? operation : (all[0] as Operation);
}

/** An admin of the platform acts in the client that it names, with a reason, and in no other. */
async function named(it: Case): Promise<void> {
  const first = await ground.rowsOf(still);
  for (const clientId of CLIENTS) {
    const subject = world.subjects[clientId];
    assertProblem(await perform(still, it, clientId, subject), 'invalid_input');
    assertProblem(await perform(still, it, clientId, subject, { 'prismq-client': clientId }), 'invalid_input');
    assertProblem(await perform(still, it, clientId, subject, { 'prismq-reason': 'a ticket' }), 'invalid_input');
    assertProblem(await perform(still, it, clientId, subject, { 'prismq-client': clientId, 'prismq-reason': '  ' }), 'invalid_input');
    if (NAMES_AN_OBJECT.has(it.name)) assertProblem(await perform(still, it, clientId, subject, inClient(otherThan(clientId))), 'not_found');
    const nowhere = await perform(still, it, clientId, subject, inClient('nobody'));
    if (it.name === 'enqueueMany') assert.deepEqual([...new Set((nowhere.json['results'] as { code: string }[]).map(({ code }) => code))], ['unknown_client']);
    else assertProblem(nowhere, ['enqueue', 'setSchedule', 'setLimit', 'pauseWork'].includes(it.name) ? 'unknown_client' : 'not_found');
  }
  assert.deepEqual(
    changed(first, await ground.rowsOf(still)).filter((table) => !table.startsWith('security_events')),
    [],
  );
}

/** The whole of it; the store is closed when the tests have run. */
export function cube(makeGround: (t: Pick<TestContext, 'after'>) => Promise<Ground>): void {
  const closing: (() => unknown)[] = [];
  before(async () => {
    ground = await makeGround({ after: (close: () => unknown) => void closing.unshift(close) });
    world = ground.world;
  });
  after(async () => {
    for (const close of closing) await close();
  });
  operations();
  naming();
  looking();
}

function operations(): void {
  for (const name of NAMES) {
    if (rowOf(name).access === 'public') continue;
    describe(name, () => {
      inOneServer();
      for (const variant of Object.keys(CALLS[name]))
        for (const role of ROLES) {
          const operation = operationOf(name, variant);
          const rule: AccessRule = ACCESS[operation];
          const reach = role === 'anonymous' ? 'no' : rule.reach[COLUMN[role]];
          const it: Case = { name, variant, role, rule, operation, reach };
          test(`${variant} as ${role}: ${reach}`, async (t) => {
            if (role === 'anonymous') return refused(t, it, 'unauthenticated', 'authenticate');
            if (reach === 'no') return refused(t, it, 'forbidden', recordedAs(it));
            await given(t, it);
            if (reach === 'named') return named(it);
            const bounded = ['own', 'lease', 'self', 'meta'].includes(reach) && (OF_A_CLIENT.has(role) || reach === 'self');
            if (bounded && NAMES_AN_OBJECT.has(name)) await notTheirs(it);
            if (bounded && TWINS.has(name) && role !== 'client_auditor') await twin(t, it);
          });
        }
    });
  }
}

function naming(): void {
  describe('PrismQ-Client', () => {
    inOneServer();
    for (const name of NAMES) {
      const row = rowOf(name);
      if (row.access === 'public') continue;
      test(`${name} of a platform admin ${row.inside === true ? 'is narrowed to the client that it names' : 'is refused when it names a client'}`, async () => {
        const [variant = ''] = Object.keys(CALLS[name]);
        const operation = operationOf(name, variant);
        const it: Case = {
          name,
          variant,
          role: 'platform_admin',
          rule: ACCESS[operation],
          operation,
          reach: ACCESS[operation].reach.platform_admin,
        };
        if (it.reach === 'no' || it.reach === 'named') return;
        const first = await ground.rowsOf(still);
        const answer = await perform(still, it, 'acme', world.subjects.acme, inClient('globex'));
        if (row.inside !== true) assertProblem(answer, 'invalid_input');
        else if (NAMES_AN_OBJECT.has(name)) assertProblem(answer, 'not_found');
        // What globex tried on acme is globex's: its rows name it.
        else if (name === 'securityEvents')
          assert.deepEqual([...new Set((answer.json['events'] as { client_id: string }[]).map((event) => event.client_id))], ['globex']);
        else assert.ok(answer.status === 200 && !answer.text.includes('acme'), answer.text.slice(0, 300));
        assert.deepEqual(changed(first, await ground.rowsOf(still)), []);
      });
    }

    for (const role of ['client', 'worker', 'client_admin', 'client_auditor', 'auditor'] as const)
      test(`a ${role} may not name a client, not even its own`, async (t) => {
        const here = await ground.refusing(t, still);
        const name = role === 'worker' ? 'inbox' : 'stats';
        const operation = operationOf(name, 'all');
        const it: Case = { name, variant: 'all', role, rule: ACCESS[operation], operation, reach: 'own' };
        for (const clientId of CLIENTS) {
          assertProblem(await perform(here, it, 'acme', world.subjects.acme, inClient(clientId)), 'forbidden');
          await onRecord(here, operation, actorOf(role, 'acme'));
        }
        assert.equal((await perform(here, it, 'acme', world.subjects.acme)).status, 200);
      });
  });
}

function looking(): void {
  describe('a look at a payload', () => {
    const look = (rig: Rig, role: CubeRole, clientId: ClientId, taskId: string, body: unknown = {}): Promise<Answered> =>
      rig.call('POST', `/queue/tasks/${taskId}/payload`, { key: world.keys[clientId][role], body });

    for (const role of ['client', 'client_admin'] as const)
      test(`a ${role} sees its own, and what is another's like what is nobody's`, async (t) => {
        for (const clientId of CLIENTS) {
          const rig = await ground.fresh(t);
          const answer = await look(rig, role, clientId, world.subjects[clientId].taskId, { reason: 'to see it' });
          assert.deepEqual([answer.status, answer.json['payload']], [200, { note: secretOf(clientId) }]);
          for (const { taskId } of [world.subjects[otherThan(clientId)], ABSENT])
            assertProblem(await look(rig, role, clientId, taskId, { reason: 'to see it' }), 'not_found');
        }
      });

    test('an admin of the platform sees it with a reason, which is on record where its client sees it', async (t) => {
      for (const clientId of CLIENTS) {
        const rig = await ground.fresh(t);
        const first = await ground.rowsOf(rig);
        const { taskId } = world.subjects[clientId];
        for (const body of [{}, { reason: '' }, { reason: '  ' }]) assertProblem(await look(rig, 'platform_admin', 'acme', taskId, body), 'invalid_input');
        assert.deepEqual(changed(first, await ground.rowsOf(rig)), []);
        const answer = await look(rig, 'platform_admin', 'acme', taskId, { reason: 'ticket 7' });
        assert.deepEqual([answer.status, answer.json['payload']], [200, { note: secretOf(clientId) }]);
        const seen = await rig.call('GET', '/queue/admin/security-events', { key: world.keys[clientId].client_admin });
        const record = (seen.json['events'] as { action: string; object: string; details: unknown }[]).find((event) => event.action === 'task.payload');
        assert.ok(record !== undefined && JSON.stringify(record).includes('ticket 7'));
        assert.ok(!JSON.stringify((await ground.rowsOf(rig))['security_events']).includes('secret-of-'));
        assertProblem(await look(rig, 'platform_admin', 'acme', ABSENT.taskId, { reason: 'ticket 7' }), 'not_found');
      }
    });

    for (const role of ['worker', 'client_auditor', 'auditor'] as const)
      test(`a ${role} may not`, async (t) => {
        const rig = await ground.fresh(t);
        for (const body of [{}, { reason: 'ticket 7' }]) {
          const answer = await look(rig, role, 'acme', world.subjects.acme.taskId, body);
          assertProblem(answer, 'forbidden');
          await onRecord(rig, 'task.payload', actorOf(role, 'acme'));
        }
      });

    test('nobody may not', async (t) => {
      assertProblem(await look(await ground.fresh(t), 'anonymous', 'acme', world.subjects.acme.taskId, { reason: 'ticket 7' }), 'unauthenticated');
    });
  });
}
