// What every run does, in acts that begin with the same file: each is done for one client and then for the other, and everything that
// is answered is looked at. An act that is a claim or an end leaves the rest to what the tables show.
import type { LeaseRef, Settlement } from '../../../src/domain/task.ts';
import type { AdminHandle, WorkerHandle } from '../../../src/service/handles.ts';
import { BORROWED, THEN, idOf } from './fixture.ts';
import type { ClientName, Fixture, Twin } from './fixture.ts';
import { DAY, SECOND } from './stage.ts';
import type { Stage } from './stage.ts';

export interface Scene extends Stage {
  readonly fixture: Fixture;
  readonly me: ClientName;
  readonly you: ClientName;
  /** Does something and looks at what it answers; goes on after a refusal. */
  see(what: string, act: () => Promise<unknown>): Promise<void>;
}

export interface Act {
  readonly name: string;
  /** With the lanes and the backlog that make a worker wide. */
  readonly ballast?: true;
  readonly play: (scene: Scene) => Promise<void>;
}

const HOUR = 3600 * SECOND;
const STATES = ['blocked', 'queued', 'leased', 'failed', 'completed', 'dead_letter', 'cancelled'] as const;
const worker = ({ queue }: Scene, workerId: string): WorkerHandle => (workerId === 'wide' ? queue.worker('wide') : queue.as({ role: 'worker', workerId }));
const ofClient = ({ queue, me }: Scene): AdminHandle => queue.as({ role: 'admin', clientId: me });

async function reads(scene: Scene): Promise<void> {
  const { queue, me, see } = scene;
  const client = queue.client(me);
  await see('list', () => client.list());
  for (const status of STATES) await see(`list ${status}`, () => client.list({ status }));
  await see('stats', () => client.stats());
  for (const twin of ['done', 'dead', 'failLater'] as const) {
    await see(`logs of ${twin}`, () => client.logs(idOf(twin)));
    await see(`next page of ${twin}`, async () =>
      client.logs(idOf(twin), { limit: 2, cursor: (await client.logs(idOf(twin), { limit: 1 })).nextCursor ?? '' }),
    );
  }
  const admin = ofClient(scene);
  await see('security events', () => admin.securityEvents());
  await see('next page of security events', async () =>
    admin.securityEvents({ limit: 1, cursor: (await admin.securityEvents({ limit: 1 })).nextCursor ?? '' }),
  );
  await see('workers', () => admin.workers.list());
  await see('grants', () => admin.grants.list());
  await see('grants of mixed', () => admin.grants.list('mixed'));
  await see('keys', () => admin.keys.list());
  await see('clients', () => scene.queue.admin().clients.list());
  await see('own client', () => scene.store.clients({ role: 'admin', actor: 'admin', clients: [scene.me] }));
}

async function events({ store, me, see }: Scene): Promise<void> {
  const mine = { role: 'client', actor: `client:${me}`, clients: [me] } as const;
  const all = { role: 'admin', actor: 'admin', clients: '*' } as const;
  for (const scope of [mine, all])
    for (const [after, most] of [
      [0, 5],
      [10, 4],
      [20, 500],
    ] as const)
      await see(`${scope.role} after ${after}`, () => store.events(scope, after, most));
}

/** A client's own numbers: before anything is sealed, in the middle of seals, behind the last one, and where there is none. */
async function numbers({ queue, store, me, you, see }: Scene): Promise<void> {
  const mine = { role: 'client', actor: `client:${me}`, clients: [me] } as const;
  const theirs = { role: 'client', actor: `client:${you}`, clients: [you] } as const;
  const admin = queue.as({ role: 'admin', clientId: me });
  for (const most of [0, 7, 5, 30]) {
    if (most > 0) await see(`seals ${most}`, () => store.seal(most));
    await see('now', () => store.events(mine, null, 1));
    const { last } = await store.events(mine, null, 1);
    for (const back of [1, 2, 3]) await see(`${most} ${back} before the end`, () => store.events(mine, last - back, 1));
    await see('now of the other', () => store.events(theirs, null, 1));
    for (const after of [1, 2, 3, 5, 8, 13, 21, 500]) await see(`${most} after ${after}`, () => store.events(mine, after, 1));
    for (let i = 0; i < 3; i++) await queue.client(me).enqueue('Mail.Send', 'in between');
    await queue.client(you).enqueue('Mail.Send', 'in between');
  }
  await admin.keys.create({ role: 'client', clientId: me });
  const first = await admin.audit.trail({ limit: 3 });
  for (let cursor = first.nextCursor; cursor !== null; ) {
    const at: string = cursor;
    const page = await admin.audit.trail({ limit: 3, cursor: at });
    await see(`trail after ${at}`, async () => page);
    cursor = page.nextCursor;
  }
  for (const cursor of [`${idOf('dead')}.2~`, `${idOf('dead')}.99~`, `${idOf('done')}.1~`, '~1', `~${4_000_000_000_000_000}`])
    await see(`trail after ${cursor}`, () => admin.audit.trail({ limit: 3, cursor }));
}

