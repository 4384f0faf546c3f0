// The scanner of JSON text: it accepts what JSON.parse accepts, apart from its own rules, which are tested one by one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { scanJson, toJsonText } from '../../src/domain/json-text.ts';
import { codeOf, valueOf } from './results.ts';

const WIDE = { maxBytes: 1_000_000, maxDepth: 1000 };

/** Without the one key that is refused: it is drawn now and then. */
const withoutProto = (value: unknown): boolean => !JSON.stringify(value).includes('"__proto__"');

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What JSON.parse accepts and a queue does not: half a pair raw or escaped, or a `__proto__` key. */
function isTainted(text: string): boolean {
  if (!text.isWellFormed()) return true;
  let tainted = false;
  JSON.parse(text, (key, value: unknown) => {
    if (key === '__proto__' || !key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed())) tainted = true;
    return value;
  });
  return tainted;
}

const agrees = (text: string): boolean => scanJson(text, WIDE).ok === (parses(text) && !isTainted(text));

test('it accepts every text that JSON.stringify makes', () => {
  fc.assert(fc.property(fc.json(), agrees), { numRuns: 1000 });
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => agrees(JSON.stringify(value, null, 1))),
    { numRuns: 1000 },
  );
});

test('it agrees with JSON.parse on texts of the characters that matter', () => {
  const unit = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '\\',
    'u',
    'n',
    't',
    'null',
    'true',
    'false',
    '0',
    '1',
    '-',
    '+',
    '.',
    'e',
    'E',
    ' ',
    '\n',
    '\t',
    '\u00a0',
    '\u0001',
    'é',
    '\ud83d',
    '\ude00',
    '\\ud83d',
    '\\ude00',
    '\\u0041',
    '"a"',
    '"":',
  );
  fc.assert(fc.property(fc.string({ unit, maxLength: 10 }), agrees), { numRuns: 20_000 });
});

test('it agrees with JSON.parse on good texts that were cut, doubled or changed in one place', () => {
  const edit = fc.record({
    at: fc.nat(),
    drop: fc.nat(2),
    put: fc.constantFrom('', '"', '\\', ',', ':', '}', ']', '{', '[', '0', '-', '.', 'e', ' ', '\u0000', '\ud800', '\u2028'),
  });
  fc.assert(
    fc.property(fc.jsonValue(), edit, (value, { at, drop, put }) => {
      const text = JSON.stringify(value);
      const i = at % (text.length + 1);
      return agrees(text.slice(0, i) + put + text.slice(i + drop));
    }),
    { numRuns: 10_000 },
  );
});

test('numbers, words and white space follow the grammar to the letter', () => {
  for (const good of ['0', '-0', '10', '1.5', '-1.5e+10', '1E5', '1e-05', '1e999', ' \t\r\n[ 1 , 2 ] \n', 'null', '""', '{}', '[]', '{"a":[{}]}']) {
    assert.ok(parses(good));
    assert.equal(codeOf(scanJson(good, WIDE)), null, good);
  }
  for (const bad of [
    '',
    ' ',
    '01',
    '-',
    '+1',
    '.5',
    '1.',
    '1e',
    '1e+',
    '0x1',
    'NaN',
    'Infinity',
    'nul',
    'nulll',
    'True',
    "'a'",
    '[1,]',
    '[,1]',
    '{"a":1,}',
    '{a:1}',
    '{"a"}',
    '{"a":}',
    '{1:2}',
    '[1 2]',
    '1 2',
    '[1}',
    '{"a":1]',
    ']',
    '"a',
    '"\\',
    '"\\x"',
    '"\\u12"',
    '"\\u12g4"',
    '"\t"',
    '\ufeff1',
    '//1\n1',
    '1;',
  ]) {
    assert.ok(!parses(bad));
    assert.equal(codeOf(scanJson(bad, WIDE)), 'invalid_payload', bad);
  }
});

