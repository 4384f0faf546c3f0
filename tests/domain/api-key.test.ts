// The form of keys: what is made parses, what was mistyped never does, and the checksum is the one that everybody has.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { KEY_KINDS, crc32, formatBootstrap, formatKey, isBootstrap, parseKey } from '../../src/domain/api-key.ts';

const hex = (bytes: number): fc.Arbitrary<string> => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((data) => Buffer.from(data).toString('hex'));
const keys = fc.tuple(fc.constantFrom(...KEY_KINDS), hex(8), hex(32)).map(([kind, id, secret]) => ({ kind, ...formatKey(kind, id, secret) }));

test('a key parses to its kind and id, and is one word of letters, digits and underscores', () => {
  fc.assert(
    fc.property(keys, ({ kind, key, keyId }) => {
      assert.deepEqual(parseKey(key), { ok: true, kind, keyId });
      assert.match(key, /^prismq_(client|worker|admin|auditor)_[0-9A-Za-z]{11}_[0-9A-Za-z]{49}$/);
    }),
  );
});

test('different secrets and ids make different keys, from all zeros to all ones', () => {
  const made = ['00', '01', 'fe', 'ff'].map((byte) => formatKey('client', byte.repeat(8), byte.repeat(32)).key);
  assert.equal(new Set(made).size, 4);
  for (const key of made) assert.equal(parseKey(key).ok, true);
});

test('a key with one character changed, or two neighbours swapped, never parses', () => {
  const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_';
  fc.assert(
    fc.property(keys, fc.nat(), fc.constantFrom(...letters.split('')), ({ key }, place, letter) => {
      const at = place % key.length;
      const changed = `${key.slice(0, at)}${letter}${key.slice(at + 1)}`;
      assert.equal(parseKey(changed).ok, changed === key);
      const swapped = `${key.slice(0, at)}${key
        .slice(at, at + 2)
        .split('')
        .toReversed()
        .join('')}${key.slice(at + 2)}`;
      assert.equal(parseKey(swapped).ok, swapped === key);
    }),
    { numRuns: 500 },
  );
});

test('a checksum that does not fit is told from what is no key at all', () => {
  const { key } = formatKey('worker', '01'.repeat(8), '02'.repeat(32));
  assert.equal(parseKey(key).ok, true);
  const other = key.endsWith('0') ? '1' : '0';
  assert.deepEqual(parseKey(key.slice(0, -1) + other), { ok: false, fault: 'checksum' });
  for (const text of ['', key.slice(1), key.slice(0, -1), `${key}0`, ` ${key}`, `${key}\n`, key.replace('worker', 'system'), key.toUpperCase()])
    assert.deepEqual(parseKey(text), { ok: false, fault: 'malformed' }, JSON.stringify(text));
});

test('the secret of the first admin is no key, and a key is no such secret', () => {
  const secret = formatBootstrap('ab'.repeat(32));
  const { key } = formatKey('admin', '01'.repeat(8), 'ab'.repeat(32));
  assert.deepEqual([isBootstrap(secret), parseKey(secret).ok], [true, false]);
  assert.deepEqual([isBootstrap(key), parseKey(key).ok], [false, true]);
  assert.equal(isBootstrap(secret.slice(0, -1) + (secret.endsWith('0') ? '1' : '0')), false);
});

test('the checksum is CRC-32 as zlib has it', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => assert.equal(crc32(text), zlibCrc32(text))));
});
