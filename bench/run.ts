// `npm run bench [-- rates|fairness|growth …] [--quick] [--long] [--json FILE]`: what this machine does, with isolation, audit and full
// durability on. Only ratios of one run mean anything; nothing here passes or fails.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { fairness } from './fairness.ts';
import { growth } from './growth.ts';
import type { BenchOptions, Row } from './on-file.ts';
import { rates } from './rates.ts';

const BENCHES: Readonly<Record<string, (options: BenchOptions) => Promise<readonly Row[]>>> = { rates, fairness, growth };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, long: { type: 'boolean', default: false }, json: { type: 'string' } },
});
const wanted = positionals.length > 0 ? positionals : values.quick ? Object.keys(BENCHES) : ['rates'];
const unknown = wanted.find((name) => BENCHES[name] === undefined);
if (unknown !== undefined) {
  console.error(`there is no benchmark ${unknown}: ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}

const show = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 3 : 0 });
const machine = { node: process.version, sqlite: process.versions['sqlite'], cpu: cpus()[0]?.model, cores: cpus().length };
console.log(`node ${machine.node}, SQLite ${machine.sqlite}, ${machine.cores} cores of ${machine.cpu}, synchronous=FULL`);
const results: Record<string, readonly Row[]> = {};
for (const name of wanted) {
  const rows = await (BENCHES[name] as (typeof BENCHES)[string])(values);
  results[name] = rows;
  console.log(`\n${name}`);
  for (const { what, value, unit } of rows) console.log(`  ${what.padEnd(84)} ${show(value).padStart(12)} ${unit}`);
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ ...machine, results }, null, 2)}\n`);
