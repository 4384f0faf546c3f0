// The connections of one class of login. Statements are pipelined: a connection takes the next one before it answered the last.
// Each statement of ours is one transaction by itself, so nothing of one call is left on a connection for the next.
import { QueueError } from '../../domain/errors.ts';
import type { Acting, Signer } from './context.ts';
import { newClient } from './driver.ts';
import type { Client, Driver } from './driver.ts';
import { asQueueError, isConflict } from './errors.ts';
import { statement, valuesOf } from './statements.ts';
import type { Params, Statement } from './statements.ts';

export type Row = readonly unknown[];

export interface PoolOptions {
  readonly driver: Driver;
  readonly url: string;
  /** Most connections. */
  readonly size: number;
  /** Taken on by a login that is a member of several classes. */
  readonly role: string | null;
  readonly signer: Signer;
  /** Prepared statements and tokens bound to the backend: off behind a pooler that shares backends among transactions. */
  readonly pooled: boolean;
  /** Statements that a test puts before each of ours, for its clock. */
  readonly before: (() => string) | null;
  readonly onError: (error: unknown) => void;
}

interface Connection {
  readonly client: Client;
  readonly pid: number;
  waiting: number;
  closed: boolean;
}

const ATTEMPTS = 3;

export class Pool {
  readonly #options: PoolOptions;
  readonly #connections: Connection[] = [];
  #opening = 0;
  #opened: Promise<Connection> | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** One named statement, which is a transaction of its own. `:token` is signed for the connection that it runs on. */
  async run(name: string, acting: Acting, params: Params = {}): Promise<Row[]> {
    const found = statement(name);
    for (let attempt = 1; ; attempt++) {
      const connection = await this.#take();
      try {
        const token = this.#options.signer.sign(acting, this.#options.pooled ? 0 : connection.pid);
        return await this.#send(connection, found, valuesOf(found, { ...params, token }));
      } catch (error) {
        if (!isConflict(error) || attempt >= ATTEMPTS) throw asQueueError(error);
      }
    }
  }

  async row(name: string, acting: Acting, params: Params = {}): Promise<Row | undefined> {
    return (await this.run(name, acting, params))[0];
  }

  /** Reads with the rights of the class itself: the context is set for one transaction around the statements. */
  async read(acting: Acting, reads: readonly { readonly statement: Statement; readonly params: Params }[]): Promise<Row[][]> {
    const connection = await this.#take();
    const { client } = connection;
    const token = this.#options.signer.sign(acting, this.#options.pooled ? 0 : connection.pid);
    try {
      // Sent together, answered in order: nothing of another call comes between.
      const begun = this.#plain(connection, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const bound = this.#send(connection, CONTEXT, [token]);
      const answers = reads.map(({ statement: one, params }) => this.#send(connection, one, valuesOf(one, { ...params, token })));
      const done = client.query('COMMIT');
      const settled = await Promise.allSettled([begun, bound, ...answers, done]);
      const failed = settled.find((one) => one.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      return await Promise.all(answers);
    } catch (error) {
      throw asQueueError(error);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#opened?.catch(() => undefined);
    await Promise.all(this.#connections.splice(0).map(({ client }) => client.end().catch(() => undefined)));
  }

  #plain({ client }: Connection, text: string): Promise<unknown> {
    const { before } = this.#options;
    if (before !== null) client.query(before()).catch(() => undefined);
    return client.query(text);
  }

  async #send(connection: Connection, { name, text }: Statement, values: unknown[]): Promise<Row[]> {
    connection.waiting++;
    try {
      const { before } = this.#options;
      if (before !== null) connection.client.query(before()).catch(() => undefined);
      const answer = await connection.client.query({ text, values, rowMode: 'array', ...(this.#options.pooled ? {} : { name }) });
      return answer.rows as Row[];
    } finally {
      connection.waiting--;
    }
  }

  /** An idle connection, a new one while there is room, else the one with the shortest queue. */
  async #take(): Promise<Connection> {
    if (this.#closed) throw new QueueError('closed', 'the queue is closed');
    let best: Connection | undefined;
    for (const connection of this.#connections) if (best === undefined || connection.waiting < best.waiting) best = connection;
    if (best === undefined) return (this.#opened ??= this.#open().finally(() => (this.#opened = undefined)));
    if (best.waiting > 0 && this.#connections.length + this.#opening < this.#options.size) this.#open().catch(this.#options.onError);
    return best;
  }

  async #open(): Promise<Connection> {
    const { driver, url, role, onError } = this.#options;
    this.#opening++;
    const client = newClient(driver, { connectionString: url, pipeline: true });
    const connection = { client, pid: 0, waiting: 0, closed: false };
    const gone = (): void => {
      connection.closed = true;
      const at = this.#connections.indexOf(connection);
      if (at >= 0) this.#connections.splice(at, 1);
    };
    client.on('error', (error) => {
      gone();
      onError(error);
    });
    client.on('end', gone);
    try {
      await client.connect();
      connection.pid = (client as unknown as { readonly processID: number }).processID;
      if (role !== null) await client.query(`SET ROLE ${role}`);
    } catch (error) {
      client.end().catch(() => undefined);
      throw asQueueError(error);
    } finally {
      this.#opening--;
    }
    if (connection.closed) throw new QueueError('store_unavailable', 'the connection was cut while it was opened: try again');
    if (this.#closed) {
      client.end().catch(() => undefined);
      throw new QueueError('closed', 'the queue is closed');
    }
    this.#connections.push(connection);
    return connection;
  }
}

const CONTEXT: Statement = { name: 'prismq_context', text: `SELECT set_config('prismq.ctx', $1, true)`, params: ['token'] };