async function sealed({ queue, store, me, see }: Scene): Promise<void> {
  for (const most of [7, 5, 1000]) await see(`seals ${most}`, () => store.seal(most));
  await queue.client(me).enqueue('Mail.Send', 'sealed later');
  await see('seals the rest', () => queue.system().seal());
  const admins = { mine: queue.as({ role: 'admin', clientId: me }), all: queue.admin() };
  for (const [whose, { audit }] of Object.entries(admins)) {
    await see(`heads of ${whose}`, () => audit.heads());
    await see(`chains of ${whose}`, () => audit.verify());
    await see(`one client of ${whose}`, () => audit.heads({ clientId: me }));
  }
  const scope = { role: 'admin', actor: 'admin', clients: '*' } as const;
  for (const chain of ['tasks', 'security'] as const)
    for (const after of [0, 9]) await see(`${chain} after ${after}`, () => store.audit(scope, chain, after, 6));
}

async function dataKeys({ store, me, you, see }: Scene): Promise<void> {
  const scope = { role: 'admin', actor: 'admin', clients: '*' } as const;
  await see('whether there are any', () => store.hasDataKeys());
  for (const clientId of [me, you])
    for (const keyNo of [1, 2, 1])
      await see(`key ${keyNo} of ${clientId}`, () => store.addDataKey(scope, { clientId, keyNo, wrapped: `${keyNo} of ${clientId}` }));
  await see('of one', () => store.dataKeys(me));
  await see('shredded', () => store.shredDataKeys(scope, me));
  await see('of the other', () => store.dataKeys(you));
  await see('whether there are still', () => store.hasDataKeys());
}

/** Anchored step by step and cut twice, with a day between, while the other client's chain grows beside it. */
async function cut(scene: Scene): Promise<void> {
  const { queue, store, clock, me, you, see } = scene;
  const system = queue.system();
  const digest = (n: number): string => String(n).repeat(64).slice(0, 64);
  const anchor = async (): Promise<void> => {
    // In two steps: the end of the first is no head.
    await store.seal(1);
    await system.seal();
    const next = await system.nextAnchor();
    await see('next anchor', async () => next);
    await see('of nobody', () => store.anchored({ ...next, heads: next.heads.map((head) => ({ ...head, hash: digest(0) })), digest: digest(9) }));
    for (const [i, head] of next.heads.entries())
      await see(`swapped ${i}`, () =>
        store.anchored({ ...next, heads: [{ ...(next.heads[i ^ 1] ?? head), seq: head.seq, hash: head.hash }], digest: digest(8) }),
      );
    await see('anchored', () => store.anchored({ ...next, digest: digest(next.n) }));
    await see('anchored again', () => store.anchored({ ...next, digest: digest(7) }));
    await see('an older one', () => store.anchored({ n: 1, prev: '', heads: next.heads.slice(0, 1), digest: digest(6) }));
    await see('what is new', () => system.nextAnchor());
  };
  const { audit } = queue.admin();
  // One waits for another all the time: no cut takes that.
  for (const client of [me, you]) {
    const { taskId } = await queue.client(client).enqueue('Mail.Send', 'waited for', { delayMs: 100 * DAY });
    await queue.client(client).enqueue('Mail.Send', 'waits', { dependsOn: [taskId] });
  }
  await see('retention', () => audit.retain(me, DAY));
  await see('retention again', () => audit.retain(me, 2 * DAY));
  await see('of nobody', () => audit.retain('nobody', DAY));
  await anchor();
  for (let day = 0; day < 5; day++) {
    clock.now += DAY;
    for (const client of [me, you]) await queue.client(client).enqueue('Mail.Send', day);
    // Its row in the audit is beyond the first cut, and its others are behind it.
    if (day === 0) await see('purge', () => ofClient(scene).purge(idOf('done')));
    await queue.admin().clients.weight(day % 2 === 0 ? me : you, day + 1);
    await anchor();
    for (const most of [3, 500]) await see(`cut ${most} on day ${day}`, () => store.cutAudit({ keepMs: null, most }));
    await see('verified', () => audit.verify());
  }
  await see('everybody', () => store.cutAudit({ keepMs: DAY, most: 500 }));
  await see('tick', () => system.tick());
  clock.now += 9 * DAY;
  await see('tick', () => system.tick());
  await queue.client(you).enqueue('Mail.Send', 'the last');
  await anchor();
  await queue.client(me).enqueue('Mail.Send', 'the last');
  clock.now += 3 * DAY;
  await anchor();
  for (const most of [3, 500, 500]) await see(`the rest ${most}`, () => store.cutAudit({ keepMs: 3 * DAY, most }));
  await see('verified', () => audit.verify());
  await see('retentions', () => audit.retention());
  await see('summary', () => queue.auditSummary());
}

