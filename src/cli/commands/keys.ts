// `prismq keys`: API keys. A key is shown once, when it is made.
import type { Command } from 'commander';
import { redeemBootstrap } from '../../client/connect.ts';
import { parseGrant } from '../../domain/capability.ts';
import { QueueError, unwrap } from '../../domain/errors.ts';
import type { KeyInfo, MadeKey, NewKey } from '../../service/handles.ts';
import { collect, declare, declareList, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk, withQueue } from '../desk.ts';
import type { Desk } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import { relative, state, table } from '../format.ts';
import type { Cell } from '../format.ts';
import { row } from '../rows.ts';
import { parseDuration } from '../values.ts';
import { dbOf, serverOf } from '../where.ts';

const ROLES = ['client', 'worker', 'admin', 'auditor'] as const satisfies readonly NewKey['role'][];

interface Flags {
  readonly role: string;
  readonly client?: string;
  readonly name?: string;
  readonly grant?: readonly string[];
  readonly scope?: readonly string[];
  readonly expires?: string;
}

export function keysCommand(cli: Cli, program: Command): void {
  const group = program.command('keys').description('API keys: create, list, rotate, revoke, and the secret of the first admin.');
  const list = declareList(cli, group, { summary: 'List the keys (what `keys` alone does).', examples: ['keys', 'keys list --json'], exits: [7] });
  perform(cli, list, async (context) =>
    withDesk(context, 'there', async (desk) => {
      const items = await desk.admin().keys.list();
      answer(context, { items: items.map(row) }, () => (items.length === 0 ? 'No keys.' : tableOf(context, items)));
    }),
  );
  createCommand(cli, group);
  rotateCommand(cli, group);
  bootstrapCommand(cli, group);
  const revoke = declare(cli, group, 'revoke', { summary: 'End a key, at once.', examples: ['keys revoke 0Zk3TqLx9Ab'], exits: [3, 7] }).argument(
    '<id>',
    'the id of the key, not the key',
  );
  perform(cli, revoke, async (context, [id = '']) =>
    withDesk(context, 'there', async (desk) => {
      await desk.admin().keys.revoke(id);
      answer(context, { key_id: id, revoked: true }, () => `The key ${id} is revoked.`);
    }),
  );
}

function createCommand(cli: Cli, group: Command): void {
  const create = declare(cli, group, 'create', {
    summary: 'Make a key and show it, once. A client that is not there is made.',
    examples: [
      'keys create --role client --client acme',
      "keys create --role worker --name mailer-1 --grant 'acme:Mail.*'",
      'keys create --role client --client acme --scope task.enqueue --expires 30d',
      'keys create --role admin',
    ],
    exits: [7],
  })
    .requiredOption('--role <role>', ROLES.join(', '))
    .option('--client <id>', 'whose key it is; an admin or auditor without one is of the platform')
    .option('--name <text>', 'for a worker: its id; else a word to know it by')
    .option('--grant <client:pattern>', 'what the worker may take; may be given again', collect)
    .option('--scope <scope>', 'what of its role it may do: read, task.*, task.enqueue …; may be given again', collect)
    .option('--expires <duration>', 'when it ends by itself, like 30d; without it, when it is revoked');
  perform<Flags>(cli, create, async (context, _, flags) => {
    const asked = keyOf(flags);
    return withDesk(context, 'make', async (desk, context) => showKey(context, await createKey(desk, asked)));
  });
}

function rotateCommand(cli: Cli, group: Command): void {
  const rotate = declare(cli, group, 'rotate', {
    summary: 'Make a new key in the place of one, which ends after an overlap.',
    examples: ['keys rotate 0Zk3TqLx9Ab', 'keys rotate 0Zk3TqLx9Ab --overlap 1h'],
    exits: [3, 5, 7],
  })
    .argument('<id>', 'the id of the key, not the key')
    .option('--overlap <duration>', 'how long the old key still opens', '24h')
    .option('--expires <duration>', 'when the new key ends by itself; without it, as long as the old one was given');
  perform<{ readonly overlap: string; readonly expires?: string }>(cli, rotate, async (context, [id = ''], { overlap, expires }) => {
    const overlapMs = parseDuration('--overlap', overlap);
    const life = expires === undefined ? {} : { expiresInMs: parseDuration('--expires', expires) };
    return withDesk(context, 'there', async (desk) => showKey(context, await desk.admin().keys.rotate(id, { overlapMs, ...life })));
  });
}

