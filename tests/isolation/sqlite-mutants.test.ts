// Every condition of every named statement matters: with one of them replaced by true, somebody gets or does what he should not, and
// the acts of mutants/ show it. What nobody can see is listed in mutants/unseen.ts, with the reason.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { loadStatements } from '../../src/store/sql-files.ts';
import type { NamedStatement } from '../../src/store/sql-files.ts';
import { conjunctsOf, holding } from '../store/mutants/conjuncts.ts';
import { buildFixture } from '../store/mutants/fixture.ts';
import { baselineOf, differenceOf, killerOf, withoutWall } from '../store/mutants/hunt.ts';
import type { Baseline } from '../store/mutants/hunt.ts';
import { prepares } from '../store/mutants/stage.ts';
import { UNSEEN } from '../store/mutants/unseen.ts';

const statements = loadStatements(new URL('../../sql/sqlite/', import.meta.url));
let walled: Baseline;
/** Without the second wall: there a statement has nothing but its own conditions. */
let open: Baseline;

before(async () => {
  const base = { plain: await buildFixture(statements, false), ballast: await buildFixture(statements, true) };
  walled = await baselineOf(base, statements);
  open = await baselineOf(base, new Map([...statements].map(([name, statement]) => [name, withoutWall(statement)])));
});

interface Mutant {
  readonly statement: NamedStatement;
  readonly condition: string;
  readonly changed: NamedStatement;
}

/** A condition that stands several times in one statement bears its number from the second time on. */
function mutantsOf(statement: NamedStatement): Mutant[] {
  const times = new Map<string, number>();
  return conjunctsOf(statement.sql).map((conjunct) => {
    const text = `${conjunct.clause} ${conjunct.text.replace(/\s+/g, ' ')}`;
    const time = (times.get(text) ?? 0) + 1;
    times.set(text, time);
    return { statement, condition: time === 1 ? text : `${text} (${time})`, changed: { ...statement, sql: holding(statement.sql, conjunct) } };
  });
}

const mutants = [...statements.values()].flatMap(mutantsOf);

test('an unchanged statement is never taken for a changed one: the acts come to the same every time', async () => {
  assert.equal(await differenceOf(walled), null);
  assert.equal(await differenceOf(open), null);
});

test('every changed statement can be prepared, so that none is caught for its form', () => {
  assert.deepEqual(
    mutants.filter(({ changed }) => !prepares(changed) || !prepares(withoutWall(changed))).map(({ statement, condition }) => `${statement.name}: ${condition}`),
    [],
  );
});

test('the acts use every statement that has conditions', () => {
  const idle = mutants.filter(({ statement }) => !walled.acts.some(({ used }) => used.has(statement.name)));
  assert.deepEqual([...new Set(idle.map(({ statement }) => statement.name))], []);
});

test('every condition is missed when it is gone, but for those that nobody can see', async (t) => {
  assert.ok(mutants.length > 200);
  const survivors: string[] = [];
  for (const { statement, condition, changed } of mutants) {
    const name = `${statement.name}: ${condition}`;
    const killer = (await killerOf(walled, changed)) ?? (await killerOf(open, withoutWall(changed)));
    if (killer === null) survivors.push(name);
  }
  t.diagnostic(`${mutants.length} conditions, ${mutants.length - survivors.length} missed when gone`);
  assert.deepEqual(survivors.toSorted(), UNSEEN.map(({ statement, condition }) => `${statement}: ${condition}`).toSorted());
});
