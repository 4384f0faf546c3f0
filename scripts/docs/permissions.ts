// Who may do what: one matrix of operations and roles.
import { ACCESS, type AccessRule, COLUMNS, type Column, OPERATION_NAMES, READING, type Reach } from '../../src/domain/access.ts';
import { code, codes, table } from './markdown.ts';
import type { Page } from './page.ts';

const REACH = {
  no: 'never: `forbidden`',
  own: 'rows of its own client',
  any: 'rows of every client',
  meta: 'rows of every client, without payload and result',
  named: 'inside a client that the call names, with a reason, which is audited',
  grant: 'what the worker declared and was granted',
  lease: 'the task whose current lease it holds',
  self: 'its own row',
} as const satisfies Record<Reach, string>;

const ROLE = {
  client: 'client',
  worker: 'worker',
  client_admin: 'admin of a client',
  platform_admin: 'admin of the platform',
  auditor: 'auditor',
  system: 'system',
} as const satisfies Record<Column, string>;

const FOREIGN = {
  not_found: '`not_found`, as if it were absent',
  empty: 'no rows',
  lease_lost: '`lease_lost`',
  'n/a': 'there is none to meet',
} as const satisfies Record<AccessRule['foreign'], string>;

const AUDIT = {
  always: 'a security event, done or refused',
  denied: 'a security event when it is refused',
  none: 'no security event',
} as const satisfies Record<AccessRule['audit'], string>;

function legend(meanings: Readonly<Record<string, string>>): string {
  return Object.entries(meanings)
    .map(([word, meaning]) => `- ${word === 'no' ? '·' : `**${word}**`} ${meaning}`)
    .join('\n');
}

function matrix(): string {
  const rows = OPERATION_NAMES.map((operation) => {
    const { reach, foreign, audit }: AccessRule = ACCESS[operation];
    return [code(operation), ...COLUMNS.map((column) => (reach[column] === 'no' ? '·' : reach[column])), foreign, audit];
  });
  return table(['operation', ...COLUMNS.map((column) => ROLE[column]), 'foreign', 'audit'], rows);
}

export const permissionsPage = (): Page => ({
  file: 'permissions.md',
  title: 'Who may do what',
  source: 'src/domain/access.ts',
  body: `
One row an operation, one column a role. A cell says how far the permission reaches.

${matrix()}

## Reach

${legend(REACH)}

## What a foreign object answers

${legend(FOREIGN)}

## Scopes of a key

A key may be narrowed to some of its role's operations: to one (\`task.enqueue\`), to those of an object (\`task.*\`), or to \`read\`, which is
${codes(READING)}.

## What is recorded as a security event

${legend(AUDIT)}
`,
});