async function overview({ queue, see }: Scene): Promise<void> {
  const admin = queue.admin();
  await see('stats', () => admin.stats());
  await see('list', () => admin.list());
  await see('logs', () => admin.logs(idOf('dead')));
  await see('next logs', async () => admin.logs(idOf('dead'), { limit: 2, cursor: (await admin.logs(idOf('dead'), { limit: 1 })).nextCursor ?? '' }));
  await see('events', () => admin.securityEvents());
  await see('next events', async () => admin.securityEvents({ limit: 3, cursor: (await admin.securityEvents({ limit: 2 })).nextCursor ?? '' }));
  await see('workers', () => admin.workers.list());
  await see('categories', () => admin.categories.list());
  await see('summary', () => queue.auditSummary());
}

/** One twin of each place, so that a move that reaches too far meets others there. */
const EVERYWHERE = [
  'mail',
  'later',
  'failLater',
  'blocked',
  'held',
  'done',
  'dead',
  'dropped',
  'purged',
  'astray',
  'doubled',
] as const satisfies readonly Twin[];

const moves = {
  async cancel({ queue, me, see }) {
    for (const twin of EVERYWHERE) await see(`cancel ${twin}`, () => queue.client(me).cancel(idOf(twin), 'by the act'));
  },
  async requeue({ queue, me, see }) {
    for (const twin of EVERYWHERE) await see(`requeue ${twin}`, () => queue.client(me).requeue(idOf(twin)));
  },
  async reprioritise({ queue, me, see }) {
    for (const twin of EVERYWHERE) await see(`reprioritise ${twin}`, () => queue.client(me).reprioritise(idOf(twin), 30));
  },
  async amend({ queue, me, see }) {
    for (const twin of EVERYWHERE) {
      await see(`amend payload of ${twin}`, () => queue.client(me).amend(idOf(twin), { payload: 'new' }));
      await see(`amend metadata of ${twin}`, () => queue.client(me).amend(idOf(twin), { metadata: { is: 'new' } }));
    }
    await see('amend what is left', () => queue.client(me).amend(idOf('mail'), { maxAttempts: 9 }));
  },
  async purge(scene) {
    for (const twin of EVERYWHERE) await scene.see(`purge ${twin}`, () => ofClient(scene).purge(idOf(twin)));
  },
  async anyClient({ queue, see }) {
    for (const id of Object.values(BORROWED)) await see(`cancel ${id} for whoever has it`, () => queue.admin().cancel(id));
    await see('cancel of nobody', () => queue.admin().cancel('01890000-0000-7000-8000-00000000dead'));
  },
} as const satisfies Record<string, Act['play']>;

async function drain(scene: Scene, who: string, options: Parameters<WorkerHandle['claim']>[0]): Promise<void> {
  for (let i = 0; i < 3; i++) await scene.see(`${who} claims ${JSON.stringify(options)} ${i}`, () => worker(scene, who).claim({ max: 3, ...options }));
}

const claims = {
  wide: (scene) => drain(scene, 'wide', {}),
  wideAcross: (scene) => drain(scene, 'wide', { fairness: 'none' }),
  mixed: (scene) => drain(scene, 'mixed', {}),
  mirrorAcross: (scene) => drain(scene, 'mirror', { fairness: 'none' }),
  few: (scene) => drain(scene, 'few', {}),
  almost: (scene) => drain(scene, 'almost', {}),
  almostAcross: (scene) => drain(scene, 'almost', { fairness: 'none' }),
  typed: (scene) => drain(scene, 'mixed', { types: ['Mail.Digest', 'Mail.Keyed'] }),
  deadline: (scene) => drain(scene, 'mixed', { strategy: 'DEADLINE', types: ['Mail.Digest', 'Mail.Send'] }),
  newLanes,
  /** A narrow worker that may take some lanes of a client and others not: its lanes are probed. */
  async probed(scene) {
    const { queue, me } = scene;
    const workerId = `probes-${me}`;
    await queue.admin().grants.create(workerId, { clientId: me, pattern: 'Mail.Expires' });
    await queue.admin().grants.create(workerId, { clientId: 'halted', pattern: '*' });
    await queue.as({ role: 'worker', workerId }).register();
    await drain(scene, workerId, {});
  },
  /** One type of one client at a time, so that the draw decides nothing. */
  async drawn(scene) {
    for (const twin of ['Mail.Send', 'Mail.Digest']) await scene.see(twin, () => worker(scene, 'few').claim({ strategy: 'WEIGHTED_RANDOM', types: [twin] }));
    await scene.see('enqueue', () => scene.queue.client(scene.me).enqueue('Mail.Drawn', 1));
    await scene.see('requeue', () => scene.queue.client(scene.me).requeue(idOf('dead')));
    await scene.see('release', () => worker(scene, 'wide').release(scene.fixture.lease(scene.me, 'held')));
    await scene.see('tick', () => scene.queue.system().tick());
  },
} as const satisfies Record<string, Act['play']>;

/** What a set covers is remembered until a lane is born. */
async function newLanes(scene: Scene): Promise<void> {
  for (const type of ['Mail.Newer', 'Mail.Newest']) {
    await drain(scene, 'few', {});
    await drain(scene, 'mirror', { types: ['Mail.*'] });
    await scene.see(type, () => scene.queue.client(scene.you).enqueue(type, 1));
    await drain(scene, 'mirror', { types: ['Mail.*'] });
  }
}

