// Enqueue inside the caller's own transaction: by pg, Drizzle and Kysely, and from plain SQL by a bound role.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { drizzle } from 'drizzle-orm/node-postgres';
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { openQueue } from '../../src/index.ts';
import type { Queue } from '../../src/index.ts';
import { bindSqlRoleUrl } from '../../src/postgres.ts';
import { binaries, startServer } from './server.ts';
import type { Server } from './server.ts';

describe('transactions on PostgreSQL', { skip: binaries().length === 0 }, () => {
  let server: Server;
  let url: string;
  let queue: Queue;
  const total = async (id: string): Promise<number> => (await queue.client(id).stats()).total;

  before(async () => {
    server = (await startServer()) as Server;
    url = await server.database({ realClock: true });
    queue = await openQueue(url, { janitorMs: 0, listenUrl: null });
    for (const id of ['acme', 'globex', 'plain', 'other']) await queue.admin().clients.create(id);
    await server.query(
      url,
      'CREATE TABLE orders (id int); CREATE ROLE app LOGIN; GRANT prismq_client TO app; GRANT ALL ON orders TO app; CREATE ROLE reporter LOGIN; CREATE ROLE stranger LOGIN; GRANT USAGE ON SCHEMA prismq TO stranger',
    );
  });
  after(async () => {
    await queue?.close();
    server?.stop();
  });
  const withApp = async (use: (client: pg.Client) => Promise<void>, user = 'app'): Promise<void> => {
    const client = new pg.Client({ connectionString: server.urlOf(new URL(url).pathname.slice(1), user) });
    await client.connect();
    try {
      await use(client);
    } finally {
      await client.end();
    }
  };

  it('a task of pg is there when the caller commits, and not before', () =>
    withApp(async (tx) => {
      await tx.query('BEGIN');
      await tx.query('INSERT INTO orders VALUES (1)');
      const { taskId } = await queue.client('acme').enqueue('Order.Ship', { id: 1 }, { tx });
      assert.equal(await total('acme'), 0);
      await tx.query('COMMIT');
      assert.equal((await queue.client('acme').get(taskId)).status, 'queued');
    }));

  it('a task of pg is gone when the caller rolls back', () =>
    withApp(async (tx) => {
      const before = await total('acme');
      await tx.query('BEGIN');
      await queue.client('acme').enqueue('Order.Ship', { id: 2 }, { tx });
      await tx.query('ROLLBACK');
      assert.equal(await total('acme'), before);
    }));

  it("no context stays on the caller's connection", () =>
    withApp(async (tx) => {
      await tx.query('BEGIN');
      await queue.client('acme').enqueue('Order.Ship', 'secret', { tx });
      assert.deepEqual((await tx.query('SELECT payload FROM prismq.tasks')).rows, []);
      await tx.query('ROLLBACK');
    }));

  it('without a transaction, or with what is no connection, nothing is stored', () =>
    withApp(async (tx) => {
      const before = await total('acme');
      await assert.rejects(queue.client('acme').enqueue('Order.Ship', 1, { tx }), { code: 'invalid_input', message: /begin a transaction/ });
      await assert.rejects(queue.client('acme').enqueue('Order.Ship', 1, { tx: {} }), { code: 'invalid_input' });
      assert.equal(await total('acme'), before);
    }));

  it('a login that has no class is refused', () =>
    withApp(async (tx) => {
      await tx.query('BEGIN');
      await assert.rejects(queue.client('acme').enqueue('Order.Ship', 1, { tx }), { code: 'forbidden' });
      await tx.query('ROLLBACK');
    }, 'stranger'));

  it('joins a transaction of Drizzle', () =>
    withApp(async (client) => {
      const db = drizzle(client);
      let taskId = '';
      await db.transaction(async () => {
        // Drizzle's transaction runs on the client that it was given.
        ({ taskId } = await queue.client('globex').enqueue('Order.Bill', { by: 'drizzle' }, { tx: client }));
      });
      assert.deepEqual((await queue.client('globex').get(taskId)).payload, { by: 'drizzle' });
      const before = await total('globex');
      await assert.rejects(
        db.transaction(async (tx) => {
          await queue.client('globex').enqueue('Order.Bill', 2, { tx: client });
          tx.rollback();
        }),
      );
      assert.equal(await total('globex'), before);
    }));

  it('joins a transaction of Kysely', async () => {
    const pool = new pg.Pool({ connectionString: server.urlOf(new URL(url).pathname.slice(1), 'app'), max: 1 });
    const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) });
    const taskId = await db.transaction().execute(async (trx) => {
      const tx = async (text: string, values: unknown[]): Promise<readonly unknown[]> => (await trx.executeQuery(CompiledQuery.raw(text, values))).rows;
      return (await queue.client('globex').enqueue('Order.Bill', { by: 'kysely' }, { tx })).taskId;
    });
    assert.deepEqual((await queue.client('globex').get(taskId)).payload, { by: 'kysely' });
    await db.destroy();
  });

  it('plain SQL enqueues for the client that its role is bound to, in its own transaction', async () => {
    await bindSqlRoleUrl(url, 'reporter', 'plain');
    await withApp(async (client) => {
      await client.query('BEGIN');
      await client.query(`SELECT prismq.enqueue('plain', 'Report.Daily', '{"n":1}', priority => 7)`);
      await client.query('ROLLBACK');
      assert.equal(await total('plain'), 0);
      const { rows } = (await client.query(`SELECT prismq.enqueue('plain', 'Report.Daily', '{"n":1}', priority => 7, idempotency_key => 'k') AS id`)) as {
        rows: { id: string }[];
      };
      const again = (await client.query(`SELECT prismq.enqueue('plain', 'Report.Daily', '{"n":1}', priority => 7, idempotency_key => 'k') AS id`)) as {
        rows: { id: string }[];
      };
      assert.equal(again.rows[0]?.id, rows[0]?.id);
      const task = await queue.client('plain').get(rows[0]?.id as string);
      assert.deepEqual([task.payload, task.priority, task.createdBy, task.maxAttempts], [{ n: 1 }, 7, 'sql:reporter', 5]);
      const [claimed] = await queue.worker('w').claim({ types: ['Report.*'] });
      assert.equal(claimed?.taskId, task.taskId);
      for (const wrong of [`'Report..Daily', '1'`, `'Report.Daily', 'no json'`, `'Report.Daily', '1', priority => 0`])
        await assert.rejects(client.query(`SELECT prismq.enqueue('plain', ${wrong})`));
    }, 'reporter');
  });

  it('plain SQL stores nothing for a client whose payloads are sealed', async () => {
    const sealing = await openQueue(url, { janitorMs: 0, listenUrl: null, masterKey: 'a'.repeat(64) });
    await sealing.admin().clients.create('closed');
    await bindSqlRoleUrl(url, 'reporter', 'closed');
    await withApp(async (client) => {
      await client.query(`SELECT prismq.enqueue('closed', 'Report.Daily', '1')`);
      await sealing.admin().clients.encrypt('closed');
      await assert.rejects(client.query(`SELECT prismq.enqueue('closed', 'Report.Daily', '1')`), /sealed/);
    }, 'reporter');
    assert.equal(await total('closed'), 1);
    for (const who of ['ada', 'bob']) {
      const { clients } = sealing.as({ role: 'admin', keyId: who });
      await (who === 'ada' ? clients.erase('closed', 'the end') : clients.confirmErase('closed'));
    }
    await sealing.close();
  });

  it('a role bound to another client is refused, whatever it sets', () =>
    withApp(async (client) => {
      for (const sql of [
        `SELECT prismq.enqueue('other', 'Report.Daily')`,
        `SELECT prismq.enqueue('plain,other', 'Report.Daily')`,
        `SET prismq.ctx = 'v1|sql|client|other|sql|99999999999|0|00'; SELECT prismq.enqueue('other', 'Report.Daily')`,
        `CREATE TEMP TABLE sql_roles AS SELECT 'reporter'::name AS role_name, 'other' AS client_id; SELECT prismq.enqueue('other', 'Report.Daily')`,
        `SELECT prismq.mint('plain')`,
        `INSERT INTO prismq.sql_roles VALUES ('reporter', 'other')`,
        'SELECT payload FROM prismq.tasks',
      ])
        await assert.rejects(client.query(sql), /not bound|permission denied/, sql);
      assert.equal(await total('other'), 0);
    }, 'reporter'));

  it('a role without a binding, or whose binding was taken back, is refused', async () => {
    await withApp(async (client) => {
      await assert.rejects(client.query(`SELECT prismq.enqueue('plain', 'Report.Daily')`), /permission denied/);
    }, 'stranger');
    await bindSqlRoleUrl(url, 'reporter', 'plain', false);
    await withApp(async (client) => {
      await assert.rejects(client.query(`SELECT prismq.enqueue('plain', 'Report.Daily')`), /not bound/);
    }, 'reporter');
  });
});