test('a control character inside a string is refused, up to the last of them', () => {
  for (let c = 0; c < 32; c++) assert.equal(codeOf(scanJson(`"${String.fromCharCode(c)}"`, WIDE)), 'invalid_payload', String(c));
  for (const c of [32, 127]) assert.equal(scanJson(`"${String.fromCharCode(c)}"`, WIDE).ok, true, String(c));
});

test('a refusal says where the text is wrong or that it ends too soon', () => {
  const messageOf = (text: string): string => {
    const result = scanJson(text, WIDE);
    return result.ok ? '' : result.refusal.message;
  };
  for (const text of ['', '"abc', '{"a":', '[1,', '"é']) assert.match(messageOf(text), /ends in the middle/, text);
  assert.match(messageOf('[1,x]'), /wrong at character 4$/);
});

test('half of a surrogate pair is refused, raw, escaped and mixed, in values and keys', () => {
  for (const bad of [
    '"\ud83d"',
    '"\ude00"',
    '"\ude00\ud83d"',
    '"\ude00\ude00"',
    '"\\ude00\\ude00"',
    '"\\ud83d"',
    '"\\uDE00"',
    '"\\ud83d\\u0041"',
    '"\\ud83dx"',
    '"\ud83d\\ude00"',
    '"\\ud83d\ude00"',
    '"\\ud83d\\ud83d"',
    '{"\\ud800":1}',
    '["\ud800',
  ])
    assert.equal(codeOf(scanJson(bad, WIDE)), 'invalid_payload', JSON.stringify(bad));
  for (const good of ['"\ud83d\ude00"', '"\\ud83d\\ude00"', '"\\uD83D\\uDE00"', '"\\ud7ff\\ue000"']) assert.equal(scanJson(good, WIDE).ok, true, good);
});

test('a key __proto__ is refused at any depth and however it is written; a value may say so', () => {
  for (const bad of ['{"__proto__":1}', '[{"a":{"__proto__":{}}}]', '{"\\u005f_proto__":1}', '{"__prot\\u006f__" : 1}', '{"a":1,"__proto__":2}'])
    assert.equal(codeOf(scanJson(bad, WIDE)), 'invalid_payload', bad);
  for (const good of ['"__proto__"', '{"a":"__proto__"}', '{"__proto":1,"_proto__":2,"__proto___":3}']) assert.equal(scanJson(good, WIDE).ok, true, good);
});

test('bytes are those of UTF-8 and the limit is exact', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'grapheme' }).filter(withoutProto), (value) => {
      const text = JSON.stringify(value);
      const bytes = Buffer.byteLength(text);
      assert.equal(valueOf(scanJson(text, WIDE)).bytes, bytes);
      assert.equal(scanJson(text, { maxBytes: bytes, maxDepth: 1000 }).ok, true);
      assert.equal(codeOf(scanJson(text, { maxBytes: bytes - 1, maxDepth: 1000 })), 'payload_too_large');
    }),
    { numRuns: 500 },
  );
});

test('bytes are right at the edges of every length of a character', () => {
  for (const point of [0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff]) {
    const text = JSON.stringify(String.fromCodePoint(point));
    assert.equal(valueOf(scanJson(text, WIDE)).bytes, Buffer.byteLength(text), point.toString(16));
  }
});

test('depth counts nested lists and objects and its limit is exact', () => {
  const depthOf = (value: unknown): number => (typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0);
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }).filter(withoutProto), (value) => {
      const depth = depthOf(value);
      assert.equal(valueOf(scanJson(JSON.stringify(value), WIDE)).depth, depth);
      if (depth > 0) assert.equal(codeOf(scanJson(JSON.stringify(value), { maxBytes: 1_000_000, maxDepth: depth - 1 })), 'invalid_payload');
    }),
    { numRuns: 500 },
  );
});

