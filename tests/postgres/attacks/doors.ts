// The functions are the only doors: who may not call one, and what one does with ids, hints and words of another tenant.
import assert from 'node:assert/strict';
import type { Arena, Login, Register } from './arena.ts';
import { ACTING, as, holds, refused, works } from './arena.ts';

/** Calls that a class has no right to, by name of the function, with any arguments. */
const CLOSED: Readonly<Record<Login, readonly string[]>> = {
  client: [
    `prismq.claim_batch('{token}', 1, 1000, gen_random_uuid(), ARRAY['priority asc'], 'PRIORITY', 'weighted', NULL, NULL, ARRAY['b'], ARRAY[1])`,
    `prismq.tick('{token}', 0, '{}')`,
    `prismq.data_keys_of('{token}', 'b')`,
    `prismq.data_key_add('{token}', 'b', 9, 'x')`,
    `prismq.data_keys_shred('{token}', 'b')`,
    `prismq.audit_summary('{token}')`,
    `prismq.key_find('{token}', 'x')`,
    `prismq.key_create('{token}', 'k', 'd', 'admin', NULL, NULL, 'x', NULL, NULL, 'x', '[]')`,
    `prismq.grant_create('{token}', 'g', 'w-a', 'b', '*', '{}')`,
    `prismq.program_grants('{token}', 'w-a', '[]')`,
    `prismq.category_mode('{token}', 'registered')`,
    `prismq.secret_of('{token}', 'x', 'y')`,
    `prismq.client_change('{token}', 'b', 'suspended', NULL)`,
    `prismq.security_record('{token}', 'x', 'x', 'b', 'x', 'done', NULL)`,
    `prismq.bootstrap_open('{token}', 'x', 1000)`,
    `prismq.next_due_in('{token}')`,
    `prismq.lanes_everywhere()`,
    `prismq.security_add('x', 'x', 'b', 'x', 'done', NULL)`,
    `prismq.move_one('b', '{b.ready}', 'cancel', 'me', '{}')`,
    `prismq.purge_tasks(ARRAY['b'], ARRAY['{b.done}'::uuid], ARRAY[9], 1, 'me')`,
    `prismq.promote_due(10)`,
    `prismq.sla_step(9000000000000)`,
    `prismq.quota_used('b')`,
    `prismq.leased_of('b')`,
    `prismq.expire_leases(10, '{}')`,
    `prismq.settle_move('[]', 'me', 1, '{}')`,
    `prismq.enter('{token}', 'client')`,
    `prismq.ensure_lane('b', 'T.X', '{}', NULL, '', 10)`,
    `prismq.lane_under('b', 1, 'T.X', '')`,
    `prismq.running_under('b')`,
    `prismq.schedules_due('{token}', 10, true, 1000)`,
    `prismq.schedule_content('{token}', 'b', 'of-b')`,
    `prismq.ensure_set('{}')`,
    `prismq.leave('b', '{b.ready}', 'ready', 5, 1)`,
    `prismq.set_content('w-b', '{}', NULL)`,
    `prismq.place_of('b', '{b.ready}')`,
    `prismq.worker_register('{token}', '{}', 'FIFO', 'none', '{}')`,
    `prismq.start_draws('{token}')`,
  ],
  worker: [
    `prismq.move_task('{token}', '{a.ready}', 'cancel', '{}')`,
    `prismq.tick('{token}', 0, '{}')`,
    `prismq.grant_create('{token}', 'g', 'w-a', 'b', '*', '{}')`,
    `prismq.program_grants('{token}', 'w-a', '[{"grant_id":"g","client_id":"*","pattern":"*","attributes":"{}"}]')`,
    `prismq.key_find('{token}', 'x')`,
    `prismq.workers_prune('{token}', 0)`,
    `prismq.secret_of('{token}', 'x', 'y')`,
    `prismq.lanes_everywhere()`,
    `prismq.ensure_set('{"declared":{},"grants":[{"clientId":"*","pattern":"*"}]}')`,
    `prismq.set_of_call('w-b', NULL, NULL)`,
    `prismq.pick('b', gen_random_uuid(), 'r.priority asc', 1, 'lane', 1)`,
    `prismq.pick_limited('b', gen_random_uuid(), 'r.priority asc', 1, 1)`,
    `prismq.hold_limits(ARRAY['b'])`,
    `prismq.running_under('b')`,
    `prismq.limit_put('{token}', 'b', 'l', NULL, NULL, 0, NULL, NULL, 10, 'x', NULL)`,
    `prismq.promote_due(10)`,
    `prismq.reset_worker('w-b')`,
    `prismq.drop_worker('w-b', 'me', 'worker.remove')`,
    `prismq.client_add('{token}', 'c', 1)`,
  ],
  admin: [
    `prismq.claim_batch('{token}', 1, 1000, gen_random_uuid(), ARRAY['priority asc'], 'PRIORITY', 'weighted', NULL, NULL, ARRAY['b'], ARRAY[1])`,
    `prismq.lanes_everywhere()`,
    `prismq.move_one('b', '{b.ready}', 'cancel', 'me', '{}')`,
    `prismq.owns_worker('*', 'w-b')`,
    `prismq.has_operator()`,
    `prismq.promote_due(10)`,
    `prismq.security_add('x', 'x', 'b', 'x', 'done', NULL)`,
  ],
};

