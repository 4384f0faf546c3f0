// Conformance: a worker takes what is declared and granted, by client, by pattern and by attributes; from the moment an admin says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GrantSpec } from '../../../src/domain/task.ts';
import type { WorkerHandle } from '../../../src/service/handles.ts';
import { freshClient, settle } from './rig.ts';
import type { Conformance, Setting } from './rig.ts';

const typesOf = async (worker: WorkerHandle, options: Parameters<WorkerHandle['claim']>[0] = {}): Promise<string[]> =>
  (await worker.claim({ max: 100, ...options })).map(({ type }) => type).toSorted();

/** A worker of an admin's grants. */
async function hired(
  { queue, other }: Setting,
  grants: readonly GrantSpec[],
  attributes?: Readonly<Record<string, string | number | readonly string[]>>,
): Promise<WorkerHandle> {
  for (const grant of grants) await queue.admin().grants.create('w', grant);
  const worker = other.as({ role: 'worker', workerId: 'w' });
  await worker.register(attributes === undefined ? {} : { capabilities: { attributes } });
  return worker;
}

const IN_REGIONS = [
  { type: 'T.Eu', compatibility: { region: 'eu' } },
  { type: 'T.Us', compatibility: { region: 'us' } },
  { type: 'T.Either', compatibility: { region: ['us', 'eu'] } },
  { type: 'T.Gpu', compatibility: { gpu: { min: 2 } } },
  { type: 'T.Both', compatibility: { region: 'eu', gpu: { min: 2 } } },
  { type: 'T.Any' },
] as const;

/** What a worker says of itself, what its grant bounds, and what it may take. */
const BOUNDS: readonly {
  readonly name: string;
  readonly says: Readonly<Record<string, string | number | readonly string[]>>;
  readonly bounds: NonNullable<GrantSpec['attributes']>;
  readonly takes: readonly string[];
}[] = [
  {
    name: 'says more than the grant allows',
    says: { region: ['eu', 'us'], gpu: 4 },
    bounds: { region: ['eu'] },
    takes: ['T.Any', 'T.Both', 'T.Either', 'T.Eu', 'T.Gpu'],
  },
  { name: 'says nothing of what the grant allows', says: {}, bounds: { region: ['eu'] }, takes: ['T.Any'] },
  { name: 'says something else than the grant allows', says: { region: 'us' }, bounds: { region: ['eu'] }, takes: ['T.Any'] },
  { name: 'is allowed several values and says one', says: { region: 'us' }, bounds: { region: ['eu', 'us'] }, takes: ['T.Any', 'T.Either', 'T.Us'] },
  { name: 'is bounded in another attribute', says: { region: 'us', gpu: 4 }, bounds: { gpu: [1] }, takes: ['T.Any', 'T.Either', 'T.Us'] },
  { name: 'is allowed another type of value', says: { gpu: 4 }, bounds: { gpu: ['4'] }, takes: ['T.Any'] },
];

export function grantSuite(suite: Conformance): void {
  for (const { name, says, bounds, takes } of BOUNDS)
    test(`${suite.name}: a worker that ${name} takes what both cover`, async (t) => {
      const setting = await settle(suite, t);
      await setting.client.enqueueMany(IN_REGIONS);
      const worker = await hired(setting, [{ clientId: setting.id, pattern: '*', attributes: bounds }], says);
      assert.deepEqual(await typesOf(worker), takes);
    });

  test(`${suite.name}: each grant bounds for itself`, async (t) => {
    const setting = await settle(suite, t);
    const second = setting.other.client(freshClient());
    for (const client of [setting.client, second]) await client.enqueueMany([IN_REGIONS[0], IN_REGIONS[1]]);
    const worker = await hired(
      setting,
      [
        { clientId: setting.id, pattern: '*', attributes: { region: ['eu'] } },
        { clientId: second.clientId, pattern: '*', attributes: { region: ['us'] } },
      ],
      { region: ['eu', 'us'] },
    );
    const got = (await worker.claim({ max: 10 })).map(({ clientId, type }) => `${clientId} ${type}`).toSorted();
    assert.deepEqual(got, [`${setting.id} T.Eu`, `${second.clientId} T.Us`].toSorted());
  });

  changeTests(suite);
  typeTests(suite);
}