async function inboxes(scene: Scene): Promise<void> {
  for (const who of ['wide', 'mixed', 'few']) await scene.see(`inbox of ${who}`, () => worker(scene, who).inbox());
}

/** Every way to write in the name of a lease, by who holds it and by who does not. */
async function refused(scene: Scene, end: (who: WorkerHandle, lease: LeaseRef) => Promise<unknown>): Promise<void> {
  const { fixture, me, you, see } = scene;
  const held = fixture.lease(me, 'held');
  for (const [what, who, lease] of [
    ['of another worker', 'mixed', held],
    ['under another lease', 'wide', { ...held, leaseId: fixture.lease(me, 'heldByMixed').leaseId }],
    ['that lapsed', 'wide', fixture.lease(me, 'lapsed')],
    ['that ended', 'wide', fixture.lease(me, 'dead')],
    ['that was cancelled', 'wide', fixture.lease(me, 'dropped')],
    ['whose row names another client', 'wide', fixture.borrowed(me)],
    ['of a task of another client', 'wide', { ...fixture.borrowed(you), clientId: me }],
    ['of what was cancelled, of another worker', 'mixed', fixture.lease(me, 'dropped')],
    ['of what was cancelled, under another lease', 'wide', { ...fixture.lease(me, 'dropped'), leaseId: 'none' }],
    ['that ended here and was cancelled there', 'wide', fixture.lease(me, me === 'acme' ? 'doneInAcme' : 'doneInBeta')],
    ['that is none', 'wide', { ...held, leaseId: 'none' }],
  ] as const)
    await see(`a lease ${what}`, () => end(worker(scene, who), lease));
}

const ends = {
  async complete(scene) {
    await refused(scene, (who, lease) => who.complete(lease, 'forged'));
    await scene.see('of its own', () => worker(scene, 'wide').complete(scene.fixture.lease(scene.me, 'held'), 'done', { startedAfterMs: 10, runMs: 20 }));
  },
  async fail(scene) {
    await refused(scene, (who, lease) => who.fail(lease, new Error('forged')));
    await scene.see('of its own', () =>
      worker(scene, 'wide').fail(scene.fixture.lease(scene.me, 'held'), { message: 'no', kind: 'Test' }, { retryInMs: 5000 }),
    );
    await scene.see('with the back-off of its type', () => worker(scene, 'wide').fail(scene.fixture.lease(scene.me, 'heldThird'), { message: 'no' }));
    await scene.see('for ever', () => worker(scene, 'wide').fail(scene.fixture.lease(scene.me, 'heldToo'), { message: 'never' }, { retry: false }));
  },
  async release(scene) {
    await refused(scene, (who, lease) => who.release(lease));
    await scene.see('of its own', () => worker(scene, 'wide').release(scene.fixture.lease(scene.me, 'held')));
    await scene.see('for later', () => worker(scene, 'wide').release(scene.fixture.lease(scene.me, 'heldToo'), { delayMs: 5000 }));
    await scene.see('too often', () => worker(scene, 'wide').release(scene.fixture.lease(scene.me, 'tired')));
  },
  async batch({ fixture, me, you, see, queue }) {
    const ref = (twin: Twin, of = me): LeaseRef => fixture.lease(of, twin);
    const items: readonly Settlement[] = [
      { ...ref('held'), op: 'complete', result: '1' },
      { ...ref('heldToo', you), op: 'fail', error: { message: 'no' }, retryInMs: 1000 },
      { ...ref('heldToo'), op: 'fail', error: { message: 'never' }, retry: false },
      { ...ref('heldThird'), op: 'release', delayMs: 100 },
      { ...ref('heldThird', you), op: 'release' },
      { ...ref('heldByMixed'), op: 'complete' },
    ];
    await see('a batch', () => queue.worker('wide').settle(items));
    await see('the same again', () => queue.worker('wide').settle(items));
  },
} as const satisfies Record<string, Act['play']>;

/** The same end again, and another one in its place. */
async function repeats(scene: Scene): Promise<void> {
  const { fixture, me, see } = scene;
  for (const [who, twin] of [
    ['wide', 'done'],
    ['mixed', 'doneByMixed'],
    ['wide', 'doneEmpty'],
    ['wide', 'dead'],
    ['wide', 'deadThenDropped'],
    ['wide', 'dropped'],
    ['wide', 'failLater'],
    ['wide', 'handedBack'],
    ['mixed', 'done'],
    ['mixed', 'dead'],
    ['mixed', 'failLater'],
    ['mixed', 'handedBack'],
  ] as const)
    for (const lease of [fixture.lease(me, twin), { ...fixture.lease(me, twin), leaseId: fixture.lease(me, 'held').leaseId }]) {
      const by = worker(scene, who);
      const of = `${who} ${twin} ${lease.leaseId}`;
      await see(`complete ${of}`, () => by.complete(lease, { of: me }));
      await see(`complete otherwise ${of}`, () => by.complete(lease, 'else'));
      await see(`complete without a result ${of}`, () => by.complete(lease));
      for (const message of ['broken', 'later']) await see(`fail ${of} ${message}`, () => by.fail(lease, { message }));
      await see(`release ${of}`, () => by.release(lease));
    }
  await see('an attempt before the last', () => worker(scene, 'wide').fail(fixture.lease(me, 'diedLater', 'first'), { message: 'broken' }));
  await see('too often, by another', () => worker(scene, 'mixed').release(fixture.lease(me, 'tired')));
  await see('too often, of another lease', () => worker(scene, 'wide').release({ ...fixture.lease(me, 'tired'), leaseId: 'none' }));
  scene.clock.now += 2 * HOUR;
  await see('too often and too late', () => worker(scene, 'wide').release(fixture.lease(me, 'tired')));
}

