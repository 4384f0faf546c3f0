// The reader of SQL that the mutants rest on: it finds every condition, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DatabaseSync } from 'node:sqlite';
import { conjunctsOf, holding } from './mutants/conjuncts.ts';

const read = (sql: string): string[] => conjunctsOf(sql).map(({ clause, text }) => `${clause} ${text}`);

const CASES: readonly (readonly [name: string, sql: string, conditions: readonly string[]])[] = [
  ['no condition', 'SELECT a FROM t ORDER BY a LIMIT 1', []],
  ['one', 'SELECT a FROM t WHERE a = 1', ['WHERE a = 1']],
  ['several', 'SELECT a FROM t WHERE a = ?1 AND b IS NOT NULL and c > 2 ORDER BY a', ['WHERE a = ?1', 'WHERE b IS NOT NULL', 'WHERE c > 2']],
  ['an OR beside them makes them one', 'DELETE FROM t WHERE a = 1 AND b = 2 OR c = 3', ['WHERE a = 1 AND b = 2 OR c = 3']],
  ['an OR in brackets is one of them', 'DELETE FROM t WHERE a = 1 AND (b = 2 OR c = 3)', ['WHERE a = 1', 'WHERE (b = 2 OR c = 3)']],
  ['the AND of a BETWEEN is its own', 'SELECT 1 FROM t WHERE a BETWEEN 1 AND 2 AND b = 3', ['WHERE a BETWEEN 1 AND 2', 'WHERE b = 3']],
  ['an AND in a CASE is its own', 'SELECT 1 FROM t WHERE CASE a WHEN 1 THEN b AND c END AND d', ['WHERE CASE a WHEN 1 THEN b AND c END', 'WHERE d']],
  [
    'inside of another',
    'SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND u.b) AND c',
    ['WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND u.b)', 'WHERE u.a = t.a', 'WHERE u.b', 'WHERE c'],
  ],
  ['rows of values', 'DELETE FROM t WHERE (a, b) IN (SELECT a, b FROM u)', ['WHERE (a, b) IN (SELECT a, b FROM u)']],
  [
    'of joins',
    'SELECT 1 FROM t JOIN u ON u.a = t.a AND u.b = 1 LEFT JOIN v ON v.c = u.c CROSS JOIN w WHERE w.d = ?1 GROUP BY 1',
    ['ON u.a = t.a', 'ON u.b = 1', 'ON v.c = u.c', 'WHERE w.d = ?1'],
  ],
  ['of a comma join', 'SELECT 1 FROM t JOIN u ON u.a = t.a, v WHERE v.b', ['ON u.a = t.a', 'WHERE v.b']],
  ['of an upsert', 'INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1 WHERE t.b < 1', ['WHERE t.b < 1']],
  [
    'of groups and filters',
    'SELECT count(*) FILTER (WHERE a AND b), c FROM t GROUP BY c HAVING count(*) > 1 ORDER BY c',
    ['WHERE a', 'WHERE b', 'HAVING count(*) > 1'],
  ],
  ['of a union', 'SELECT 1 FROM t WHERE a UNION ALL SELECT 2 FROM u WHERE b LIMIT ?1', ['WHERE a', 'WHERE b']],
  [
    'of a searched CASE',
    `SELECT CASE WHEN a AND b = 'x' THEN 1 WHEN c THEN 2 ELSE CASE WHEN d THEN 3 END END FROM t`,
    ['WHEN a', `WHEN b = 'x'`, 'WHEN c', 'WHEN d'],
  ],
  ['not of a CASE of values', `SELECT CASE a WHEN 'x' THEN 1 ELSE CASE WHEN b THEN 2 END END FROM t`, ['WHEN b']],
  ['of a WITH', 'WITH x (a) AS (SELECT 1 FROM t WHERE b) SELECT a FROM x WHERE a IS NOT 2', ['WHERE b', 'WHERE a IS NOT 2']],
  ['not in strings and comments', `SELECT 'WHERE a AND b' FROM t /* WHERE c */ WHERE d = 'it''s AND' -- AND e\n AND f`, [`WHERE d = 'it''s AND'`, 'WHERE f']],
  ['in small letters', 'update t set a = 1 where b = 2 and c returning a', ['WHERE b = 2', 'WHERE c']],
];

for (const [name, sql, conditions] of CASES) test(`the conditions of a statement: ${name}`, () => assert.deepEqual(read(sql), conditions));

test('a condition made to hold keeps the parameters and lets every row through, null or not', () => {
  const db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 1), (2, 2), (NULL, 3)');
  const sql = 'SELECT b FROM t WHERE a = ?1 AND b < ?2';
  const [first, second] = conjunctsOf(sql);
  assert.ok(first !== undefined && second !== undefined);
  const rows = (text: string): unknown[] =>
    db
      .prepare(text)
      .all(1, 3)
      .map((row) => row['b']);
  assert.deepEqual(rows(sql), [1]);
  assert.deepEqual(rows(holding(sql, first)), [1, 2]);
  assert.deepEqual(rows(holding(sql, second)), [1]);
  assert.equal(holding(sql, second), 'SELECT b FROM t WHERE a = ?1 AND (1 OR (b < ?2))');
  db.close();
});
