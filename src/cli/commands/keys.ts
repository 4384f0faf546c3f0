// `prismq keys`: API keys. A key is shown once, when it is made.
import type { Command } from 'commander';
import { parseGrant } from '../../domain/capability.ts';
import { QueueError, unwrap } from '../../domain/errors.ts';
import type { KeyInfo, NewKey, Queue } from '../../service/handles.ts';
import { collect, declare, declareList, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer, note, withQueue } from '../context.ts';
import type { Context } from '../context.ts';
import { wrongInput } from '../failure.ts';
import { relative, state, table } from '../format.ts';
import { row } from '../rows.ts';

const ROLES = ['client', 'worker', 'admin', 'auditor'] as const satisfies readonly NewKey['role'][];

interface Flags {
  readonly role: string;
  readonly client?: string;
  readonly name?: string;
  readonly grant?: readonly string[];
}

export function keysCommand(cli: Cli, program: Command): void {
  const group = program.command('keys').description('API keys: create, list, revoke.');
  const list = declareList(cli, group, { summary: 'List the keys (what `keys` alone does).', examples: ['keys', 'keys list --json'], exits: [7] });
  perform(cli, list, async (context) =>
    withQueue(context, 'there', async (queue) => {
      const items = await queue.admin().keys.list();
      answer(context, { items: items.map(row) }, () => (items.length === 0 ? 'No keys.' : tableOf(context, items)));
    }),
  );
  const create = declare(cli, group, 'create', {
    summary: 'Make a key and show it, once. A client that is not there is made.',
    examples: ['keys create --role client --client acme', "keys create --role worker --name mailer-1 --grant 'acme:Mail.*'", 'keys create --role admin'],
    exits: [7],
  })
    .requiredOption('--role <role>', ROLES.join(', '))
    .option('--client <id>', 'whose key it is; an admin or auditor without one is of the platform')
    .option('--name <text>', 'for a worker: its id; else a word to know it by')
    .option('--grant <client:pattern>', 'what the worker may take; may be given again', collect);
  perform<Flags>(cli, create, async (context, _, flags) => {
    const asked = keyOf(flags);
    return withQueue(context, 'make', async (queue, context) => {
      if (asked.clientId !== undefined) await makeClient(queue, asked.clientId);
      const { key, ...info } = await queue.admin().keys.create(asked);
      answer(context, { key, ...row(info) }, () => key);
      note(context, `The key ${info.keyId} is shown this once: keep it safe. \`${context.io.program} keys revoke ${info.keyId}\` ends it.`);
    });
  });
  const revoke = declare(cli, group, 'revoke', { summary: 'End a key, at once.', examples: ['keys revoke 5f0c1d2e3a4b5c6d'], exits: [3, 7] }).argument(
    '<id>',
    'the id of the key, not the key',
  );
  perform(cli, revoke, async (context, [id = '']) =>
    withQueue(context, 'there', async (queue) => {
      await queue.admin().keys.revoke(id);
      answer(context, { key_id: id, revoked: true }, () => `The key ${id} is revoked.`);
    }),
  );
}

function keyOf({ role, client, name, grant = [] }: Flags): NewKey {
  const known = ROLES.find((one) => one === role);
  if (known === undefined) throw wrongInput('--role', `${JSON.stringify(role)} is no role: there are ${ROLES.join(', ')}`);
  return {
    role: known,
    ...(client === undefined ? {} : { clientId: client }),
    ...(name === undefined ? {} : { name }),
    ...(grant.length === 0 ? {} : { grants: grant.map((text) => unwrap(parseGrant(text))) }),
  };
}

/** The operator of the file may name a client that is not there yet. */
async function makeClient(queue: Queue, clientId: string): Promise<void> {
  try {
    await queue.admin().clients.create(clientId);
  } catch (error) {
    if (!(error instanceof QueueError) || error.code !== 'already_exists') throw error;
  }
}

function tableOf({ io }: Context, keys: readonly KeyInfo[]): string {
  const now = io.now();
  const rows = keys.map((key) => [
    key.keyId,
    key.role,
    key.clientId,
    key.workerId ?? key.name,
    relative(key.createdAtUtc, now),
    key.revokedAtUtc === null ? state('active') : { text: `revoked ${relative(key.revokedAtUtc, now) as string}`, style: 'red' as const },
  ]);
  return table(io, [{ title: 'KEY', whole: true }, { title: 'ROLE' }, { title: 'CLIENT' }, { title: 'NAME' }, { title: 'MADE' }, { title: 'STATE' }], rows);
}
