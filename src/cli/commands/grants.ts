// `prismq grants`: what each worker may take. Without a grant a worker gets nothing.
import type { Command } from 'commander';
import { formatGrant, parseGrant } from '../../domain/capability.ts';
import { unwrap } from '../../domain/errors.ts';
import type { GrantInfo } from '../../service/handles.ts';
import { declare, declareList, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import type { Context } from '../context.ts';
import { withDesk } from '../desk.ts';
import { relative, table } from '../format.ts';
import { grantRow } from '../rows.ts';

export function grantsCommand(cli: Cli, program: Command): void {
  const group = program.command('grants').description('Grants: list, add, remove. A worker takes what it declares and was granted.');
  const list = declareList(cli, group, {
    summary: 'List the grants (what `grants` alone does).',
    examples: ['grants', 'grants list --worker mailer-1'],
    exits: [7],
  }).option('--worker <id>', 'of this worker only');
  perform<{ readonly worker?: string }>(cli, list, async (context, _, { worker }) =>
    withDesk(context, 'there', async (desk) => {
      const items = await desk.admin().grants.list(worker);
      answer(context, { items: items.map(grantRow) }, () => (items.length === 0 ? 'No grants.' : tableOf(context, items)));
    }),
  );
  const add = declare(cli, group, 'add', {
    summary: 'Grant a worker the tasks of a client that match a pattern, within bounds on attributes.',
    examples: ["grants add mailer-1 'acme:Mail.*'", "grants add mailer-1 'acme:Mail.* region=eu-west-1,eu-central-1'"],
    exits: [5, 7],
  })
    .argument('<worker>')
    .argument('<grant>', 'CLIENT:PATTERN, then attribute=value,value …');
  perform(cli, add, async (context, [worker = '', text = '']) => {
    const grant = unwrap(parseGrant(text));
    return withDesk(context, 'make', async (desk, context) => {
      const made = await desk.admin().grants.create(worker, grant);
      answer(context, grantRow(made), () => `${worker} may take ${formatGrant(made)} (grant ${made.grantId}).`);
    });
  });
  const remove = declare(cli, group, 'remove', {
    summary: 'Take a grant back, at once.',
    examples: ['grants remove 5f0c1d2e3a4b5c6d7e8f9a0b'],
    exits: [3, 7],
  }).argument('<id>');
  perform(cli, remove, async (context, [id = '']) =>
    withDesk(context, 'there', async (desk) => {
      await desk.admin().grants.delete(id);
      answer(context, { grant_id: id, removed: true }, () => `The grant ${id} is taken back.`);
    }),
  );
}

function tableOf({ io }: Context, grants: readonly GrantInfo[]): string {
  const now = io.now();
  const rows = grants.map((grant) => [grant.grantId, grant.workerId, formatGrant(grant), relative(grant.createdAtUtc, now)]);
  return table(io, [{ title: 'GRANT', whole: true }, { title: 'WORKER' }, { title: 'MAY TAKE' }, { title: 'SINCE' }], rows);
}
