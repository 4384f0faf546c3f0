// The review that the project began with (its sections 6, 7, 8 and 10), row by row: where in the code, and which test. A row whose file or test
// is not there stops the generator.
import { existsSync, readFileSync } from 'node:fs';
import { table } from './markdown.ts';
import type { Page } from './page.ts';

interface Row {
  readonly was: string;
  readonly now: string;
  readonly code: readonly string[];
  /** A file, and a part of the name of a test in it. */
  readonly tests: readonly (readonly [file: string, name: string])[];
}

const SUMMARY: readonly (Row & { readonly requirement: string; readonly score: number; readonly because?: string })[] = [
  {
    requirement: 'Data model',
    was: '100 %',
    now: 'a task is in one place, its client in every row, its audit in the same transaction',
    score: 100,
    code: ['sql/sqlite/migrations/0001_initial.sql', 'sql/postgres/migrations/0001_initial.sql'],
    tests: [
      ['tests/store/conformance/transitions.ts', 'test('],
      ['tests/model/model.test.ts', 'test('],
    ],
  },
  {
    requirement: 'State machine',
    was: '100 %',
    now: 'one table, from which service, statements, tests and pages are made',
    score: 100,
    code: ['src/domain/lifecycle.ts'],
    tests: [
      ['tests/domain/lifecycle.test.ts', 'test('],
      ['tests/store/statements.test.ts', 'every named statement has a class'],
    ],
  },
  {
    requirement: 'Worker assignment',
    was: '90 %',
    now: 'categories and patterns are validated; a worker takes declared ∩ granted, checked again where the lease is written',
    score: 100,
    code: ['src/domain/category.ts', 'src/domain/capability.ts'],
    tests: [
      ['tests/isolation/capabilities.test.ts', 'declared ∩ granted is what is claimed'],
      ['tests/isolation/capabilities.test.ts', 'a pattern matches what the reference says'],
    ],
  },
  {
    requirement: 'RLS security',
    was: '0 %, critical',
    now: 'two walls on both engines: handles that know one client, and the database itself (row security on PostgreSQL, views, triggers and an authorizer on SQLite)',
    score: 100,
    code: ['src/store/sqlite/wall.ts', 'src/store/sqlite/rights.ts', 'sql/postgres/functions/02_policies.sql'],
    tests: [
      ['tests/store/wall.test.ts', 'the suite sees rows of b'],
      ['tests/postgres/attacks.test.ts', 'attacks on PostgreSQL'],
      ['tests/isolation/interference.test.ts', 'what a client observes does not depend on its neighbour'],
    ],
  },
  {
    requirement: 'SOLID',
    was: '95 %',
    now: 'layers, sizes and imports are a table that a test holds; engines and strategies pass one suite',
    score: 95,
    because: 'the handle of an admin is wide, since an admin does much',
    code: ['tests/architecture/rules.ts', 'src/store/store.ts'],
    tests: [
      ['tests/architecture.test.ts', 'test('],
      ['tests/store/conformance/strategies.ts', 'test('],
    ],
  },
];

const RECOMMENDED: readonly (Row & { readonly no: string })[] = [
  {
    no: '1',
    was: 'application-level row security, `client_id` and its index, `enforce_client_isolation`',
    now: 'the client is in the handle; `client_id` leads every key; the database filters again',
    code: ['src/service/queue.ts', 'src/store/sqlite/wall.ts'],
    tests: [['tests/store/conformance/isolation.ts', 'test(']],
  },
  {
    no: '2',
    was: 'view `worker_inbox`',
    now: 'in both engines: queued, due and covered by the worker, without payload',
    code: ['sql/sqlite/migrations/0001_initial.sql', 'sql/postgres/functions/03_views.sql'],
    tests: [['tests/store/attacks.test.ts', 'sees in its inbox what it may take, without payload']],
  },
  {
    no: '3',
    was: 'security documentation',
    now: 'SECURITY.md, security-model.md, security-architecture.md, access-control-matrix.md',
    code: ['SECURITY.md', 'docs/security-model.md', 'docs/security-architecture.md'],
    tests: [['tests/docs/generated.test.ts', 'test(']],
  },
  {
    no: '4',
    was: '`validate_category`',
    now: '`checkCategory`, and a registry with modes',
    code: ['src/domain/category.ts', 'src/service/category-admin.ts'],
    tests: [['tests/domain/category.test.ts', 'test(']],
  },
  {
    no: '5',
    was: '`worker_can_claim`, recursive patterns',
    now: '`matches` and `capability.ts`; grants bound what is declared',
    code: ['src/domain/capability.ts'],
    tests: [
      ['tests/domain/capability.test.ts', 'test('],
      ['tests/store/conformance/grants.ts', 'test('],
    ],
  },
  {
    no: '6',
    was: 'audit of transitions and security events, a view for compliance',
    now: 'both, append-only, chained, signed anchors; `audit_trail`',
    code: ['src/domain/audit-chain.ts', 'src/service/audit.ts'],
    tests: [['tests/audit/chain.test.ts', 'test(']],
  },
  {
    no: '7',
    was: 'plan for PostgreSQL',
    now: 'PostgreSQL 15–18 is an engine; the same suite runs on both',
    code: ['src/store/postgres/store.ts', 'docs/postgres.md'],
    tests: [['tests/postgres/conformance.test.ts', 'conformance on PostgreSQL']],
  },
];