const inLease = {
  progress: (scene) => refused(scene, (who, lease) => who.progress(lease, 'forged')),
  async log(scene) {
    await refused(scene, (who, lease) => who.log(lease, 'forged'));
    await scene.see('of its own', () => worker(scene, 'wide').log(scene.fixture.lease(scene.me, 'held'), 'well', { n: 1 }));
    await scene.see('on the last of its claim', () => worker(scene, 'wide').log(scene.fixture.lease(scene.me, 'heldThird'), 'well'));
    await scene.see('progress', () => worker(scene, 'wide').progress(scene.fixture.lease(scene.me, 'held'), 50));
    await scene.see('a child', () => worker(scene, 'wide').enqueueChild(scene.fixture.lease(scene.me, 'held'), 'Child.Work', 1));
  },
  async heartbeat(scene) {
    await refused(scene, (who, lease) => who.heartbeat([lease], HOUR));
    const { fixture, me, see } = scene;
    await see('several', () => worker(scene, 'wide').heartbeat([fixture.lease(me, 'held'), fixture.lease(me, 'dropped'), fixture.lease(me, 'dead')], HOUR));
  },
  async renewal({ store, see, clock }) {
    const scope = { role: 'worker', actor: 'worker:mixed', clients: [], workerId: 'mixed' } as const;
    await see('all of mixed', () => store.heartbeat(scope, 'all', 2 * HOUR));
    clock.now += 3 * HOUR;
    await see('too late', () => store.heartbeat(scope, 'all', 2 * HOUR));
  },
} as const satisfies Record<string, Act['play']>;

const enqueues = {
  async one({ queue, me, see, clock }) {
    const client = queue.client(me);
    await see('a known lane', () => client.enqueue('Mail.Send', { n: 1 }, { metadata: { a: 'b', of: 'new' } }));
    await see('a lane of another type', () => client.enqueue('Mail.Other', { n: 1 }));
    await see('a lane of another region', () => client.enqueue('Mail.Send', { n: 1 }, { compatibility: { region: 'us' } }));
    await see('delayed', () => client.enqueue('Mail.Send', { n: 1 }, { delayMs: 5000 }));
    clock.now += SECOND;
    await see('many', () => client.enqueueMany([{ type: 'Mail.Send', payload: 1 }, { type: 'Mail.New', delayMs: 1 }, { type: 'Known.One' }]));
  },
  async keyed({ queue, me, see }) {
    const client = queue.client(me);
    await see('a key of both clients, again', () => client.enqueue('Mail.Keyed', { of: me, twin: 'keyed' }, { priority: 70, idempotencyKey: 'k' }));
    await see('with other content', () => client.enqueue('Mail.Keyed', { n: 1 }, { idempotencyKey: 'k' }));
    await see('a new key', () => client.enqueue('Mail.Keyed', { n: 1 }, { idempotencyKey: 'k2' }));
  },
  async refusedClients({ queue, see }) {
    await see('of a suspended client', () => queue.client('halted').enqueue('Mail.Send', 1));
    await see('of a new client', () => queue.client('fresh').enqueue('Mail.Send', 1));
    await see('of an unknown client', () => queue.as({ role: 'client', clientId: 'unknown' }).enqueue('Mail.Send', 1));
  },
  async crowded({ queue, me, see }) {
    await see('beside a client with most lanes', () => queue.client(me).enqueue('Fresh.Lane', 1));
    await see('one with many', () => queue.client('quiet').enqueueMany(Array.from({ length: 101 }, (_, i) => ({ type: `Fresh.L${i}` }))));
  },
} as const satisfies Record<string, Act['play']>;