function changeTests(suite: Conformance): void {
  test(`${suite.name}: a grant counts from when it is given until it is taken, for what waited before`, async (t) => {
    const setting = await settle(suite, t);
    const { client, queue, id } = setting;
    await client.enqueueMany([{ type: 'A.One' }, { type: 'B.One' }, { type: 'B.Two' }]);
    const worker = await hired(setting, [{ clientId: id, pattern: 'A.*' }]);
    assert.deepEqual(await typesOf(worker), ['A.One']);
    const { grantId } = await queue.admin().grants.create('w', { clientId: id, pattern: 'B.One' });
    assert.deepEqual(await typesOf(worker), ['B.One']);
    await queue.admin().grants.create('w', { clientId: id, pattern: 'B.*' });
    await client.enqueue('B.One');
    await queue.admin().grants.delete(grantId);
    assert.deepEqual(await typesOf(worker), ['B.One', 'B.Two'], 'the other grant covers it too');
    for (const grant of await queue.admin().grants.list('w')) await queue.admin().grants.delete(grant.grantId);
    await client.enqueueMany([{ type: 'A.One' }, { type: 'B.One' }]);
    assert.deepEqual(await typesOf(worker), []);
    assert.deepEqual(await worker.inbox(), []);
  });

  test(`${suite.name}: a grant covers what is born later: another type, another client`, async (t) => {
    const setting = await settle(suite, t);
    const worker = await hired(setting, [{ clientId: '*', pattern: 'T.*' }]);
    const late = setting.other.client(freshClient());
    await late.enqueueMany([{ type: 'T.New' }, { type: 'U.New' }]);
    assert.deepEqual(await typesOf(worker), ['T.New']);
  });

  test(`${suite.name}: the same grant is given once, other attributes make another`, async (t) => {
    const { queue, id } = await settle(suite, t);
    const { grants } = queue.admin();
    const one = { clientId: id, pattern: 'T.*', attributes: { region: ['eu', 'us'], gpu: [true] } };
    await grants.create('w', one);
    await assert.rejects(grants.create('w', { ...one, attributes: { gpu: [true], region: ['us', 'eu', 'us'] } }), { code: 'already_exists' });
    await grants.create('w', { clientId: id, pattern: 'T.*' });
    await grants.create('v', one);
    assert.equal((await grants.list('w')).length, 2);
    for (const bad of [
      { clientId: id, pattern: 'T..*' },
      { clientId: '', pattern: '*' },
      { clientId: id, pattern: '*', attributes: { region: [] } },
    ])
      await assert.rejects(grants.create('w', bad), { code: 'invalid_input' });
  });

  test(`${suite.name}: an admin of a client grants its own client and takes back its own grants`, async (t) => {
    const { queue, id } = await settle(suite, t);
    const admin = queue.as({ role: 'admin', clientId: id });
    const { grantId } = await queue.admin().grants.create('w', { clientId: 'another', pattern: '*' });
    for (const clientId of ['another', '*', 'absent']) await assert.rejects(admin.grants.create('w', { clientId, pattern: '*' }), { code: 'not_found' });
    for (const foreign of [grantId, 'absent']) await assert.rejects(admin.grants.delete(foreign), { code: 'not_found' });
    const own = await admin.grants.create('w', { clientId: id, pattern: 'T.*' });
    assert.deepEqual(await admin.grants.list(), [own]);
    await admin.grants.delete(own.grantId);
    assert.equal((await queue.admin().grants.list()).length, 1);
  });
}

function typeTests(suite: Conformance): void {
  test(`${suite.name}: types narrow one claim, and never widen what is granted`, async (t) => {
    const setting = await settle(suite, t);
    await setting.client.enqueueMany(['A', 'A.B', 'A.B.C', 'A.BC', 'Z.B'].flatMap((type) => [{ type }, { type }]));
    const worker = await hired(setting, [{ clientId: setting.id, pattern: 'A.*' }]);
    for (const [types, expected] of [
      [[], []],
      [['Z.B'], []],
      [['A'], []],
      [['A.B.C'], ['A.B.C', 'A.B.C']],
      [['A.B.*'], []],
      [
        ['Z.*', 'A.BC'],
        ['A.BC', 'A.BC'],
      ],
      [['*'], ['A.B', 'A.B']],
    ] as const)
      assert.deepEqual(await typesOf(worker, { types }), expected, types.join());
    await assert.rejects(worker.claim({ types: ['A..B'] }), { code: 'invalid_category' });
  });

  test(`${suite.name}: types narrow what is declared, and the next claim is as wide as before`, async (t) => {
    const { client, other } = await settle(suite, t);
    await client.enqueueMany([{ type: 'A.One' }, { type: 'B.One' }, { type: 'C.One' }]);
    const worker = other.worker('w');
    await worker.register({ capabilities: { categories: ['A.*', 'B.*'] } });
    assert.deepEqual(await typesOf(worker, { types: ['B.*', 'C.*'] }), ['B.One']);
    assert.deepEqual(await typesOf(worker), ['A.One']);
    await worker.register();
    assert.deepEqual(await typesOf(worker), ['C.One']);
  });
}