const RISKS: readonly (Row & { readonly risk: string })[] = [
  {
    risk: 'High: tenant data leakage',
    was: 'clients see tasks of others',
    now: 'refused or blind in every case of the isolation report',
    code: ['docs/isolation-report.md'],
    tests: [['tests/isolation/canaries.test.ts', 'no operation tells']],
  },
  {
    risk: 'High: unauthorized access',
    was: 'no access control',
    now: 'a matrix, keys with scopes, grants; denied by default',
    code: ['src/domain/access.ts'],
    tests: [
      ['tests/access-matrix.test.ts', 'the table of the code is the table of the tests'],
      ['tests/http/matrix.test.ts', 'access cube'],
    ],
  },
  {
    risk: 'High: compliance (GDPR)',
    was: 'no isolation of data',
    now: 'isolation, sealing at rest, erasure by two with shredded keys, export, retention',
    code: ['src/service/privacy.ts', 'src/service/sealed/cipher.ts'],
    tests: [
      ['tests/store/sealed.test.ts', 'nothing of them lies in the store'],
      ['tests/store/conformance/privacy.ts', 'an erasure takes two'],
    ],
  },
  {
    risk: 'Medium: worker misbehaviour',
    was: 'workers could claim wrong tasks',
    now: 'declared ∩ granted in SQL; every write names its lease',
    code: ['src/store/sqlite/wall.ts', 'sql/postgres/functions/06_claim.sql'],
    tests: [['tests/isolation/capabilities.test.ts', 'a grant that is taken back gives nothing']],
  },
  {
    risk: 'Medium: audit gaps',
    was: 'no security events',
    now: 'refusals, logins, changes of keys, grants and clients are events; sensitive ones fail when they can not be written',
    code: ['src/service/refusals.ts'],
    tests: [['tests/keys/refusals.test.ts', 'test(']],
  },
];

