// The vector of docs/audit-format.md: whoever verifies an export by himself comes to these hashes.
import assert from 'node:assert/strict';
import { createHash, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { anchorSigner, verifyAnchor } from '../../src/index.ts';
import { anchorText, signAnchor } from '../../src/domain/audit-anchor.ts';
import { canonicalRow, genesis, sealRows } from '../../src/domain/audit-chain.ts';

const PAGE = new URL('../../docs/audit-format.md', import.meta.url);
const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

test('the page has the hashes that the code comes to', () => {
  const row = {
    chain: 'tasks',
    clientId: 'acme',
    id: 4711,
    fields: [1_700_000_000_000, '01890000-0000-7000-8000-000000000001', 'enqueue', null, 'queued', 'client:acme', 0, null],
  } as const;
  const bytes = '["prismq-audit-1","tasks","acme","1","1700000000000","01890000-0000-7000-8000-000000000001","enqueue",null,"queued","client:acme","0",null]';
  assert.equal(canonicalRow(row, 1), bytes);
  const before = sha256('["prismq-audit-1","tasks","acme"]');
  const after = sha256(before + bytes);
  const head = genesis(sha256, 'tasks', 'acme');
  assert.deepEqual([head.hash, sealRows(sha256, head, [row], 0).hash], [before, after]);
  const second = {
    ...row,
    id: 2,
    fields: [1_700_000_000_001, row.fields[1], 'reprioritise', 'queued', 'queued', 'client:acme', 0, '{"to": 7, "from": 5}'],
  } as const;
  const more =
    '["prismq-audit-1","tasks","acme","2","1700000000001","01890000-0000-7000-8000-000000000001","reprioritise","queued","queued","client:acme","0","{\\"from\\":5,\\"to\\":7}"]';
  assert.equal(canonicalRow(second, 2), more);
  assert.equal(sealRows(sha256, head, [row, second], 0).hash, sha256(after + more));
  const page = readFileSync(PAGE, 'utf8');
  assert.ok(page.includes(`row 2    ${sha256(after + more)}`), sha256(after + more));
  assert.ok(page.includes(`genesis  ${before}`) && page.includes(`row 1    ${after}`), `genesis  ${before}\nrow 1    ${after}`);
});

test('the page has the anchor that the code signs, and the signature is good', () => {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32)]);
  const pem = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }) as string;
  const head = { chain: 'tasks', clientId: 'acme', seq: 1, hash: '217983c9b9c42b0666ba70ace0a387b7b99f0b2319a482cdf57f7445d5b5ab1a' } as const;
  const anchor = signAnchor({ n: 1, prev: '', heads: [head] }, 1_700_000_000_000, anchorSigner(pem));
  const page = readFileSync(PAGE, 'utf8');
  const text = anchorText(anchor);
  for (const line of [`text       ${text}`, `digest     ${sha256(text)}`, `key        ${anchor.public_key}`, `signature  ${anchor.signature}`])
    assert.ok(page.includes(line), line);
  assert.ok(verifyAnchor(text, anchor.signature, anchor.public_key));
  assert.ok(!verifyAnchor(`${text} `, anchor.signature, anchor.public_key));
});

test('what is in the details counts and how it is written does not; what is no JSON is taken as it is', () => {
  const text = (details: string): string => canonicalRow({ chain: 'security', clientId: '', id: 1, fields: [1, 'a', 'b', null, 'done', details] }, 1);
  for (const same of ['{"b":[1,{"d":null,"c":"x"}],"a":1}', '{ "a" : 1 , "b" : [ 1 , { "c" : "\\u0078" , "d" : null } ] }'])
    assert.equal(text(same), text('{"a":1,"b":[1,{"c":"x","d":null}]}'));
  for (const other of ['{"a":2,"b":[1,{"c":"x","d":null}]}', '{"a":1,"b":[{"c":"x","d":null},1]}', '{"a":"1","b":[1,{"c":"x","d":null}]}'])
    assert.notEqual(text(other), text('{"a":1,"b":[1,{"c":"x","d":null}]}'));
  assert.notEqual(text('{"n":9007199254740993}'), text('{"n":9007199254740992}'));
  assert.ok(text('no JSON ').includes('no JSON '));
  assert.ok(text('{"__proto__":1}').includes('__proto__'));
  assert.ok(text('['.repeat(100_000)).length > 100_000);
});
