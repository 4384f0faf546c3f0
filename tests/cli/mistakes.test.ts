// What strangers get wrong: each mistake is told as a code and a sentence, exits by the table, and writes nothing.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { before, describe, it } from 'node:test';
import { reportFailure } from '../../src/cli/failure.ts';
import { ERRORS, QueueError } from '../../src/domain/errors.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import { inside, json, memoryIo, temporaryFolder } from './rig.ts';

const base = temporaryFolder();
const ABSENT = '01900000-0000-7000-8000-000000000000';
let id = '';

before(async () => {
  id = (await json<{ id: string }>(['enqueue', 'Mail.Send', '1', '--client', 'acme'], { base })).id;
  writeFileSync(join(base, 'text.txt'), 'This is no database, but a text that is long enough to be looked at.\n'.repeat(100));
  mkdirSync(join(base, 'folder'));
});

type Mistake = readonly [argv: readonly string[], code: ErrorCode, message: RegExp];
const MISTAKES: readonly Mistake[] = [
  [['tsks'], 'invalid_input', /unknown command 'tsks' \(Did you mean tasks\?\)/],
  [['clients', 'creat', 'x'], 'invalid_input', /clients has no command "creat": there are list, create/],
  [['tasks', '--statu', 'queued'], 'invalid_input', /unknown option '--statu'.*Did you mean --status/],
  [['task'], 'invalid_input', /missing required argument 'id'.*--help/],
  [['tasks', '--limit', 'many'], 'invalid_input', /^--limit: "many" is no whole number/],
  [['tasks', '--limit', '0'], 'invalid_input', /limit: 0 is not an integer from 1 to 1000/],
  [['tasks', '--status', 'done'], 'invalid_input', /^--status: "done" is no state: there are blocked, queued/],
  [['tasks', '--type', 'a..b'], 'invalid_category', /"a\.\.b"/],
  [['tasks', '--cursor', 'x'], 'invalid_input', /cursor/],
  [['tasks', '--client', 'acne'], 'unknown_client', /there is no client acne: there are acme/],
  [['stats', '--client', 'acne'], 'unknown_client', /acne/],
  [['tasks', '--db', 'absent.db'], 'store_unavailable', /there is no queue at .*absent\.db.*--db.*demo/],
  [['tasks', '--db', 'text.txt'], 'store_corrupt', /not a SQLite database/],
  [['tasks', '--db', 'folder'], 'store_unavailable', /is a folder/],
  [['tasks', '--db', ''], 'invalid_input', /--db/],
  [['enqueue', 'A.B', '--db', 'no/such/folder/q.db'], 'store_unavailable', /folder of .* does not exist/],
  [['tasks', '--db', 'postgres://localhost/q'], 'store_unavailable', /SQLite/],
  [['enqueue', 'no good'], 'invalid_category', /"no good"/],
  [['enqueue', 'Mail.Send', '{"to":'], 'invalid_payload', /payload is not JSON/],
  [['enqueue', 'Mail.Send', 'text'], 'invalid_payload', /double quotes/],
  [['enqueue', 'Mail.Send', '{"__proto__":1}'], 'invalid_payload', /__proto__/],
  [['enqueue', 'Mail.Send', String.raw`"\ud800"`], 'invalid_payload', /surrogate/],
  [['enqueue', 'Mail.Send', '[['.repeat(40) + ']]'.repeat(40)], 'invalid_payload', /deep|nest/i],
  [['enqueue', 'Mail.Send', JSON.stringify('x'.repeat(300_000))], 'payload_too_large', /256000/],
  [['enqueue', 'Mail.Send', '@absent.json'], 'invalid_input', /^payload: there is no file .*absent\.json/],
  [['enqueue', 'Mail.Send', '--priority', '1001'], 'invalid_input', /priority: 1001 is not an integer from 1 to 1000/],
  [['enqueue', 'Mail.Send', '--priority', 'high'], 'invalid_input', /^--priority: "high"/],
  [['enqueue', 'Mail.Send', '--max-attempts', '0'], 'invalid_input', /maxAttempts: 0/],
  [['enqueue', 'Mail.Send', '--delay', '10'], 'invalid_input', /^--delay: "10" is no duration/],
  [['enqueue', 'Mail.Send', '--key', ''], 'invalid_input', /^--key: /],
  [['enqueue', 'Mail.Send', '--compat', '[1]'], 'invalid_input', /^--compat: give a JSON object/],
  [['enqueue', 'Mail.Send', '--metadata', 'novalue'], 'invalid_input', /^--metadata: /],
  [['enqueue', 'Mail.Send', '--client', 'no/client'], 'invalid_input', /clientId/],
  [['task', ABSENT], 'not_found', /no (such )?task/],
  [['task', 'not-an-id'], 'not_found', /no (such )?task/],
  [['cancel', ABSENT], 'not_found', /no (such )?task/],
  [['reprioritise', ABSENT, '5'], 'not_found', /no (such )?task/],
  [['clients', 'suspend', 'nobody'], 'not_found', /no client nobody/],
  [['clients', 'create', 'acme'], 'already_exists', /acme exists/],
  [['clients', 'create', '-x-'], 'invalid_input', /./],
  [['workers', 'remove', 'nobody'], 'not_found', /no worker nobody/],
  [['workers', 'prune', '--stale', 'long'], 'invalid_input', /^--stale: /],
  [['grants', 'add', 'w1', 'Mail.*'], 'invalid_input', /no grant: write it as CLIENT:PATTERN/],
  [['grants', 'add', 'w1', 'acme:a..b'], 'invalid_input', /a\.\.b/],
  [['grants', 'remove', 'nothing'], 'not_found', /no such grant/],
  [['keys', 'create'], 'invalid_input', /--role/],
  [['keys', 'create', '--role', 'king'], 'invalid_input', /"king" is no role: there are client, worker, admin, auditor/],
  [['keys', 'create', '--role', 'client'], 'invalid_input', /clientId/],
  [['keys', 'create', '--role', 'worker'], 'invalid_input', /name/],
  [['keys', 'create', '--role', 'admin', '--grant', 'acme:*'], 'invalid_input', /grants/],
  [['keys', 'revoke', 'nothing'], 'not_found', /no such key/],
  [['categories', 'set', 'a..b'], 'invalid_category', /a\.\.b/],
  [['categories', 'set', 'A.B', '--backoff', '{"initialMs":-1}'], 'invalid_input', /backoff/],
  [['categories', 'remove', 'A.B'], 'not_found', /A\.B/],
  [['categories', 'mode', 'strict'], 'invalid_input', /"strict" is no mode: there are open/],
  [['worker'], 'invalid_input', /^--handlers: name the module/],
  [['worker', '--handlers', 'absent.mjs'], 'invalid_input', /there is no file/],
  [['demo', 'absent'], 'invalid_input', /^dir: there is no folder/],
  [['demo', 'folder'], 'invalid_input', /there are no files/],
  [['replay', 'absent.swf'], 'invalid_input', /there is no file/],
  [['replay', 'text.txt'], 'invalid_input', /line 1 is malformed/],
  [['replay', 'text.txt', '--speed', '0'], 'invalid_input', /^--speed: "0" is no factor/],
  [['replay', 'text.txt', '--workers', '1000'], 'invalid_input', /^--workers: 1000/],
];

