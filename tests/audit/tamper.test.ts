// Every byte of every field of every row and seal, one at a time: each change is found. Rows put in, taken out, doubled, swapped and
// brought from another client: each is found. And what the check itself must not hold in memory, or call broken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sealRows, genesis } from '../../src/domain/audit-chain.ts';
import type { AuditRow } from '../../src/domain/audit-chain.ts';
import { MOST_ROWS_A_SEAL, createCheck } from '../../src/domain/audit-check.ts';
import type { AnchoredHead, AuditRecord, AuditVerdict } from '../../src/domain/audit-check.ts';
import type { Queue } from '../../src/index.ts';
import { fileRig, sha256 } from './rig.ts';

async function recordsOf(queue: Queue): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for await (const record of queue.admin().audit.export()) if (record.kind !== 'audit') records.push(record);
  return records;
}

function check(records: readonly AuditRecord[], anchors: readonly AnchoredHead[] = []): AuditVerdict {
  const checking = createCheck(sha256, anchors);
  for (const record of records) checking.take(record);
  return checking.verdict();
}

/** The same record with one character of one of its values changed, for each. */
function* flips(value: unknown): Generator<unknown> {
  if (typeof value === 'string') {
    for (let at = 0; at < value.length; at++) yield value.slice(0, at) + (value[at] === '0' ? '1' : '0') + value.slice(at + 1);
    yield `${value}0`;
    if (value !== '') yield value.slice(1);
  } else if (typeof value === 'number') {
    for (const text of flips(String(value))) if (/^\d+$/.test(text as string) && Number(text) !== value) yield Number(text);
  } else if (value === null) {
    yield '';
    yield 'null';
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) for (const flipped of flips(item)) yield value.with(i, flipped);
  }
}

test('a change of any character of any field of any row or seal is found, against the anchors', async (t) => {
  const rig = await fileRig(t);
  for (let step = 0; step < 2; step++) {
    await rig.work();
    await rig.anchor();
  }
  const anchors = rig.reading().heads;
  const records = (await recordsOf(rig.queue)).filter((record) => record.kind !== 'row' || record.fields[2] !== 'audit.export');
  assert.deepEqual(check(records, anchors).faults, [], 'the control');
  let flipped = 0;
  for (const [i, record] of records.entries()) {
    if (record.kind !== 'row' && record.kind !== 'seal') continue;
    for (const [field, value] of Object.entries(record)) {
      // When it was sealed is told and not proven; what a row and a seal are is their form.
      if (field === 'kind' || field === 'atUtc' || (record.kind === 'seal' && (field === 'firstId' || field === 'lastId'))) continue;
      for (const changed of flips(value)) {
        flipped += 1;
        const { faults } = check(records.with(i, { ...record, [field]: changed } as AuditRecord), anchors);
        assert.ok(faults.length > 0, `${field} of record ${i}: ${JSON.stringify(value)} became ${JSON.stringify(changed)}`);
      }
    }
  }
  t.diagnostic(`${flipped} changes, each found`);
  assert.ok(flipped > 5000);
});

test('a row that was taken out, doubled, moved, brought from another client or from another place is found, wherever it is', async (t) => {
  const rig = await fileRig(t);
  for (let step = 0; step < 3; step++) await rig.work();
  await rig.anchor();
  const anchors = rig.reading().heads;
  const records = (await recordsOf(rig.queue)).filter((record) => record.kind !== 'row' || record.fields[2] !== 'audit.export');
  const rows = records.flatMap((record, i) => (record.kind === 'row' ? [{ i, record }] : []));
  const found = (name: string, changed: readonly AuditRecord[]): void => assert.ok(check(changed, anchors).faults.length > 0, name);
  for (const { i, record } of rows) {
    found(`row ${i} taken out`, records.toSpliced(i, 1));
    found(`row ${i} doubled`, records.toSpliced(i, 0, record));
    const other = rows.find((one) => one.record.clientId !== record.clientId && one.record.chain === record.chain);
    if (other !== undefined) found(`row ${i} of another client`, records.with(i, { ...other.record, clientId: record.clientId, id: record.id }));
    const next = rows.find((one) => one.i > i && one.record.clientId === record.clientId && one.record.chain === record.chain);
    if (next === undefined) continue;
    found(`row ${i} swapped with ${next.i}`, records.with(i, next.record).with(next.i, record));
    found(`row ${i} in the place of ${next.i}`, records.with(next.i, { ...record, id: next.record.id }));
  }
  for (const [i, record] of records.entries()) if (record.kind === 'seal') found(`seal ${i} taken out`, records.toSpliced(i, 1));
  // The end of each chain, row by row, with its seals.
  const seals = records.filter((record) => record.kind === 'seal');
  for (const { clientId, chain, seq } of anchors) {
    const last = seals.filter((one) => one.clientId === clientId && one.chain === chain).at(-1);
    assert.equal(last?.seq, seq);
    const cut = records.filter((record) => record.kind === 'end' || record.clientId !== clientId || record.chain !== chain);
    found(`the whole chain ${chain} of ${clientId}`, cut);
  }
});

test('a clock that goes back breaks nothing and is told, at its row', async (t) => {
  const rig = await fileRig(t);
  await rig.work();
  rig.clock.now -= 3_600_000;
  await rig.work();
  rig.clock.now += 10_000;
  await rig.work();
  const verdict = await rig.verify();
  assert.deepEqual(verdict.faults, []);
  assert.deepEqual(
    verdict.notes.map(({ clientId, chain, why }) => `${clientId} ${chain}: ${why}`).toSorted((a, b) => a.localeCompare(b, 'en')),
    [' security', 'acme security', 'acme tasks', 'globex tasks'].map((chain) => `${chain}: the clock went back by 3599999 ms`),
  );
});

const rowAt = (id: number): AuditRow & { readonly kind: 'row' } => ({
  kind: 'row',
  chain: 'tasks',
  clientId: 'acme',
  id,
  fields: [id, 't', 'enqueue', null, 'queued', 'a', 0, null],
});

test('rows without a seal are counted and not kept: a million of them, and a seal over too many', () => {
  const checking = createCheck(sha256);
  for (let id = 1; id <= 1_000_000; id++) checking.take(rowAt(id));
  const verdict = checking.verdict();
  assert.deepEqual([verdict.unsealed, verdict.faults], [1_000_000, []]);
  checking.take({ kind: 'passed', chain: 'tasks', clientId: 'acme', id: 5 });
  assert.match(checking.verdict().faults[0]?.why ?? '', /no seal/);
  const rows = Array.from({ length: MOST_ROWS_A_SEAL + 1 }, (_, i) => rowAt(i + 1));
  const seal = sealRows(sha256, genesis(sha256, 'tasks', 'acme'), rows, 0);
  assert.match(check([...rows, { kind: 'seal', ...seal }]).faults[0]?.why ?? '', /more than/);
});
