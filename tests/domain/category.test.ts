// Categories and patterns: the grammar, and that ranges, intersection and cover agree with a matcher that compares segments.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkCategory, checkMode, checkPattern, coversPattern, intersectPatterns, matches, patternRange, reducePatterns } from '../../src/domain/category.ts';
import { codeOf } from './results.ts';

// Few letters and short paths, so that random patterns and types meet; `a_`, `aB` and `a0` lie around the dot bytewise.
const segment = fc.constantFrom('a', 'b', 'aB', 'a_', 'a0', 'A');
const category = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.'));
const pattern = fc.oneof(
  category,
  category.map((prefix) => `${prefix}.*`),
  fc.constant('*'),
);

/** The meaning of a pattern, segment by segment. */
function meansBySegments(wanted: string, type: string): boolean {
  if (wanted === '*') return true;
  const parts = wanted.split('.');
  const given = type.split('.');
  const wide = parts.at(-1) === '*';
  if (wide) parts.pop();
  return (wide ? given.length > parts.length : given.length === parts.length) && parts.every((part, i) => part === given[i]);
}

test('a category is one to eight segments of letters, digits and _, each starting with a letter', () => {
  for (const good of ['A', 'Mail.Send', 'video_processing', 'A1.b2.C_3', 'a.b.c.d.e.f.g.h', 'x'.repeat(200)]) assert.equal(checkCategory(good).ok, true, good);
  for (const bad of [
    '',
    '.',
    'A.',
    '.A',
    'A..B',
    '1A',
    '_A',
    'A.1',
    'A-B',
    'A B',
    'Ä',
    'A.*',
    '*',
    'A\n',
    'A\0',
    'a.b.c.d.e.f.g.h.i',
    'x'.repeat(201),
    7,
    null,
    undefined,
    ['A'],
  ])
    assert.equal(codeOf(checkCategory(bad)), 'invalid_category', String(bad));
});

test('the grammar of categories is that of its regular expression', () => {
  const form = /^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,7}$/;
  const text = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '_', '.', '-', '*', 'é'), maxLength: 24 });
  fc.assert(
    fc.property(text, (given) => checkCategory(given).ok === form.test(given)),
    { numRuns: 2000 },
  );
});

test('the mode hierarchical asks for two or more segments of letters alone', () => {
  assert.equal(checkMode('Mail.Send', 'hierarchical', []).ok, true);
  for (const bad of ['Mail', 'Mail.Send_2', 'Mail.Send2', 'send_email', 'Mail.'])
    assert.equal(codeOf(checkMode(bad, 'hierarchical', [])), 'invalid_category', bad);
});

test('the mode registered asks for a registered pattern, and open for the form alone', () => {
  assert.equal(checkMode('Mail.Send', 'registered', ['Mail.*']).ok, true);
  assert.equal(checkMode('Mail', 'registered', ['Mail']).ok, true);
  assert.equal(codeOf(checkMode('Mail', 'registered', ['Mail.*', 'mail'])), 'unknown_category');
  assert.equal(codeOf(checkMode('Mail', 'registered', [])), 'unknown_category');
  assert.equal(codeOf(checkMode('Mail.', 'registered', ['*'])), 'invalid_category');
  assert.equal(checkMode('send_email', 'open', []).ok, true);
});

test('a pattern is a category, a prefix with .* or *', () => {
  for (const good of ['*', 'A', 'A.*', 'A.b.*', 'a.b.c.d.e.f.g.*']) assert.equal(checkPattern(good).ok, true, good);
  for (const bad of ['', '.*', 'A*', 'A.*.B', '*.A', 'A.**', '**', 'A.', 'A.%', 'a.b.c.d.e.f.g.h.*', 3, null])
    assert.equal(codeOf(checkPattern(bad)), 'invalid_category', String(bad));
});

test('prefix.* is every descendant at any depth and not the prefix itself', () => {
  assert.deepEqual(
    ['A', 'A.B', 'A.B.C', 'AB', 'AB.C', 'a.B', 'A_.B'].filter((type) => matches('A.*', type)),
    ['A.B', 'A.B.C'],
  );
});

test('matching and the bytewise range of a pattern agree with a comparison by segments', () => {
  fc.assert(
    fc.property(pattern, category, (wanted, type) => {
      const range = patternRange(wanted);
      const inRange = range.kind === 'all' || (range.kind === 'exact' ? type === range.type : range.from <= type && type < range.to);
      const expected = meansBySegments(wanted, type);
      return matches(wanted, type) === expected && inRange === expected;
    }),
    { numRuns: 5000 },
  );
});

test('the range of prefix.* ends at the byte after the dot', () => {
  assert.deepEqual(patternRange('A.B.*'), { kind: 'range', from: 'A.B.', to: 'A.B/' });
  assert.deepEqual(patternRange('A.B'), { kind: 'exact', type: 'A.B' });
  assert.deepEqual(patternRange('*'), { kind: 'all' });
});

test('an intersection matches exactly what both lists match', () => {
  const list = fc.array(pattern, { maxLength: 4 });
  fc.assert(
    fc.property(list, list, fc.array(category, { minLength: 5, maxLength: 20 }), (a, b, types) => {
      const both = intersectPatterns(a, b);
      const any = (patterns: readonly string[], type: string): boolean => patterns.some((wanted) => meansBySegments(wanted, type));
      return types.every((type) => any(both, type) === (any(a, type) && any(b, type)));
    }),
    { numRuns: 2000 },
  );
  assert.deepEqual(intersectPatterns(['*'], ['A.*', 'A.B', 'C']), ['A.*', 'C']);
  assert.deepEqual(intersectPatterns([], ['*']), []);
});

test('a reduced list matches the same and none of its patterns covers another', () => {
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 6 }), category, (list, type) => {
      const reduced = reducePatterns(list);
      const same = list.some((wanted) => matches(wanted, type)) === reduced.some((wanted) => matches(wanted, type));
      return same && reduced.every((one) => reduced.every((other) => one === other || !coversPattern(one, other)));
    }),
    { numRuns: 2000 },
  );
});

test('one pattern covers another exactly when it matches everything that the other matches', () => {
  const deep = ['a', 'b', 'a.a', 'a.b', 'a.a.a', 'a.a.b', 'b.a', 'aB', 'aB.a', 'a_', 'a.a.a.a', 'c', 'c.d'];
  const patterns = ['*', 'a', 'a.*', 'a.a', 'a.a.*', 'b', 'b.*', 'aB.*', 'a.b'];
  for (const wide of patterns)
    for (const narrow of patterns) {
      const expected = deep.filter((type) => meansBySegments(narrow, type)).every((type) => meansBySegments(wide, type));
      assert.equal(coversPattern(wide, narrow), expected, `${wide} over ${narrow}`);
    }
});