for (const [argv, code, message] of MISTAKES) {
  it(`${argv.map((part) => (part.length > 30 ? `${part.slice(0, 30)}…` : part)).join(' ')} is refused with ${code}`, async () => {
    const { code: exit, out } = await inside([...argv, '--json'], { base });
    const { error } = JSON.parse(out) as { readonly error: { readonly code: string; readonly message: string; readonly details: object } };
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.equal(typeof error.details, 'object');
    assert.equal(exit, ERRORS[code].exit);
  });
}

describe('a mistake', () => {
  it('is a sentence with its code for people, on the error stream alone', async () => {
    const { code, out, err } = await inside(['task', ABSENT], { base });
    assert.deepEqual([code, out], [3, '']);
    assert.equal(err, 'error [not_found]: there is no such task\ncheck the id, and --db: each file is a queue of its own\n');
  });

  it('changes nothing and makes no file', async () => {
    const { items } = await json<{ items: readonly unknown[] }>(['tasks', '--limit', '1000'], { base });
    assert.equal(items.length, 1);
    for (const name of ['absent.db', 'prismq-replay.db']) assert.ok(!existsSync(join(base, name)), name);
    assert.match(readFileSync(join(base, 'text.txt'), 'utf8'), /^This is no database/);
  });

  it('of the state is told with what may happen instead', async () => {
    const { code, out } = await inside(['requeue', id, '--json'], { base });
    const { error } = JSON.parse(out) as { readonly error: { readonly code: string; readonly message: string } };
    assert.deepEqual([code, error.code], [5, 'invalid_transition']);
  });
});