/** A DAG of each client, the other's first: with the same shape, so that what reaches the other shows. */
async function plant({ queue, me, you }: Scene): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const clientId of [you, me]) {
    const made = await queue.client(clientId).enqueueMany([
      { type: 'Dag.Root', priority: 500 },
      { type: 'Dag.Cancel', priority: 400, dependsOn: [0] },
      { type: 'Dag.Ignore', priority: 300, dependsOn: [{ position: 0, policy: 'ignore' }] },
      { type: 'Dag.Wait', priority: 200, delayMs: 1000, dependsOn: [{ position: 0, policy: 'wait' }] },
      { type: 'Dag.Other', priority: 600 },
      { type: 'Dag.Both', priority: 100, dependsOn: [0, 4] },
      { type: 'Dag.Under', priority: 90, dependsOn: [1] },
      { type: 'Dag.Free', delayMs: 2000 },
      { type: 'Dag.Slow', delayMs: 1000, dependsOn: [{ position: 0, policy: 'ignore' }, 4] },
    ]);
    ids.splice(0, ids.length, ...made.map((item) => (item.ok ? item.taskId : item.code)));
  }
  return ids;
}

const dependencies = {
  async completed(scene) {
    const { queue, me, see, clock } = scene;
    const ids = await plant(scene);
    const by = worker(scene, 'wide');
    const [root] = await by.claim({ max: 1, types: ['Dag.Root'] });
    if (root !== undefined) await see('fails, to be tried again', () => by.fail(root, 'no', { retryInMs: 0 }));
    for (const id of ids) await see('stands', async () => (await queue.client(me).get(id)).status);
    const tasks = await by.claim({ max: 4, types: ['Dag.Root', 'Dag.Other'] });
    await see('both at once', () => by.settle(tasks.map(({ clientId, taskId, leaseId }) => ({ op: 'complete', clientId, taskId, leaseId }))));
    clock.now += 1500;
    await queue.system().tick();
    for (const id of ids) await see('edges', () => queue.client(me).dependencies(id));
    for (const id of ids) await see('children', () => queue.client(me).dependencies(id, { direction: 'children', limit: 2 }));
    for (const task of await by.claim({ max: 9, types: ['Dag.Both', 'Dag.Wait'] })) {
      await see('parents', () => by.parents(task));
      await see('the next parents', () => by.parents(task, { limit: 1, cursor: '0' }));
      await see('parents of another lease', () => by.parents({ ...task, leaseId: 'none' }));
      await see('parents by another', () => worker(scene, 'mirror').parents(task));
    }
    clock.now += 2 * HOUR;
  },
  async ended(scene) {
    const { queue, me, see } = scene;
    const client = queue.client(me);
    const ids = await plant(scene);
    const by = worker(scene, 'wide');
    const die = async (type: string): Promise<unknown> => {
      const [task] = await by.claim({ max: 1, types: [type] });
      return task === undefined ? null : by.fail(task, 'no', { retry: false });
    };
    const edges = async (): Promise<void> => {
      for (const id of ids) await see('stands', async () => [(await client.get(id)).status, (await client.dependencies(id)).items]);
    };
    await see('a dead parent', () => die('Dag.Root'));
    await edges();
    await see('begins anew', () => client.requeue(ids[0] as string));
    for (const task of await by.claim({ max: 1, types: ['Dag.Root'] })) await see('and completes', () => by.complete(task));
    await edges();
    await see('the other dies', () => die('Dag.Other'));
    await edges();
    for (const id of ids) await see('requeued', () => client.requeue(id));
    await edges();
    await see('of a twin', () => client.enqueue('Dag.Twin', 1, { dependsOn: [{ taskId: idOf('held'), policy: 'wait' }] }));
    const [one, two] = [await client.enqueue('Dag.One'), await client.enqueue('Dag.Two')];
    for (const { taskId } of [one, two]) await see('waits', () => client.enqueue('Dag.Wait', 1, { dependsOn: [{ taskId, policy: 'wait' }] }));
    for (const { taskId } of [one, two]) await see('is cancelled', () => client.cancel(taskId));
    await see('one of two is purged', () => ofClient(scene).purge(one.taskId));
    await see('a dead parent again', async () => client.cancel((await client.enqueue('Dag.Gone')).taskId));
    for (const policy of ['cancel', 'ignore', 'wait'] as const)
      await see(policy, () => client.enqueue('Dag.Late', 1, { dependsOn: [{ taskId: ids[0] as string, policy }] }));
    await see('purged', () => ofClient(scene).purge(ids[0] as string));
    for (const id of ids) await see('requeued', () => client.requeue(id));
    await see('of what is purged', () => client.enqueue('Dag.Late', 1, { dependsOn: [ids[0] as string] }));
  },
  async moved(scene) {
    const { queue, me, see } = scene;
    const client = queue.client(me);
    const ids = await plant(scene);
    const [root, cancelled, , , other, both, under] = ids as [string, string, string, string, string, string, string];
    await see('reprioritised', () => client.reprioritise(both, 50));
    await see('given back', () => client.reprioritise(both, 550));
    await see('a leased parent', () => worker(scene, 'wide').claim({ max: 1, types: ['Dag.Other'] }));
    await see('cancelled', () => client.cancel(cancelled));
    await see('requeued', () => client.requeue(under));
    await see('requeued', () => client.requeue(cancelled));
    await see('the root', () => client.cancel(root));
    await see('the root again', () => client.requeue(root));
    await see('both again', () => client.requeue(both));
    for (const id of [root, other, both, under]) await see('stands', async () => [(await client.get(id)).status, (await client.get(id)).effectivePriority]);
  },
  /** Parents of thousands, so that a step ends in the middle of one. */
  async wide(scene) {
    const { queue, me, see } = scene;
    const client = queue.client(me);
    const [one, two] = [await client.enqueue('Dag.One'), await client.enqueue('Dag.Two')];
    for (const parent of [one, two])
      await client.enqueueMany(
        Array.from({ length: 700 }, (_, i) => ({ type: `Dag.Leaf`, payload: i, dependsOn: [{ taskId: parent.taskId, policy: 'ignore' as const }] })),
      );
    const by = worker(scene, 'wide');
    const tasks = await by.claim({ max: 2, types: ['Dag.One', 'Dag.Two'] });
    await see('ends of both', () => by.settle(tasks.map(({ clientId, taskId, leaseId }) => ({ op: 'complete', clientId, taskId, leaseId }))));
    for (let i = 0; i < 3; i++) await queue.system().tick();
    await see('left', async () => (await client.stats()).byStatus);
  },
} as const satisfies Record<string, Act['play']>;

