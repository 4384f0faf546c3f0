// The HTTP interface: one row an operation, and what each may answer.
import { COMMON_ERRORS, OPERATION_LIST, rowOf } from '../../src/contract/operations.ts';
import type { OperationName, OperationRow } from '../../src/contract/operations.ts';
import { code, codes, table } from './markdown.ts';
import type { Page } from './page.ts';

const SECTIONS = [
  ['Tasks', (row) => /^\/queue\/(enqueue|tasks|stats|events)/.test(row.path) && !isOfWorkers(row)],
  ['Workers', (row) => isOfWorkers(row)],
  ['Administration', (row) => row.path.startsWith('/queue/admin')],
  ['Other', () => true],
] as const satisfies readonly (readonly [string, (row: OperationRow) => boolean])[];

const isOfWorkers = ({ path, access }: OperationRow): boolean =>
  !path.startsWith('/queue/admin') && /^(lease|worker|inbox)\./.test(accessesOf(access)[0] ?? '');

const accessesOf = (access: OperationRow['access']): readonly string[] => (typeof access === 'string' ? (access === 'public' ? [] : [access]) : access);

function section(names: readonly OperationName[]): string {
  const rows = names.map((name) => {
    const row = rowOf(name);
    const access = accessesOf(row.access);
    const answers = [...row.status.map(String), ...row.errors.map(code)].join(', ');
    return [
      code(name),
      code(`${row.method} ${row.path}`),
      access.length === 0 ? (row.access === 'public' ? 'no key' : 'any key') : codes(access),
      row.summary,
      answers,
    ];
  });
  return table(['operation', 'request', 'permission', 'what it does', 'answers'], rows);
}

function sections(): string {
  const left = new Set(OPERATION_LIST);
  return SECTIONS.flatMap(([title, holds]) => {
    const names = [...left].filter((name) => holds(rowOf(name)));
    for (const name of names) left.delete(name);
    return names.length === 0 ? [] : [`## ${title}\n\n${section(names)}`];
  }).join('\n\n');
}

const named = (holds: (row: OperationRow) => boolean): string => codes(OPERATION_LIST.filter((name) => holds(rowOf(name))));

export const operationsPage = (): Page => ({
  file: 'operations.md',
  title: 'The HTTP interface',
  source: 'src/contract/operations.ts',
  body: `
JSON in \`snake_case\`, instants as milliseconds since the epoch, refusals as \`application/problem+json\` with a \`code\` (errors.md says what each
means). The key goes as \`Authorization: Bearer prismq_…\`. Unknown members of a request are refused, those of an answer are to be ignored.
The schemas are at \`/openapi.json\` of every server; permissions.md says which role has which permission.

Every operation that wants a key may also answer ${codes(COMMON_ERRORS)}; one with a body
${codes(['unsupported_media_type', 'request_too_large'])}.

An admin of the platform names a client by \`PrismQ-Client\` and says why by \`PrismQ-Reason\`: ${named((row) => row.inside === true)}.

They wait up to \`wait_ms\`: ${named((row) => row.waits === true)}. Server-sent events: ${named((row) => row.stream === true)}.

${sections()}
`,
});