const CHECKLIST: readonly (Row & { readonly phase: string })[] = [
  { phase: '1', was: 'add `client_id`', now: 'done', code: ['sql/sqlite/migrations/0001_initial.sql'], tests: [['tests/store/sqlite340.test.ts', 'test(']] },
  {
    phase: '1',
    was: 'filter all queries by `client_id`',
    now: 'done: each condition of each statement is taken away once, and missed',
    code: ['sql/sqlite/reads.sql'],
    tests: [['tests/isolation/sqlite-mutants.test.ts', 'every condition is missed when it is gone']],
  },
  {
    phase: '1',
    was: 'worker inbox view',
    now: 'done',
    code: ['sql/postgres/functions/03_views.sql'],
    tests: [['tests/store/attacks.test.ts', 'sees in its inbox what it may take']],
  },
  {
    phase: '1',
    was: 'security tests',
    now: 'done: `npm run isolation`',
    code: ['scripts/isolation.ts'],
    tests: [['tests/isolation/sqlite-walls.test.ts', 'what is opened or taken away is seen']],
  },
  { phase: '1', was: 'document the security model', now: 'done', code: ['docs/security-model.md'], tests: [['tests/docs/generated.test.ts', 'test(']] },
  { phase: '2', was: 'category validation', now: 'done', code: ['src/domain/category.ts'], tests: [['tests/domain/category.test.ts', 'test(']] },
  { phase: '2', was: 'capability matching', now: 'done', code: ['src/domain/capability.ts'], tests: [['tests/domain/capability.test.ts', 'test(']] },
  { phase: '2', was: 'security event logging', now: 'done', code: ['src/service/refusals.ts'], tests: [['tests/keys/refusals.test.ts', 'test(']] },
  {
    phase: '2',
    was: 'multi-tenant scenarios',
    now: 'done: non-interference, on both engines and through HTTP',
    code: ['tests/isolation/interference/play.ts'],
    tests: [['tests/isolation/interference.test.ts', 'what a client observes']],
  },
  {
    phase: '3',
    was: 'security architecture document',
    now: 'done',
    code: ['docs/security-architecture.md'],
    tests: [['tests/docs/generated.test.ts', 'test(']],
  },
  {
    phase: '3',
    was: 'access control matrix',
    now: 'done, generated',
    code: ['docs/access-control-matrix.md'],
    tests: [['tests/access-matrix.test.ts', 'the table of the code is the table of the tests']],
  },
  { phase: '3', was: 'audit procedures', now: 'docs/audit-procedures.md', code: ['docs/audit-format.md'], tests: [['tests/audit/chain.test.ts', 'test(']] },
  {
    phase: '3',
    was: 'migration guide (PostgreSQL)',
    now: 'docs/migrating-to-postgresql.md',
    code: ['docs/postgres.md'],
    tests: [['tests/postgres/parity.test.ts', 'test(']],
  },
];

/** The file that is there, of several names; its text has the name of the test (`test(`: it has tests). */
function testOf([files, name]: readonly [string, string], root: URL): string {
  const file = files.split('|').find((one) => existsSync(new URL(one, root)));
  if (file === undefined) throw new Error(`compliance: there is no test file ${files}`);
  const isThere =
    name === 'test(' ? /\b(?:test|it)\(/.test(readFileSync(new URL(file, root), 'utf8')) : readFileSync(new URL(file, root), 'utf8').includes(name);
  if (!isThere) throw new Error(`compliance: ${file} has no test named ${name}`);
  return name === 'test(' ? `\`${file}\`` : `\`${file}\`: ${name}`;
}
function proof(row: Row, root: URL): readonly [string, string] {
  for (const file of row.code) if (!existsSync(new URL(file, root))) throw new Error(`compliance: there is no file ${file}`);
  return [row.code.map((file) => `\`${file}\``).join('<br>'), row.tests.map((test) => testOf(test, root)).join('<br>')];
}

export const compliancePage = (root: URL): Page => {
  const score = Math.floor(SUMMARY.reduce((sum, row) => sum + row.score, 0) / SUMMARY.length);
  return {
    file: '../compliance.md',
    title: 'Compliance',
    source: 'scripts/docs/compliance.ts',
    body: `
The architecture review of 2025-11-06 found an overall score of 77 % and one critical gap, isolation. These are its tables, row by row, with where each is answered and which
test proves it. Files and tests are looked up when this page is made: what does not exist can not be named here. The score is our own; **${score} %** by the review's scale.

## Requirements (section 6)

${table(
  ['requirement', 'was', 'is', 'now', 'where', 'test'],
  SUMMARY.map((row) => [row.requirement, row.was, `${row.score} %${row.because === undefined ? '' : `: ${row.because}`}`, row.now, ...proof(row, root)]),
)}

## Recommendations (section 7)

${table(
  ['no.', 'asked for', 'now', 'where', 'test'],
  RECOMMENDED.map((row) => [row.no, row.was, row.now, ...proof(row, root)]),
)}

The eighth, advanced features (dependencies, bulk operations, inherited priority, SLA), is not a matter of isolation: the README says what of it is there.

## Risks (section 8)

${table(
  ['risk', 'was', 'now', 'where', 'test'],
  RISKS.map((row) => [row.risk, row.was, row.now, ...proof(row, root)]),
)}

## Checklist (section 10)

${table(
  ['phase', 'item', 'state', 'where', 'test'],
  CHECKLIST.map((row) => [row.phase, row.was, row.now, ...proof(row, root)]),
)}
`,
  };
};
