// Runs the parts of the plan as test files and turns what the runner says into numbers. A test that failed is a case that crossed.
import { run } from 'node:test';
import { kindOf } from '../../tests/isolation/plan.ts';
import type { Part } from '../../tests/isolation/plan.ts';
import { toldIn } from '../../tests/isolation/told.ts';
import type { Mutants, Told } from '../../tests/isolation/told.ts';
import { MASKED_BY } from '../../tests/isolation/postgres/pairs.ts';
import { UNSEEN } from '../../tests/store/mutants/unseen.ts';

export interface Result {
  readonly engine: 'sqlite' | 'postgres';
  readonly title: string;
  readonly file: string;
  readonly cases: number;
  readonly refused: number;
  readonly controls: number;
  readonly controlsOk: number;
  readonly mutants?: Mutants;
  readonly failures: readonly string[];
}

interface Seen {
  readonly part: Part;
  readonly file: string;
  readonly tests: { readonly name: string; readonly ok: boolean }[];
  readonly told: Told[];
  /** `N conditions, M missed when gone`. */
  conditions: readonly [number, number] | null;
  readonly failures: string[];
  /** How many tests ended inside of the test that is open, by depth. */
  readonly inside: number[];
}

export interface Collecting {
  readonly isLong: boolean;
  readonly onDone: (title: string) => void;
}

export async function collect(parts: ReadonlyMap<string, Part>, { isLong, onDone }: Collecting): Promise<readonly Result[]> {
  process.env['PRISMQ_ISOLATION'] = isLong ? 'long' : 'short';
  const seen = new Map([...parts].map(([file, part]) => [file, { part, file, tests: [], told: [], conditions: null, failures: [], inside: [] } as Seen]));
  // The long ones first: two of them end about together.
  const files = [...parts.keys()].toSorted((a, b) => weightOf(b) - weightOf(a));
  const stream = run({ files, concurrency: 2, execArgv: ['--conditions=prismq-source'] });
  const of = (file: string | undefined): Seen | undefined => (file === undefined ? undefined : [...seen.values()].find((one) => file.endsWith(one.file)));
  stream.on('test:pass', (event) => took(of(event.file), event, true));
  stream.on('test:fail', (event) => took(of(event.file), event, false));
  stream.on('test:diagnostic', ({ file, message }) => heard(of(file), message));
  stream.on('test:summary', ({ file }) => {
    const one = of(file);
    if (one !== undefined) onDone(`${one.part.engine}: ${one.part.title}`);
  });
  for await (const _ of stream);
  return [...seen.values()].flatMap(resultsOf);
}

const SLOW = ['interference', 'mutants', 'canaries', 'http/matrix', 'walls', 'postgres'] as const;
const weightOf = (file: string): number => SLOW.reduce((sum, word, i) => sum + (file.includes(word) ? SLOW.length - i : 0), 0);

interface Ended {
  readonly name: string;
  readonly nesting: number;
  readonly skip?: string | boolean | undefined;
  readonly details: { readonly type?: string | undefined; readonly error?: unknown };
}

function took(one: Seen | undefined, { name, nesting, skip, details }: Ended, ok: boolean): void {
  if (one === undefined) return;
  const isLeaf = (one.inside[nesting + 1] ?? 0) === 0 && details.type !== 'suite';
  one.inside[nesting + 1] = 0;
  one.inside[nesting] = (one.inside[nesting] ?? 0) + 1;
  if (skip !== undefined && skip !== false) return;
  if (isLeaf) one.tests.push({ name, ok });
  if (isLeaf && !ok) one.failures.push(name);
}

function heard(one: Seen | undefined, message: string): void {
  if (one === undefined) return;
  const told = toldIn(message);
  if (told !== null) one.told.push(told);
  const conditions = /^(\d+) conditions, (\d+) missed when gone$/.exec(message);
  if (conditions !== null) one.conditions = [Number(conditions[1]), Number(conditions[2])];
}

function resultsOf(one: Seen): readonly Result[] {
  const { part, file, tests, told, failures } = one;
  const { engine, title } = part;
  const base = { engine, title, file, cases: 0, refused: 0, controls: 0, controlsOk: 0, failures };
  if (one.conditions !== null) return [{ ...base, mutants: ofConditions(one.conditions) }];
  if (part.counts === 'mutants') return [{ ...base, mutants: ofNames(tests) }];
  if (part.counts === 'told')
    return told.map((numbers, i) => ({
      ...base,
      engine: numbers.engine,
      title: numbers.part,
      cases: numbers.cases ?? 0,
      refused: numbers.refused ?? 0,
      controls: numbers.controls ?? 0,
      controlsOk: numbers.controlsOk ?? 0,
      ...(numbers.mutants === undefined ? {} : { mutants: numbers.mutants }),
      failures: i === 0 ? failures : [],
    }));
  const kinds = tests.map(({ name, ok }) => ({ ...kindOf(part, name), ok }));
  const count = (is: (kind: (typeof kinds)[number]) => boolean): number => kinds.filter(is).length;
  return [
    {
      ...base,
      cases: count(({ isCase }) => isCase),
      refused: count(({ isCase, ok }) => isCase && ok),
      controls: count(({ isControl }) => isControl),
      controlsOk: count(({ isControl, ok }) => isControl && ok),
    },
  ];
}

/** What no act can see is no mutant; the test fails when that list is not exactly what was not seen. */
function ofConditions([conditions, missed]: readonly [number, number]): Mutants {
  const equivalent = UNSEEN.map(({ statement, condition, because }) => ({ name: `${statement}: ${condition}`, because }));
  return { alone: missed, masked: [], survivors: Array.from({ length: conditions - missed - equivalent.length }, () => 'a condition'), equivalent };
}

function ofNames(tests: Seen['tests']): Mutants {
  const names = tests.filter(({ name }) => name.endsWith(' is seen')).map(({ name, ok }) => ({ name: name.replace(/ is seen$/, ''), ok }));
  const masked = names.flatMap(({ name, ok }) => (ok && MASKED_BY[name] !== undefined ? [{ name, by: [MASKED_BY[name]] }] : []));
  const survivors = names.filter(({ ok }) => !ok).map(({ name }) => name);
  return { alone: names.length - masked.length - survivors.length, masked, survivors };
}
