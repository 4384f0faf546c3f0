// The security events, on whichever engine the queue is: each sensitive act leaves its event with who, what and how; and where the audit
// can not be written it is not done, while tasks go on.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AdminHandle, Queue, SecurityEvent } from '../../src/index.ts';
import { DAY } from './rig.ts';

export interface SecurityStand {
  readonly queue: Queue;
  /** From here on no security event can be written. */
  breakAudit(): Promise<void>;
  close(): Promise<void>;
}

interface Act {
  readonly action: string;
  readonly object: (made: Made) => string | null;
  readonly client: string | null;
  readonly details?: (made: Made) => Readonly<Record<string, unknown>>;
  readonly act: (admin: AdminHandle, made: Made, queue: Queue) => Promise<unknown>;
}

/** What is there before. */
interface Made {
  readonly taskId: string;
  readonly endedId: string;
  readonly keyId: string;
  readonly grantId: string;
}

const acts: readonly Act[] = [
  { action: 'client.create', client: 'fresh', object: () => 'fresh', act: (admin) => admin.clients.create('fresh') },
  {
    action: 'client.suspend',
    client: 'globex',
    object: () => 'globex',
    details: () => ({ status: 'suspended' }),
    act: (admin) => admin.clients.suspend('globex'),
  },
  { action: 'client.weight', client: 'acme', object: () => 'acme', details: () => ({ weight: 7 }), act: (admin) => admin.clients.weight('acme', 7) },
  { action: 'client.encrypt', client: 'acme', object: () => 'acme', details: () => ({ key_no: 1 }), act: (admin) => admin.clients.encrypt('acme') },
  {
    action: 'client.erase',
    client: 'acme',
    object: () => 'acme',
    details: () => ({ step: 'asked', reason: 'request 17' }),
    act: (admin) => admin.clients.erase('acme', 'request 17'),
  },
  {
    action: 'client.export',
    client: 'acme',
    object: () => 'acme',
    details: () => ({ reason: 'request 18' }),
    act: (admin) => admin.clients.exportPage('acme', { reason: 'request 18' }),
  },
  {
    action: 'key.create',
    client: 'acme',
    object: () => null,
    details: () => ({ role: 'client', created_by: 'admin' }),
    act: (admin) => admin.keys.create({ role: 'client', clientId: 'acme' }),
  },
  {
    action: 'key.rotate',
    client: 'acme',
    object: ({ keyId }) => keyId,
    details: () => ({ created_by: 'admin' }),
    act: (admin, { keyId }) => admin.keys.rotate(keyId),
  },
  { action: 'key.revoke', client: 'acme', object: ({ keyId }) => keyId, act: (admin, { keyId }) => admin.keys.revoke(keyId) },
  {
    action: 'grant.create',
    client: 'acme',
    object: () => 'w',
    details: () => ({ pattern: 'New.*' }),
    act: (admin) => admin.grants.create('w', { clientId: 'acme', pattern: 'New.*' }),
  },
  {
    action: 'grant.delete',
    client: 'acme',
    object: () => 'w',
    details: ({ grantId }) => ({ grant_id: grantId }),
    act: (admin, { grantId }) => admin.grants.delete(grantId),
  },
  { action: 'category.set', client: null, object: () => 'New.*', act: (admin) => admin.categories.set({ pattern: 'New.*' }) },
  { action: 'category.delete', client: null, object: () => 'Known.*', act: (admin) => admin.categories.delete('Known.*') },
  { action: 'category.set', client: null, object: () => 'mode hierarchical', act: (admin) => admin.categories.mode('hierarchical') },
  { action: 'worker.remove', client: null, object: () => 'w', act: (admin) => admin.workers.remove('w') },
  { action: 'task.purge', client: 'acme', object: ({ endedId }) => endedId, act: (admin, { endedId }) => admin.purge(endedId) },
  {
    action: 'task.payload',
    client: 'acme',
    object: ({ taskId }) => taskId,
    details: () => ({ reason: 'ticket 7' }),
    act: (admin, { taskId }) => admin.payload(taskId, 'ticket 7'),
  },
  {
    action: 'task.enqueue',
    client: 'acme',
    object: () => 'Mail.Send',
    details: () => ({ reason: 'ticket 7' }),
    act: (admin) => admin.inside('acme', 'ticket 7').enqueue('Mail.Send'),
  },
  {
    action: 'task.reprioritise',
    client: 'acme',
    object: ({ taskId }) => taskId,
    details: () => ({ reason: 'ticket 7' }),
    act: (admin, { taskId }) => admin.inside('acme', 'ticket 7').reprioritise(taskId, 3),
  },
  {
    action: 'audit.export',
    client: null,
    object: () => null,
    async act(admin) {
      for await (const _ of admin.audit.export()) return;
    },
  },
  { action: 'audit.retain', client: 'acme', object: () => 'acme', details: () => ({ keep_ms: DAY }), act: (admin) => admin.audit.retain('acme', DAY) },
];

async function made(queue: Queue): Promise<Made> {
  const admin = queue.admin();
  for (const id of ['acme', 'globex']) await admin.clients.create(id);
  const client = queue.client('acme');
  const { taskId: endedId } = await client.enqueue('Mail.Send', 'secret');
  await client.cancel(endedId);
  const { taskId } = await client.enqueue('Mail.Send', 'secret');
  await queue.worker('w').register();
  await admin.categories.set({ pattern: 'Known.*' });
  const { keyId } = await admin.keys.create({ role: 'client', clientId: 'acme' });
  const { grantId } = await admin.grants.create('w', { clientId: 'acme', pattern: 'Mail.*' });
  return { taskId, endedId, keyId, grantId };
}