function bootstrapCommand(cli: Cli, group: Command): void {
  const bootstrap = declare(cli, group, 'bootstrap', {
    summary: 'Make the one-time secret of the first admin, good for 15 minutes and while the platform has no admin; with --use, trade it for the key.',
    examples: ['keys bootstrap', 'keys bootstrap --use < secret.txt', 'keys bootstrap --use --url http://127.0.0.1:7800 < secret.txt'],
    exits: [4, 5, 7],
  }).option('--use', 'read the secret from standard input and show the key of the first admin');
  perform<{ readonly use?: true }>(cli, bootstrap, async (context, _, { use }) => {
    const url = use === true ? serverOf(context) : null;
    if (url !== null) return showKey(context, await redeemBootstrap({ url }, (await context.io.stdin()).trim()));
    return withQueue(context, dbOf(context), use === true ? 'there' : 'make', async (queue, context) => {
      if (use === true) return showKey(context, await queue.bootstrap((await context.io.stdin()).trim()));
      const made = await queue.system().openBootstrap();
      if (made === null)
        throw new QueueError('already_exists', `the platform has an admin: \`${context.io.program} keys create --role admin\` makes another key`);
      answer(context, row(made), () => made.secret);
      note(context, `The secret is shown this once and good for 15 minutes: \`${context.io.program} keys bootstrap --use\` trades it for a key.`);
    });
  });
}

function showKey(context: Context, { key, ...info }: MadeKey): void {
  const { program } = context.io;
  answer(context, { key, ...row(info) }, () => key);
  note(context, `The key ${info.keyId} is shown this once: keep it safe. \`${program} keys revoke ${info.keyId}\` ends it.`);
}

function keyOf({ role, client, name, grant = [], scope, expires }: Flags): NewKey {
  const known = ROLES.find((one) => one === role);
  if (known === undefined) throw wrongInput('--role', `${JSON.stringify(role)} is no role: there are ${ROLES.join(', ')}`);
  return {
    role: known,
    ...(client === undefined ? {} : { clientId: client }),
    ...(name === undefined ? {} : { name }),
    ...(grant.length === 0 ? {} : { grants: grant.map((text) => unwrap(parseGrant(text))) }),
    ...(scope === undefined ? {} : { scopes: scope }),
    ...(expires === undefined ? {} : { expiresInMs: parseDuration('--expires', expires) }),
  };
}

/** An operator of the platform may name a client that is not there yet. */
async function createKey({ admin }: Desk, asked: NewKey): Promise<MadeKey> {
  try {
    return await admin().keys.create(asked);
  } catch (error) {
    if (!(error instanceof QueueError) || error.code !== 'unknown_client' || asked.clientId === undefined) throw error;
    await admin().clients.create(asked.clientId);
    return admin().keys.create(asked);
  }
}

function tableOf({ io }: Context, keys: readonly KeyInfo[]): string {
  const now = io.now();
  const rows = keys.map((key) => [
    key.keyId,
    key.role,
    key.clientId,
    key.workerId ?? key.name,
    key.scopes === null ? '' : key.scopes.join(' '),
    relative(key.createdAtUtc, now),
    key.lastUsedAtUtc === null ? '' : relative(key.lastUsedAtUtc, now),
    stateOf(key, now),
  ]);
  const titles = ['ROLE', 'CLIENT', 'NAME', 'SCOPES', 'MADE', 'USED', 'STATE'];
  return table(io, [{ title: 'KEY', whole: true }, ...titles.map((title) => ({ title }))], rows);
}

function stateOf({ revokedAtUtc, expiresAtUtc }: KeyInfo, now: number): Cell {
  if (revokedAtUtc !== null) return { text: `revoked ${relative(revokedAtUtc, now) as string}`, style: 'red' };
  if (expiresAtUtc === null) return state('active');
  const when = relative(expiresAtUtc, now) as string;
  return expiresAtUtc <= now ? { text: `expired ${when}`, style: 'red' } : { text: `ends ${when}`, style: 'green' };
}