describe('what would make a queue, and is refused', () => {
  const empty = join(base, 'empty');
  before(() => mkdirSync(empty));
  for (const [argv, code] of [
    [['enqueue', 'no good'], 'invalid_category'],
    [['enqueue', 'Mail.Send', '1', '--priority', '1001'], 'invalid_input'],
    [['enqueue', 'Mail.Send', '1', '--client', 'no/client'], 'invalid_input'],
    [['clients', 'create', '-x-'], 'invalid_input'],
    [['keys', 'create', '--role', 'worker'], 'invalid_input'],
    [['grants', 'add', 'no worker', 'acme:Mail.*'], 'invalid_input'],
    [['categories', 'set', 'a..b'], 'invalid_category'],
    [['tasks'], 'store_unavailable'],
  ] as const satisfies readonly (readonly [readonly string[], ErrorCode])[])
    it(`${argv.join(' ')} leaves no file`, async () => {
      const { code: exit, out } = await inside([...argv, '--json'], { base: empty });
      assert.deepEqual([(JSON.parse(out) as { error: { code: string } }).error.code, exit], [code, ERRORS[code].exit]);
      assert.deepEqual(readdirSync(empty), []);
    });
  it('and what is not refused is done once, and said once', async () => {
    const { code, out } = await inside(['enqueue', 'Mail.Send', '1', '--json'], { base: empty });
    assert.equal(code, 0);
    assert.equal(out.trim().split('\n').length, 1);
    const { items } = await json<{ items: readonly { id: string }[] }>(['tasks'], { base: empty });
    assert.deepEqual(
      items.map((task) => task.id),
      [(JSON.parse(out) as { id: string }).id],
    );
  });
});

describe('what goes wrong inside', () => {
  it('is told in one line without a stack', () => {
    for (const thrown of [new Error('boom\n    at secret (file.ts:1:1)'), 'boom', undefined]) {
      const io = memoryIo({ base });
      assert.equal(reportFailure(io, thrown, false), 1);
      assert.match(io.said.err, /^error \[internal\]: /);
      assert.doesNotMatch(io.said.err, /\bat \w+ \(/);
    }
  });

  it('is shown with what is behind it to who asks for it, and to nobody else', async () => {
    const file = join(base, 'broken.db');
    await json(['enqueue', 'A.B', '--db', file], { base });
    const db = new DatabaseSync(file);
    db.exec(`CREATE TRIGGER gremlin BEFORE INSERT ON tasks BEGIN SELECT RAISE(ABORT, 'a gremlin'); END`);
    db.close();
    const argv = ['enqueue', 'A.B', '--db', file];
    for (const [more, env] of [
      [[], {}],
      [['--json'], {}],
      [['--debug'], {}],
      [['--debug', '--json'], {}],
      [[], { PRISMQ_DEBUG: '1' }],
    ] as const satisfies readonly (readonly [readonly string[], Record<string, string>])[]) {
      const { code, out, err } = await inside([...argv, ...more], { base, env });
      assert.equal(code, ERRORS.internal.exit);
      assert.match(`${out}${err}`, /something went wrong inside the store/);
      assert.doesNotMatch(out, /gremlin|\bat \w/);
      const asked = more.includes('--debug' as never) || 'PRISMQ_DEBUG' in env;
      assert.equal(/caused by Error: .*a gremlin\n +at /.test(err), asked, `${more.join(' ')}: ${err}`);
      assert.equal(/gremlin/.test(err), asked);
    }
  });

  it('can not write to the terminal what it likes', () => {
    const io = memoryIo({ base });
    reportFailure(io, new QueueError('not_found', 'there is no \x1b[2J\n'), false);
    assert.ok(!io.said.err.includes('\x1b'), io.said.err);
  });
});

it('a file that can not be written is told', { skip: process.getuid?.() === 0 && 'root writes everywhere' }, async () => {
  const file = join(base, 'sealed.db');
  await json(['enqueue', 'A.B', '--db', file], { base });
  chmodSync(file, 0o444);
  const { code, err } = await inside(['enqueue', 'A.B', '--db', file], { base });
  assert.deepEqual([code, err.includes('store_read_only')], [7, true]);
});