const book = {
  async workers(scene) {
    const { queue, see } = scene;
    await see('a sign of life', () => worker(scene, 'mixed').beat('busy'));
    await see('registers again', () => worker(scene, 'mixed').register({ strategy: 'FIFO', capabilities: { categories: ['Mail.*'] } }));
    await see('a new one', () => queue.worker('new', [{ clientId: scene.me, pattern: 'Mail.*' }]).register());
    await see('its grants', () => queue.admin().grants.list('new'));
    await see('a new one with other grants', () => queue.worker('new', [{ clientId: scene.me, pattern: '*' }]).register());
    await see('all', () => queue.admin().workers.list());
    await see('what it may take', () => queue.worker('new').claim({ max: 5 }));
    await see('goes', () => worker(scene, 'few').deregister());
    await see('away goes', () => queue.admin().workers.remove('away'));
    await see('nobody', () => queue.admin().workers.remove('nobody'));
    await see('the rest', () => queue.admin().workers.list());
  },
  async prune({ queue, see, clock }) {
    await see('stale ones', () => queue.admin().workers.prune(DAY));
    clock.now += DAY / 2;
    await see('all that hold nothing', () => queue.admin().workers.prune(DAY / 4));
  },
  async grants(scene) {
    const { queue, me, see } = scene;
    const admin = ofClient(scene);
    for (const [who, pattern] of [
      ['few', 'Mail.*'],
      ['mixed', 'Extra.*'],
      ['mixed', 'Mail.*'],
      ['mirror', 'Mail.*'],
    ] as const)
      await see(`${who} ${pattern}`, () => admin.grants.create(who, { clientId: me, pattern }));
    await see('bounded', () => admin.grants.create('few', { clientId: me, pattern: 'Mail.*', attributes: { region: ['eu'] } }));
    await see('again', () => admin.grants.create('few', { clientId: me, pattern: 'Mail.*', attributes: { region: ['eu'] } }));
    for (const { grantId } of await queue.admin().grants.list('mixed')) await see(`drop ${grantId}`, () => admin.grants.delete(grantId));
    await see('drop none', () => admin.grants.delete('none'));
  },
  async clients({ queue, see }) {
    const { clients } = queue.admin();
    await see('again', () => clients.create('quiet'));
    await see('new', () => clients.create('newest', { weight: 3 }));
    await see('weight', () => clients.weight('quiet', 9));
    await see('suspend', () => clients.suspend('quiet'));
    await see('unknown', () => clients.suspend('unknown'));
  },
  async keys(scene) {
    const { queue, see } = scene;
    const admin = ofClient(scene);
    for (const name of ['one', 'two'])
      await see('create', async () => queue.authenticate((await admin.keys.create({ role: 'client', name })).key).then(Object.keys));
    await see(
      'a key of the other',
      async () =>
        ((await queue.authenticate((await queue.as({ role: 'admin', clientId: scene.you }).keys.create({ role: 'client' })).key)) as { clientId: string })
          .clientId,
    );
    for (const { keyId } of await queue.admin().keys.list()) await see(`revoke ${keyId}`, () => admin.keys.revoke(keyId));
    await see('all', () => queue.admin().keys.list());
  },
  async rotatedKeys(scene) {
    const { queue, see, clock } = scene;
    const admin = ofClient(scene);
    const first = await admin.keys.create({ role: 'client', name: 'first' });
    const second = await admin.keys.create({ role: 'client', name: 'second' });
    await see('rotate', () => admin.keys.rotate(first.keyId, { overlapMs: SECOND }));
    await see('all', () => queue.admin().keys.list());
    for (const at of [0, 30 * SECOND, 61 * SECOND]) {
      clock.now = THEN + at;
      await see(`used after ${at}`, () => queue.principalOf(second.key));
      await see(`used after ${at}, by its record`, () => admin.keys.list());
    }
    await see('the old one', () => queue.principalOf(first.key));
  },
  async keysOfTheSuspended({ queue, me, you, see }) {
    const made = {
      mine: await queue.admin().keys.create({ role: 'client', clientId: me }),
      other: await queue.admin().keys.create({ role: 'client', clientId: you }),
    };
    await queue.admin().clients.suspend(me);
    await see('of who is suspended', () => queue.principalOf(made.mine.key));
    await see('of who is not', () => queue.principalOf(made.other.key));
    await queue.admin().clients.resume(me);
  },
  /** The keys of workers belong to whoever trusts the worker. */
  async keysOfWorkers(scene) {
    const { queue, me, you } = scene;
    const [own, granted, keyed] = [`${me}:own`, `${me}:granted`, `${me}:keyed`];
    await queue.admin().grants.create(own, { clientId: me, pattern: 'Mail.*' });
    await queue.admin().grants.create(granted, { clientId: you, pattern: 'Mail.*' });
    await queue.admin().keys.create({ role: 'worker', name: keyed });
    for (const name of [own, granted, keyed, `${me}:unheard`]) await scene.see(name, () => ofClient(scene).keys.create({ role: 'worker', name }));
    await scene.see('all', () => scene.queue.admin().keys.list());
  },
  async firstAdmin({ queue, me, see, clock }) {
    await see('open', () => queue.system().openBootstrap());
    await see('an admin of a client', () => queue.admin().keys.create({ role: 'admin', clientId: me }));
    await see('another role', () => queue.admin().keys.create({ role: 'auditor' }));
    await see('still open', () => queue.system().openBootstrap());
    const short = await queue.admin().keys.create({ role: 'admin', expiresInMs: 60 * SECOND });
    await see('there is one', () => queue.system().openBootstrap());
    clock.now += 60 * SECOND;
    await see('it has expired', () => queue.system().openBootstrap());
    const { keyId } = await queue.admin().keys.create({ role: 'admin' });
    await see('there is one again', () => queue.system().openBootstrap());
    await queue.admin().keys.revoke(keyId);
    await see('it was revoked', () => queue.system().openBootstrap());
    await see('all', async () => [short.keyId, await queue.admin().keys.list()]);
    for (const key of await queue.admin().keys.list()) await queue.admin().keys.revoke(key.keyId);
  },
  async secrets({ store, see }) {
    for (const name of ['one', 'two', 'one']) await see(name, () => store.secret(name));
  },
  async categories({ queue, see, me }) {
    const { categories } = queue.admin();
    await see('set', () => categories.set({ pattern: 'Known.*', maxAttempts: 2 }));
    await see('delete', () => categories.delete('Known.One'));
    await see('delete again', () => categories.delete('Known.One'));
    await see('mode', () => categories.mode('registered'));
    await see('its mode', () => categories.mode());
    await see('registered', () => queue.client(me).enqueue('Known.Two', 1));
    await see('not registered', () => queue.client(me).enqueue('Unknown.Two', 1));
  },
} as const satisfies Record<string, Act['play']>;

