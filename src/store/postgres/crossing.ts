// Tries to get from one client to another with what a client's login has, in one transaction that is rolled back: two clients that
// nobody else has, a task of the first, and every kind of statement in the name of the second.
import { failed, fine } from '../checks.ts';
import type { Found } from '../checks.ts';
import type { NewTask } from '../../domain/task.ts';
import { createSigner } from './context.ts';
import type { Signer, SigningKey } from './context.ts';
import type { Client, Driver } from './driver.ts';
import { withClient } from './migrate.ts';
import type { PostgresLogins } from './store.ts';
import { enqueueInside } from './transaction.ts';

const VICTIM = 'prismq.doctor.a';
const INTRUDER = 'prismq.doctor.b';
const LANES = 1000;

const TASK: NewTask = {
  taskId: '00000000-0000-7000-8000-000000000001',
  clientId: VICTIM,
  type: 'Doctor.Probe',
  payload: '"probe"',
  compatibility: '{}',
  region: null,
  format: null,
  priority: 100,
  maxAttempts: 1,
  delayMs: 0,
  runAfterUtc: null,
  ttlMs: null,
  expiresAtUtc: null,
  maxRunMs: 1000,
  idempotencyKey: null,
  requestDigest: null,
  dueAtUtc: null,
  maxWaitMs: null,
  metadata: null,
  createdBy: null,
  traceparent: null,
  limitKey: null,
  dependsOn: [],
  parentTaskId: null,
};

/** Tables that the first client has a row in, and its own login may read. */
const READ = ['tasks', 'ready', 'lanes', 'task_events', 'clients', 'task_queue', 'task_logs'] as const;
const WRITES = [
  `UPDATE prismq.tasks SET priority = 1`,
  `DELETE FROM prismq.ready`,
  `INSERT INTO prismq.clients (client_id, created_at_utc) VALUES ('${VICTIM}', 0)`,
  `TRUNCATE prismq.tasks`,
  `UPDATE prismq.task_events SET actor = 'x'`,
  'SET LOCAL ROLE prismq_engine',
  'SET LOCAL ROLE prismq_owner',
  'SELECT * FROM prismq.signing_keys',
  'SELECT * FROM prismq.api_keys',
] as const;

export async function crossing(driver: Driver, connect: string | PostgresLogins, key: SigningKey, wallMs: () => number): Promise<Found> {
  const url = typeof connect === 'string' ? connect : connect.clientUrl;
  return withClient(driver, url, async (client) => {
    await client.query('BEGIN');
    try {
      // One login for everything takes its class on for each call, and could leave it again.
      if (typeof connect === 'string') await client.query('SET LOCAL ROLE prismq_client');
      return await attempt(
        client,
        createSigner(key, () => wallMs() / 1000),
        typeof connect !== 'string',
      );
    } finally {
      await client.query('ROLLBACK').catch(() => undefined);
    }
  });
}

async function attempt(client: Client, signer: Signer, isBound: boolean): Promise<Found> {
  const scope = { role: 'client', actor: `client:${VICTIM}`, clients: [VICTIM] } as const;
  const [outcome] = await enqueueInside(signer, LANES, scope, client, [TASK], true);
  if (outcome?.ok !== true) return failed(`the probe could not be made: ${outcome?.refusal.message ?? 'no answer'}`);
  const token = (clientId: string): string => signer.sign({ role: 'client', clients: [clientId], actor: 'client' }, 0);
  const wrong: string[] = [];
  let tried = 0;
  for (const table of READ) {
    const seen = async (context: string): Promise<number> => {
      tried += 1;
      await client.query(`SELECT set_config('prismq.ctx', $1, true)`, [context]);
      return (await client.query({ text: `SELECT count(*) FROM prismq.${table} WHERE client_id = '${VICTIM}'`, rowMode: 'array' })).rows[0]?.[0] as number;
    };
    if ((await seen(token(VICTIM))) === 0) wrong.push(`${table}: the client does not see its own row, so that nothing is proven`);
    for (const [how, context] of [
      ['the context of another client', token(INTRUDER)],
      ['no context', ''],
      ['a forged context', token(INTRUDER).replace(INTRUDER, VICTIM)],
    ] as const)
      if ((await seen(context)) > 0) wrong.push(`${table} is read with ${how}`);
  }
  await client.query(`SELECT set_config('prismq.ctx', $1, true)`, [token(INTRUDER)]);
  for (const sql of WRITES) {
    if (!isBound && sql.startsWith('SET LOCAL ROLE')) continue;
    tried += 1;
    if (await goesThrough(client, sql)) wrong.push(`\`${sql}\` goes through`);
  }
  return wrong.length === 0 ? fine(`${tried} attempts, none got through`) : failed(wrong.join('; '));
}

async function goesThrough(client: Client, sql: string): Promise<boolean> {
  await client.query('SAVEPOINT attempt');
  const went = await client.query(sql).then(
    () => true,
    () => false,
  );
  await client.query('ROLLBACK TO attempt');
  return went;
}
