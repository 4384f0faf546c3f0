// What the commands work with, wherever the queue is: the same handles on a file, as its operator, and at a server, as the key
// allows. No command knows which of the two it has.
import { connect } from '../client/connect.ts';
import type { Connection } from '../client/connect.ts';
import type { Identity } from '../client/answers.ts';
import { cron } from '../cron.ts';
import { QueueError } from '../domain/errors.ts';
import { openQueue } from '../index.ts';
import type { OpenOptions, PostgresLogins } from '../index.ts';
import { schemas } from '../schemas.ts';
import type { AdminHandle, ClientHandle, Queue } from '../service/handles.ts';
import type { Context } from './context.ts';
import { hintOf, isMissing, masterKeyAt, requireFile, whereOf } from './where.ts';

/** What `of` answers: what can be read of one client or of all. */
export type Reads = Pick<AdminHandle, 'list' | 'stats' | 'securityEvents' | 'unroutable'>;

export interface Desk {
  /** Flags with which a hint says where this is. */
  readonly hint: string;
  admin(): AdminHandle;
  /** The reads of one client when it is named, else of all that may be seen. Throws `unknown_client`. */
  of(clientId: string | undefined): Promise<Reads>;
  /** What a client can do. Without a name: the client of the key, or `default`. */
  client(clientId: string | undefined): Promise<ClientHandle>;
  /** The same with the rights of who operates it. */
  manage(clientId: string | undefined): Promise<ClientHandle>;
  /** The same on a task of a client, with the reason on record where an operator does it. */
  inside(clientId: string, reason: string): Promise<Pick<ClientHandle, 'reprioritise' | 'bulk'>>;
}

const REASON = 'asked for on the command line';

type Use<At, T> = (at: At, context: Context) => Promise<T>;

/** `make`: rehearsed before a file is made. `stream`: made at once, since what comes from a stream comes once. */
export type Mode = 'make' | 'stream' | 'there';

/** Only what adds something makes a file that is not there, and only when it is not refused. */
export async function withDesk<T>(context: Context, mode: Mode, use: Use<Desk, T>): Promise<T> {
  const where = whereOf(context);
  const hint = hintOf(context.io, where);
  if (where.kind === 'server') return use(serverDesk(connect(where), hint), context);
  return withQueue(context, where.db, mode, (queue, at) => use(fileDesk(queue, hint), at));
}

/** Opens the queue of a file for one command, and closes it again. */
export async function withQueue<T>(context: Context, db: string | PostgresLogins, mode: Mode, use: Use<Queue, T>): Promise<T> {
  if (mode === 'there') requireFile(context.io, db);
  else if (mode === 'make' && isMissing(db)) await rehearse(context, use);
  await using queue = await openQueue(db, { ...OPTIONS, ...masterKeyAt(context.io) });
  return await use(queue, context);
}

const OPTIONS: OpenOptions = { janitorMs: 0, cron, schemas };
const SILENT = { write: () => true };

/** What an empty queue refuses is refused before there is one. The same act in memory, where nobody hears of it. */
async function rehearse<T>(context: Context, use: Use<Queue, T>): Promise<void> {
  await using queue = await openQueue(':memory:', { ...OPTIONS, ...masterKeyAt(context.io) });
  await use(queue, { ...context, io: { ...context.io, out: SILENT, err: SILENT } });
}

function fileDesk(queue: Queue, hint: string): Desk {
  const admin = queue.admin();
  const own = (clientId: string): AdminHandle => queue.as({ role: 'admin', clientId });
  return {
    hint,
    admin: () => admin,
    async of(clientId) {
      if (clientId === undefined) return admin;
      await requireClient(admin, clientId);
      return own(clientId);
    },
    client: async (clientId = 'default') => queue.client(clientId),
    manage: async (clientId = 'default') => admin.inside(clientId, REASON),
    inside: async (clientId, reason) => admin.inside(clientId, reason),
  };
}

function serverDesk(connection: Connection, hint: string): Desk {
  const admin = connection.admin();
  let asked: Promise<Identity> | undefined;
  const self = (): Promise<Identity> => (asked ??= connection.whoami());
  const isOfPlatform = ({ role, clientId }: Identity): boolean => role !== 'client' && clientId === null;
  const of = async (clientId: string | undefined): Promise<Reads> => {
    if (clientId === undefined) return admin;
    const identity = await self();
    if (!isOfPlatform(identity)) return ownClient(identity, clientId, admin);
    await requireClient(admin, clientId);
    return { ...admin.inside(clientId, REASON), securityEvents: () => Promise.reject(noEventsOf(clientId)) };
  };
  const client = async (clientId: string | undefined): Promise<ClientHandle> => {
    const identity = await self();
    if (isOfPlatform(identity)) return admin.inside(clientId ?? 'default', REASON);
    return ownClient(identity, clientId, connection.client(identity.clientId ?? undefined));
  };
  return {
    hint,
    admin: () => admin,
    of,
    client,
    manage: client,
    async inside(clientId, reason) {
      return isOfPlatform(await self()) ? admin.inside(clientId, reason) : connection.client(clientId);
    },
  };
}

/** What a key of one client can name is that client. */
function ownClient<T>({ clientId: own }: Identity, named: string | undefined, handle: T): T {
  if (named === undefined || named === own) return handle;
  throw new QueueError('unknown_client', own === null ? `there is no client ${named} for this key` : `there is no client ${named}: the key is of ${own}`);
}

const noEventsOf = (clientId: string): QueueError =>
  new QueueError('invalid_input', `--client: at a server, ask with a key of an admin of ${clientId}, or leave it out`, {
    fields: [{ field: '--client', message: 'needs a key of that client' }],
  });

/** A name that nobody has is told from an empty list. */
async function requireClient(admin: Pick<AdminHandle, 'clients'>, clientId: string): Promise<void> {
  const known = (await admin.clients.list()).map((client) => client.clientId);
  if (known.includes(clientId)) return;
  const some = known.slice(0, 10).join(', ');
  throw new QueueError('unknown_client', `there is no client ${clientId}${known.length === 0 ? '' : `: there are ${some}${known.length > 10 ? ', …' : ''}`}`);
}
