// Every refusal with its stable code.
import { ERRORS, type ErrorRule } from '../../src/domain/errors.ts';
import { code, codes, table } from './markdown.ts';
import type { Page } from './page.ts';

const rules: readonly (readonly [string, ErrorRule])[] = Object.entries(ERRORS);

function exits(): string {
  const known = [...new Set(rules.map(([, { exit }]) => exit))].toSorted((a, b) => a - b);
  const rows = known.map((exit) => [exit, codes(rules.filter(([, rule]) => rule.exit === exit).map(([name]) => name))]);
  return table(['exit code', 'errors'], [[0, 'none: it was done'], ...rows], [0]);
}

export const errorsPage = (): Page => ({
  file: 'errors.md',
  title: 'Errors',
  source: 'src/domain/errors.ts',
  body: `
A refusal is a \`QueueError\` with one of these codes. The codes are stable: branch on them, not on the message.
\`retryable\` says that the same call may succeed later without a change.

${table(
  ['code', 'when', 'retryable', 'HTTP', 'exit'],
  rules.map(([name, { when, retryable, status, exit }]) => [code(name), when, retryable, status, exit]),
  [3, 4],
)}

## Exit codes of the command line

${exits()}
`,
});
