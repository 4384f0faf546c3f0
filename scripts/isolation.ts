// `npm run isolation`: runs every attack, control and mutant on both engines and writes docs/isolation-report.md and .json. `--long`
// takes the full counts (docs/isolation-report-long.json), `--json` ends with one line of numbers. Exits with 1 when something crossed.
import { writeFileSync } from 'node:fs';
import { partsThere } from '../tests/isolation/plan.ts';
import { collect } from './isolation/collect.ts';
import { lineOf, pageOf, summaryOf } from './isolation/report.ts';

const isLong = process.argv.includes('--long');
const isJson = process.argv.includes('--json');
const root = new URL('../', import.meta.url);

const results = await collect(partsThere(), { isLong, onDone: (title) => process.stderr.write(`${title}\n`) });
const summary = summaryOf(results);
const name = isLong ? 'isolation-report-long' : 'isolation-report';
writeFileSync(new URL(`docs/${name}.json`, root), `${JSON.stringify({ ...summary, parts: results }, null, 2)}\n`);
if (!isLong) writeFileSync(new URL('docs/isolation-report.md', root), pageOf(results, summary));
for (const { title, engine, failures } of results) for (const failure of failures) console.error(`✖ ${engine}, ${title}: ${failure}`);
if (!isJson) console.log(`docs/${name}.json`);
console.log(lineOf(summary));
process.exitCode = results.some(({ failures }) => failures.length > 0) ? 1 : 0;