/** What an act could have changed. */
async function stateOf(queue: Queue, { taskId, endedId }: Made): Promise<string> {
  const admin = queue.admin();
  const all = await Promise.all([
    admin.clients.list(),
    admin.keys.list(),
    admin.grants.list(),
    admin.categories.list(),
    admin.categories.mode(),
    admin.workers.list(),
    admin.get(taskId),
    admin.get(endedId),
    admin.list(),
    admin.audit.retention(),
  ]);
  return JSON.stringify(all);
}

const newest = async (queue: Queue, action: string): Promise<SecurityEvent | undefined> =>
  (await queue.admin().securityEvents({ limit: 50 })).items.find((event) => event.action === action);

export function securitySuite(open: () => Promise<SecurityStand>): void {
  const standing =
    (use: (stand: SecurityStand) => Promise<void>): (() => Promise<void>) =>
    async () => {
      const stand = await open();
      try {
        await use(stand);
      } finally {
        await stand.close();
      }
    };

  describe('security events', () => {
    it(
      'each sensitive act leaves one, with who did what to which object of which client',
      standing(async ({ queue }) => {
        const before = await made(queue);
        for (const { action, client, object, details = () => ({}), act } of acts) {
          await act(queue.admin(), before, queue);
          const event = await newest(queue, action);
          assert.deepEqual([event?.actor, event?.outcome, event?.clientId], ['admin', 'done', client], action);
          if (action !== 'key.create') assert.equal(event?.object, object(before), action);
          assert.partialDeepStrictEqual(event?.details, details(before), action);
          assert.ok(!JSON.stringify(event).includes('secret'), `${action} has no payload and no key`);
        }
      }),
    );

    it(
      'where the audit can not be written none of them is done, nothing is shown, and tasks go on',
      standing(async ({ queue, breakAudit }) => {
        const before = await made(queue);
        const worker = queue.worker('w');
        const state = await stateOf(queue, before);
        await breakAudit();
        for (const { action, act } of acts) {
          await assert.rejects(act(queue.admin(), before, queue), (error: Error) => !error.message.includes('secret'), action);
          assert.equal(await stateOf(queue, before), state, `${action} changed something`);
        }
        await queue.client('acme').enqueue('Mail.Send', 1);
        const [task] = await worker.claim();
        await worker.complete(task as NonNullable<typeof task>);
        // A refusal is answered whether it can be written or not; one of what changes rights is not.
        await assert.rejects(queue.as({ role: 'client', clientId: 'acme' }).get('01890000-0000-7000-8000-00000000dead'), { code: 'not_found' });
        await assert.rejects(queue.as({ role: 'admin', clientId: 'acme' }).clients.create('x'));
      }),
    );

    it(
      'a refusal names the rule: the role, the scopes or the client, once and then with a count',
      standing(async ({ queue }) => {
        await made(queue);
        const own = queue.as({ role: 'admin', clientId: 'acme' });
        await assert.rejects(own.clients.create('x'), { code: 'forbidden' });
        await assert.rejects(queue.as({ role: 'admin', scopes: ['task.get'] }).clients.create('x'), { code: 'forbidden' });
        await assert.rejects(own.grants.create('w', { clientId: 'globex', pattern: 'A.B' }), { code: 'not_found' });
        for (let i = 0; i < 9; i++) await assert.rejects(own.clients.create('x'), { code: 'forbidden' });
        const denied = (await queue.admin().securityEvents({ limit: 50 })).items.filter(({ outcome }) => outcome === 'denied');
        const told = denied.map(
          ({ actor, action, object, details }) => `${actor} ${action} ${object} ${details['because'] as string} ${Number(details['repeats'] ?? 1)}`,
        );
        for (const one of [
          'admin:acme client.create null role 1',
          'admin client.create null scopes 1',
          'admin:acme grant.create globex client 1',
          'admin:acme client.create null role 9',
        ])
          assert.ok(told.includes(one), `${one}\n${told.join('\n')}`);
      }),
    );

    it(
      'a login is on record before the first answer that it gets',
      standing(async ({ queue }) => {
        for (let i = 0; i < 5; i++) {
          const { key, keyId } = await queue.admin().keys.create({ role: 'auditor' });
          await queue.principalOf(key);
          const [last] = (await queue.admin().securityEvents({ limit: 1 })).items;
          assert.deepEqual([last?.action, last?.object], ['authenticate', keyId]);
        }
      }),
    );

    it(
      'a login is on record with its key and where it came from, once an hour; a key that does not open each time',
      standing(async ({ queue }) => {
        const { key, keyId } = await queue.admin().keys.create({ role: 'auditor' });
        for (let i = 0; i < 3; i++) await queue.principalOf(key, { address: '192.0.2.7', requestId: 'r1' });
        await queue.admin().keys.revoke(keyId);
        await assert.rejects(queue.principalOf(key, { address: '192.0.2.8' }), { code: 'unauthenticated' });
        const logins = (await queue.admin().securityEvents({ limit: 50 })).items.filter(({ action }) => action === 'authenticate');
        assert.deepEqual(logins.map(({ actor, object, outcome, details }) => [actor, object === keyId, outcome, details]).toReversed(), [
          ['auditor', true, 'done', { by: 'key', address: '192.0.2.7', request_id: 'r1' }],
          ['auditor', true, 'denied', { because: 'revoked', address: '192.0.2.8' }],
        ]);
      }),
    );
  });
}
