// The vector of docs/audit-format.md: whoever verifies an export by himself comes to these hashes.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { canonicalRow, genesis, sealRows } from '../../src/domain/audit-chain.ts';

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
  const page = readFileSync(new URL('../../docs/audit-format.md', import.meta.url), 'utf8');
  assert.ok(page.includes(`genesis  ${before}`) && page.includes(`row 1    ${after}`), `genesis  ${before}\nrow 1    ${after}`);
});