const janitor = {
  async step({ queue, see }) {
    await see('a step', () => queue.system().tick());
    await see('another', () => queue.system().tick());
  },
  async later({ queue, see, clock }) {
    clock.now += 3 * HOUR;
    await see('hours later', () => queue.system().tick());
    clock.now = THEN + 8 * DAY;
    await see('days later', () => queue.system().tick());
  },
  async waits({ store, see, clock }) {
    await see('what is due wakes', () => store.changed(1));
    clock.now -= DAY;
    await see('nothing is due', () => store.changed(1));
  },
} as const satisfies Record<string, Act['play']>;

const group = (name: string, plays: Readonly<Record<string, Act['play']>>, ballast?: true): Act[] =>
  Object.entries(plays).map(([key, play]) => ({ name: `${name} ${key}`, play, ...(ballast === undefined ? {} : { ballast }) }));

export const ACTS: readonly Act[] = [
  { name: 'reads', play: reads },
  { name: 'overview', play: overview },
  { name: 'events', play: events },
  { name: 'numbers', play: numbers },
  { name: 'sealed', play: sealed },
  { name: 'data keys', play: dataKeys },
  { name: 'cut', play: cut },
  { name: 'inboxes', play: inboxes },
  { name: 'repeats', play: repeats },
  ...group('move', moves),
  ...group('claim', claims),
  ...group(
    'wide claim',
    {
      all: (scene) => drain(scene, 'wide', { max: 300 }),
      allAcross: (scene) => drain(scene, 'wide', { max: 300, fairness: 'none' }),
      wide: claims.wide,
      wideAcross: claims.wideAcross,
      almost: claims.almost,
      almostAcross: claims.almostAcross,
    },
    true,
  ),
  ...group('end', ends),
  ...group('in a lease', inLease),
  ...group('enqueue', { one: enqueues.one, keyed: enqueues.keyed, refusedClients: enqueues.refusedClients }),
  ...group('enqueue', { crowded: enqueues.crowded }, true),
  ...group('dependency', dependencies),
  ...group('book', book),
  ...group('janitor', janitor),
];
