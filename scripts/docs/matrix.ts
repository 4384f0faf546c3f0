// The access control matrix for readers of the security documents: by object, with what enforces each row and what proves it.
import { ACCESS, type AccessRule, COLUMNS, OPERATION_NAMES } from '../../src/domain/access.ts';
import { OPERATION_LIST, rowOf } from '../../src/contract/operations.ts';
import { code, table } from './markdown.ts';
import type { Page } from './page.ts';

const OBJECTS = [...new Set(OPERATION_NAMES.map((operation) => ACCESS[operation].object))];

const routesOf = (operation: string): string =>
  OPERATION_LIST.filter((name) => [rowOf(name).access].flat().includes(operation as never))
    .map((name) => code(`${rowOf(name).method} ${rowOf(name).path}`))
    .join('<br>');

function rowsOf(object: AccessRule['object']): string {
  const rows = OPERATION_NAMES.filter((operation) => ACCESS[operation].object === object).map((operation) => {
    const { reach, foreign, audit }: AccessRule = ACCESS[operation];
    return [code(operation), ...COLUMNS.map((column) => (reach[column] === 'no' ? '·' : reach[column])), foreign, audit, routesOf(operation) || 'library'];
  });
  return `## ${object}\n\n${table(['operation', 'client', 'worker', 'admin of a client', 'admin of the platform', 'auditor', 'system', 'foreign object', 'security event', 'over HTTP'], rows)}`;
}

export const matrixPage = (): Page => ({
  file: '../access-control-matrix.md',
  title: 'Access control matrix',
  source: 'src/domain/access.ts',
  body: `
Every operation, every role. The words of the cells, of the scopes of keys and of what is recorded are explained in
[generated/permissions.md](generated/permissions.md): \`own\` rows of its own client, \`any\` of every client, \`meta\` without payload and result, \`named\` inside a client that the call
names with a reason, \`grant\` what was declared and granted, \`lease\` with the current lease, \`self\` its own row, · never.

| where a row is enforced | how | proven by |
|---|---|---|
| service | \`authorize\` asks this table before every method; a handle has the methods of its role alone | \`tests/access-matrix.test.ts\`, on PostgreSQL \`tests/postgres/access-matrix.test.ts\` |
| HTTP | each route names its row; keys narrow it by scopes | \`tests/http/matrix.test.ts\`: role × operation × own, foreign, absent, twin |
| SQLite | classes of statements with rights on views, columns and tables ([generated/rights.md](generated/rights.md)) | \`tests/store/wall.test.ts\`, \`tests/store/attacks.test.ts\`, \`tests/isolation/sqlite-walls.test.ts\` |
| PostgreSQL | logins, column grants, forced row security, functions as the only doors | \`tests/postgres/attacks.test.ts\`, and its mutants |

A second copy of this table, written from the design and not from the code, is in \`tests/access-table.ts\`; a test compares them cell for cell.

${OBJECTS.map(rowsOf).join('\n\n')}
`,
});
