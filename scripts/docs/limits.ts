// Every bound on what may be given.
import { type Limit, LIMITS } from '../../src/domain/limits.ts';
import { code, duration, grouped, table } from './markdown.ts';
import type { Page } from './page.ts';

const amount = (value: number, unit: string): string => (unit === 'ms' && value >= 1000 ? `${grouped(value)} (${duration(value)})` : grouped(value));

function row([name, { min, max, default: standard, unit, meaning }]: readonly [string, Limit]): readonly string[] {
  return [code(name), meaning, amount(min, unit), amount(standard, unit), amount(max, unit), unit === '' ? '–' : unit];
}

export const limitsPage = (): Page => ({
  file: 'limits.md',
  title: 'Limits',
  source: 'src/domain/limits.ts',
  body: `
What is beyond a limit is refused with \`invalid_input\`, or with the code that [errors.md](errors.md) has for it.

${table(['limit', 'of', 'least', 'default', 'most', 'unit'], Object.entries(LIMITS).map(row), [2, 3, 4])}
`,
});
