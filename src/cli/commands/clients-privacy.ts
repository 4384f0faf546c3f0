// `prismq clients encrypt|erase|export`: a client's own keys, its erasure by two admins, and everything that there is of it.
import type { Command } from 'commander';
import { declare, perform } from '../command.ts';
import type { Cli } from '../command.ts';
import { answer } from '../context.ts';
import { withDesk } from '../desk.ts';
import { wrongInput } from '../failure.ts';
import { row } from '../rows.ts';

interface EraseFlags {
  readonly reason?: string;
  readonly confirm?: boolean;
}

export function privacyCommands(cli: Cli, group: Command): void {
  const encrypt = declare(cli, group, 'encrypt', {
    summary: 'Seal what is new of a client under a key of its own; again: under a new one.',
    examples: ['clients encrypt acme'],
    exits: [3, 7],
  }).argument('<id>');
  perform(cli, encrypt, async (context, [id = '']) =>
    withDesk(context, 'there', async (desk) => {
      const made = await desk.admin().clients.encrypt(id);
      answer(context, row(made), () => `What is new of ${id} is sealed under its key ${made.keyNo}.`);
    }),
  );
  const erase = declare(cli, group, 'erase', {
    summary: 'Ask for the erasure of a client, or confirm what another admin asked for: its keys are shredded, its tasks emptied.',
    examples: ['clients erase acme --reason "request 17"', 'clients erase acme --confirm'],
    exits: [3, 7],
  })
    .argument('<id>')
    .option('--reason <text>', 'why; it is written to the audit')
    .option('--confirm', 'do what another admin asked for in the last 24 hours');
  perform<EraseFlags>(cli, erase, async (context, [id = ''], { reason, confirm = false }) => {
    if (!confirm && reason === undefined) throw wrongInput('--reason', 'say why, or confirm what was asked with --confirm');
    return withDesk(context, 'there', async (desk) => {
      const { clients } = desk.admin();
      const erasure = await (confirm ? clients.confirmErase(id) : clients.erase(id, reason ?? ''));
      answer(context, row(erasure), () =>
        erasure.state === 'asked'
          ? `Asked. Another admin has to confirm it within 24 hours: clients erase ${id} --confirm`
          : `${id} is erased: ${erasure.tasks} tasks emptied, ${erasure.keys} keys shredded. Its audit stays.`,
      );
    });
  });
  const take = declare(cli, group, 'export', {
    summary: 'Write everything of a client, a line of JSON each with its SHA-256: tasks, what happened to them, security events.',
    examples: ['clients export acme --reason "request 18" > acme.jsonl'],
    exits: [3, 7],
  })
    .argument('<id>')
    .option('--reason <text>', 'why; it is written to the audit', 'asked for on the command line');
  perform<{ readonly reason: string }>(cli, take, async (context, [id = ''], { reason }) =>
    withDesk(context, 'there', async (desk) => {
      const { clients } = desk.admin();
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page: Awaited<ReturnType<typeof clients.exportPage>> = await clients.exportPage(id, { reason, ...(cursor === undefined ? {} : { cursor }) });
        for (const { kind, sha256, text } of page.items) context.io.out.write(`{"kind":"${kind}","sha256":"${sha256}","data":${text}}\n`);
        cursor = page.nextCursor;
      }
    }),
  );
}