/** Calls that a class may make, with what is of another: they find nothing. */
const FOREIGN: readonly (readonly [Login, string])[] = [
  ...['cancel', 'requeue', 'reprioritise', 'amend'].flatMap((event) =>
    ['b.ready', 'b.held', 'b.failed', 'b.done', 'b.delayed', 'b.ended'].map(
      (thing) => ['client', `SELECT * FROM prismq.move_task('{token}', '{${thing}}', '${event}', '{"priority": 1, "payload": "x", "reason": "x"}')`] as const,
    ),
  ),
  ['admin', `SELECT * FROM prismq.move_task('{token}', '{b.done}', 'purge', '{}')`],
  ['admin', `SELECT * FROM prismq.move_task('{token}', '{b.ready}', 'cancel', '{}')`],
  ['admin', `SELECT prismq.grant_delete('{token}', '{b.grant}')`],
  ['admin', `SELECT prismq.key_revoke('{token}', '{b.key}')`],
  ['admin', `SELECT * FROM prismq.key_rotate('{token}', '{b.key}', 'n1', 'd1', 'me', 0, NULL)`],
  ['admin', `SELECT * FROM prismq.key_create('{token}', 'n2', 'd2', 'worker', 'a', 'w-b', 'x', NULL, NULL, 'me', '[]')`],
  ['admin', `SELECT * FROM prismq.key_create('{token}', 'n3', 'd3', 'client', 'b', NULL, 'x', NULL, NULL, 'me', '[]')`],
  ['admin', `SELECT * FROM prismq.key_create('{token}', 'n4', 'd4', 'admin', NULL, NULL, 'x', NULL, NULL, 'me', '[]')`],
  ['admin', `SELECT * FROM prismq.grant_create('{token}', 'g2', 'w-a', 'b', '*', '{}')`],
  ['admin', `SELECT * FROM prismq.grant_create('{token}', 'g3', 'w-a', '*', '*', '{}')`],
  ['admin', `SELECT prismq.worker_delete('{token}', 'w-b')`],
  ['admin', `SELECT prismq.workers_prune('{token}', -1000000)`],
  ['admin', `SELECT * FROM prismq.client_change('{token}', 'b', 'suspended', NULL)`],
  ['admin', `SELECT * FROM prismq.client_add('{token}', 'c', 1)`],
  ['admin', `SELECT prismq.category_mode('{token}', 'registered')`],
  ['admin', `SELECT prismq.category_put('{token}', '*', 1, 1, 1, NULL, NULL, NULL)`],
  ['admin', `SELECT prismq.category_delete('{token}', '*')`],
  ['admin', `SELECT * FROM prismq.tick('{token}', -100000000, '{"initialMs":0,"maxMs":0,"multiplier":1,"jitter":0}')`],
  ['admin', `SELECT * FROM prismq.audit_summary('{token}')`],
  ['admin', `SELECT * FROM prismq.workers_list('{token}')`],
  ['admin', `SELECT prismq.program_grants('{token}', 'w-a', '[{"grant_id":"g4","client_id":"b","pattern":"*","attributes":"{}"}]')`],
  ['admin', `SELECT prismq.bootstrap_open('{token}', 'x', 1000)`],
  ['admin', `SELECT prismq.secret_of('{token}', 'receipts', 'y')`],
  [
    'worker',
    `SELECT * FROM prismq.claim_batch('{token}', 100, 1000, gen_random_uuid(), ARRAY['priority asc', 'position asc'], 'PRIORITY', 'weighted', NULL, NULL, ARRAY['b'], ARRAY[100])`,
  ],
  [
    'worker',
    `SELECT * FROM prismq.claim_batch('{token}', 100, 1000, gen_random_uuid(), ARRAY['priority asc', 'position asc'], 'PRIORITY', 'none', NULL, NULL, ARRAY['b'], ARRAY[100])`,
  ],
  [
    'worker',
    `SELECT * FROM prismq.claim_batch('{token}', 100, 1000, gen_random_uuid(), ARRAY['priority asc', 'position asc'], 'PRIORITY', 'weighted', '{"clients":["b"]}', NULL, ARRAY['b','a'], ARRAY[100,100])`,
  ],
  [
    'worker',
    `SELECT * FROM prismq.claim_batch('{token}', 100, 1000, gen_random_uuid(), ARRAY['priority asc', 'position asc'], 'PRIORITY', 'weighted', '{}', ARRAY['*'], ARRAY['b'], ARRAY[100])`,
  ],
  [
    'worker',
    `SELECT * FROM prismq.claim_batch('{token}', 1, 1000, gen_random_uuid(), ARRAY['priority asc; DELETE FROM prismq.ready'], 'PRIORITY', 'weighted', NULL, NULL, ARRAY['b'], ARRAY[1])`,
  ],
  ['worker', `SELECT * FROM prismq.active_clients('{token}', NULL, NULL, 1000)`],
  [
    'worker',
    `SELECT * FROM prismq.settle_batch('{token}', 20, '{}', ARRAY['b'], ARRAY['{b.held}'::uuid], ARRAY['{b.lease}'::uuid], ARRAY['complete'], ARRAY['1'], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
  ],
  [
    'worker',
    `SELECT * FROM prismq.settle_batch('{token}', 20, '{}', ARRAY['b'], ARRAY['{b.held}'::uuid], ARRAY['{b.lease}'::uuid], ARRAY['fail'], NULL, NULL, NULL, NULL, ARRAY['x'], NULL, ARRAY[true], NULL, ARRAY[0.5])`,
  ],
  [
    'worker',
    `SELECT * FROM prismq.settle_batch('{token}', 20, '{}', ARRAY['b'], ARRAY['{b.held}'::uuid], ARRAY['{b.lease}'::uuid], ARRAY['release'], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
  ],
  ['worker', `SELECT verdict FROM prismq.heartbeat_batch('{token}', 1000, ARRAY['b'], ARRAY['{b.held}'::uuid], ARRAY['{b.lease}'::uuid])`],
  ['worker', `SELECT * FROM prismq.lease_find('{token}', 'b', '{b.held}', '{b.lease}')`],
  ['worker', `SELECT prismq.progress_set('{token}', 'b', '{b.held}', '{b.lease}', '1')`],
  ['worker', `SELECT prismq.message_add('{token}', 'b', '{b.held}', '{b.lease}', 'x', NULL)`],
  ['admin', `SELECT * FROM prismq.data_keys_of('{token}', 'b')`],
  ['admin', `SELECT prismq.data_key_add('{token}', 'b', 9, 'x')`],
  ['admin', `SELECT prismq.data_keys_shred('{token}', 'b')`],
  ['worker', `SELECT prismq.worker_delete('{token}', 'w-b')`],
  ['worker', `SELECT * FROM prismq.workers_list('{token}')`],
  ['worker', `SELECT * FROM prismq.worker_register('{token}', '{"clients":["b"]}', 'FIFO', 'none', '{}'); SELECT client_id, id FROM prismq.worker_inbox`],
  ...(['client', 'admin'] as const).flatMap((login) =>
    [
      `SELECT prismq.schedule_put('{token}', 'b', 'of-b', 'once', NULL, NULL, NULL, 1, 'T.X', '1', '{}', 'one', false, 1, 10, NULL)`,
      `SELECT prismq.schedule_drop('{token}', 'b', 'of-b', NULL)`,
      `SELECT prismq.schedule_pause('{token}', 'b', 'of-b', 1, true, NULL, NULL)`,
      `SELECT prismq.explain_facts('{token}', 'b', '{b.ready}', 60000, 10)`,
      `SELECT prismq.forecast_facts('{token}', 'b', '{b.ready}', NULL, NULL, 10, 10, 1000)`,
    ].map((sql) => [login, sql] as const),
  ),
  ['admin', `SELECT prismq.limit_put('{token}', 'b', 'l', NULL, NULL, 0, NULL, NULL, 10, 'x', NULL)`],
  ['admin', `SELECT prismq.limit_drop('{token}', 'b', 'l', 'x', NULL)`],
  ['client', `SELECT * FROM prismq.quota_get('{token}', 'b')`],
  ['admin', `SELECT * FROM prismq.quota_set('{token}', 'b', 0, 0)`],
  ['client', `SELECT * FROM prismq.unroutable('{token}', -1000000000000, 10, 10) WHERE client_id = 'b'`],
  ['admin', `SELECT * FROM prismq.unroutable('{token}', -1000000000000, 10, 10) WHERE client_id = 'b'`],
  ['client', `SELECT * FROM prismq.worker_counts('{token}', 0, 0)`],
];

const enqueueOf = (client: string, key: string): string =>
  `SELECT verdict, task_id, status FROM prismq.enqueue_batch('{token}', false, true, 100, ARRAY['${client}'], ARRAY[gen_random_uuid()], ARRAY['Ready.Job'], ARRAY['{}'], NULL, NULL, ARRAY[100], ARRAY[5], ARRAY[1000], NULL, NULL, NULL, NULL, NULL, NULL, ARRAY['1'], NULL, ARRAY[${key}], ARRAY['d'], NULL, NULL, NULL)`;

export function doorAttacks(arena: () => Arena, it: Register): void {
  controls(arena, it);
  for (const login of ['client', 'worker', 'admin'] as const)
    for (const call of CLOSED[login])
      it(`${login}: ${call.slice(0, 60)} is not its door`, () => refused(arena(), login, `SELECT * FROM ${call}`, /permission denied for function/));
  for (const [login, sql] of FOREIGN) it(`${login}: ${sql.slice(14, 130)}`, () => holds(arena(), login, sql));
  it('worker: a genuine context of the system removes no worker and lists none on the login of workers', async () => {
    const token = arena().signer.sign({ role: 'system', clients: '*', actor: 'system' }, 0);
    await holds(arena(), 'worker', `SELECT prismq.worker_delete('{token}', 'w-b')`, { token });
    await holds(arena(), 'worker', `SELECT * FROM prismq.workers_list('{token}')`, { token });
  });
  it('admin: the secrets of servers are for the system alone', () =>
    refused(arena(), 'admin', `SELECT prismq.secret_of('{token}', 'receipts', 'y')`, /not for admin/));
  it('client: purge is not for a client', () =>
    refused(arena(), 'client', `SELECT * FROM prismq.move_task('{token}', '{a.done}', 'purge', '{}')`, /not for client/));
  it('worker: a context that lists b gives no lease of b', async () => {
    const token = arena().signer.sign({ ...ACTING.worker, clients: ['b'] }, 0);
    for (const op of ['complete', 'fail', 'release'])
      await holds(
        arena(),
        'worker',
        `SELECT * FROM prismq.settle_batch('{token}', 20, '{"initialMs":0,"maxMs":0,"multiplier":1,"jitter":0}', ARRAY['b'], ARRAY['{b.held}'::uuid], ARRAY['{b.lease}'::uuid], ARRAY['${op}'], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ARRAY[0.5])`,
        { token },
      );
    await holds(
      arena(),
      'worker',
      `SELECT * FROM prismq.claim_batch('{token}', 100, 1000, gen_random_uuid(), ARRAY['priority asc', 'position asc'], 'PRIORITY', 'weighted', NULL, NULL, ARRAY['b'], ARRAY[100])`,
      { token },
    );
    await holds(arena(), 'worker', 'SELECT client_id, id FROM prismq.worker_inbox', { token });
  });
  it('client: an enqueue in the name of another is refused or stores nothing', () => holds(arena(), 'client', enqueueOf('b', 'NULL')));
  it('client: the key of another is no oracle', async () => {
    const { text } = await as(arena(), 'client', enqueueOf('a', `'fresh-key'`), { commit: false });
    assert.match(text, /stored/);
    const own = await as(arena(), 'client', enqueueOf('a', `'same-key'`), { commit: false });
    assert.match(own.text, /idempotency_conflict/, 'its own key is there');
    await holds(arena(), 'client', enqueueOf('b', `'same-key'`));
  });
  it('client: the id of a task of another is no oracle', async () => {
    const taken = enqueueOf('a', 'NULL').replace('gen_random_uuid()', `'{b.ready}'::uuid`);
    const { error, text } = await as(arena(), 'client', taken, { commit: false });
    assert.equal(error, null);
    assert.match(text, /stored/);
  });
}

function controls(arena: () => Arena, it: Register): void {
  it("control: the doors work for what is the caller's own", async () => {
    await works(arena(), 'client', `SELECT verdict FROM prismq.move_task('{token}', '{a.ready}', 'cancel', '{"reason":"x"}')`, /done/);
    await works(arena(), 'client', enqueueOf('a', 'NULL'), /stored/);
    await works(
      arena(),
      'worker',
      `SELECT client_id, type FROM prismq.claim_batch('{token}', 10, 1000, gen_random_uuid(), ARRAY['priority asc', 'position asc'], 'PRIORITY', 'weighted', NULL, NULL, ARRAY['a'], ARRAY[10])`,
      /Ready\.Job/,
    );
    await works(
      arena(),
      'worker',
      `SELECT * FROM prismq.settle_batch('{token}', 20, '{}', ARRAY['a'], ARRAY['{a.held}'::uuid], ARRAY['{a.lease}'::uuid], ARRAY['complete'], ARRAY['1'], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
      /completed/,
    );
    await works(arena(), 'admin', `SELECT prismq.key_revoke('{token}', '{a.key}')`, /true/);
    await works(arena(), 'admin', `SELECT prismq.grant_delete('{token}', '{a.grant}')`, /true/);
    await works(arena(), 'admin', `SELECT verdict FROM prismq.move_task('{token}', '{a.done}', 'purge', '{}')`, /done/);
  });
}
