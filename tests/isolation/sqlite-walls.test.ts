// Whether the attacks on the SQLite wall see: every right, view, trigger and rule of the authorizer is opened or taken away by itself,
// and some attack must succeed. Where a second wall hides it, that one is taken away as well, and then one must.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openBench } from '../store/attacks/bench.ts';
import { HARMS } from './sqlite/harms.ts';
import type { Harm } from './sqlite/harms.ts';
import { maskOf, seenBy } from './sqlite/hunt.ts';
import { tell } from './told.ts';
import type { Mutants } from './told.ts';

const whole = openBench();
after(() => whole.close());

test('an unharmed wall lets no attack through', () => {
  for (const kind of ['right', 'filter'] as const) assert.equal(seenBy([{ kind, name: 'nothing', hint: '', apply: () => () => undefined }], whole), null);
});

const KINDS = { right: 'rights of a class', filter: 'views', trigger: 'triggers', authorizer: 'rules of the authorizer' } as const satisfies Record<
  Harm['kind'],
  string
>;

for (const kind of Object.keys(KINDS) as Harm['kind'][])
  test(`${KINDS[kind]}: what is opened or taken away is seen`, (t) => {
    const harms = HARMS.filter((harm) => harm.kind === kind);
    const masked: { name: string; by: readonly string[] }[] = [];
    const survivors: string[] = [];
    for (const harm of harms) {
      if (seenBy([harm], whole) !== null) continue;
      const by = maskOf(harm, whole);
      if (by === null) survivors.push(harm.name);
      else masked.push({ name: harm.name, by });
    }
    const mutants: Mutants = { alone: harms.length - masked.length - survivors.length, masked, survivors };
    tell(t, { engine: 'sqlite', part: `mutants: ${KINDS[kind]}`, mutants });
    assert.ok(harms.length > 10);
    assert.deepEqual(survivors, []);
  });