test('a text that nests hundreds of thousands deep is refused without recursion', () => {
  assert.equal(codeOf(scanJson('['.repeat(400_000), { maxBytes: 1_000_000, maxDepth: 32 })), 'invalid_payload');
  assert.equal(scanJson('['.repeat(400_000) + ']'.repeat(400_000), { maxBytes: 1_000_000, maxDepth: 400_000 }).ok, true);
});

test('format is the top-level string member of that name, the last when it is repeated', () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ['{"format":"pdf"}', 'pdf'],
    ['{"a":{"format":"no"},"format" : "pdf","b":"x"}', 'pdf'],
    ['{"f\\u006frmat":"p\\u0064f"}', 'pdf'],
    ['{"format":"a","format":"b"}', 'b'],
    ['{"format":"a","format":1}', null],
    ['{"format":["pdf"]}', null],
    ['{"format":{"format":"pdf"}}', null],
    ['{"format":{"x":"pdf"},"y":"z"}', null],
    ['{"format":1,"other":"x"}', null],
    ['{"format":1,"abcdef":"x"}', null],
    ['[{"format":"pdf"}]', null],
    ['"format"', null],
    ['["format","pdf"]', null],
    [`{"format":"${'x'.repeat(64)}"}`, 'x'.repeat(64)],
    [`{"format":"${'x'.repeat(65)}"}`, null],
    ['{"format":"a\\u0000b"}', null],
  ];
  for (const [text, format] of cases) assert.equal(valueOf(scanJson(text, WIDE)).format, format, text);
});

test('format is what JSON.parse finds there', () => {
  const member = fc.tuple(
    fc.constantFrom('format', 'formax', 'f\\u006frmat', 'a', '__proto_x'),
    fc.constantFrom('"pdf"', '""', '1', 'null', '["format"]', '{"format":"x"}', '"\\u0070"'),
  );
  fc.assert(
    fc.property(fc.array(member, { maxLength: 5 }), (members) => {
      const text = `{${members.map(([key, value]) => `"${key}":${value}`).join(',')}}`;
      const { format } = JSON.parse(text) as { format?: unknown };
      assert.equal(valueOf(scanJson(text, WIDE)).format, typeof format === 'string' ? format : null);
    }),
    { numRuns: 1000 },
  );
});

test('a value becomes its JSON text, and undefined becomes null', () => {
  assert.deepEqual(valueOf(toJsonText({ b: 1, a: 'é', format: 'x' }, WIDE)), { text: '{"b":1,"a":"é","format":"x"}', bytes: 29, format: 'x' });
  assert.equal(valueOf(toJsonText(undefined, WIDE)).text, 'null');
  assert.equal(valueOf(toJsonText(new Date(0), WIDE)).text, '"1970-01-01T00:00:00.000Z"');
});

test('a value without JSON text is refused with a sentence that says why', () => {
  const loop: { self?: unknown } = {};
  loop.self = loop;
  let deep: unknown = [];
  for (let i = 0; i < 100_000; i++) deep = [deep];
  const thrower = {
    toJSON(): never {
      throw new Error('my own reason\n    at somewhere');
    },
  };
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [1n, /BigInt/],
    [{ a: 1n }, /BigInt/],
    [loop, /refers to itself/],
    [() => 1, /is a function/],
    [Symbol('x'), /is a symbol/],
    [deep, /nests/],
    [thrower, /my own reason$/],
    ['\ud800', /surrogate/],
    [JSON.parse('{"__proto__":1}'), /__proto__/],
  ];
  for (const [value, reason] of cases) {
    const result = toJsonText(value, { maxBytes: 1_000_000, maxDepth: 32 });
    assert.equal(codeOf(result), 'invalid_payload');
    if (!result.ok) assert.match(result.refusal.message, reason);
  }
  assert.equal(codeOf(toJsonText('x'.repeat(100), { maxBytes: 101, maxDepth: 32 })), 'payload_too_large');
  const named = toJsonText(1n, { ...WIDE, name: 'result' });
  assert.match(named.ok ? '' : named.refusal.message, /^the result /);
});
