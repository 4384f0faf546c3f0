// Scopes: a closed list that only takes away from what a role may do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ACCESS, COLUMNS, OPERATION_NAMES, READING, SCOPES, checkScopes, isInScopes, operationsOf, reachOf } from '../../src/domain/access.ts';
import type { AccessRule, Column } from '../../src/domain/access.ts';
import type { Principal } from '../../src/domain/principal.ts';

const PRINCIPALS = {
  client: { role: 'client', clientId: 'acme' },
  worker: { role: 'worker', workerId: 'w' },
  client_admin: { role: 'admin', clientId: 'acme' },
  platform_admin: { role: 'admin' },
  auditor: { role: 'auditor' },
  system: { role: 'system' },
} as const satisfies Record<Column, Principal>;

test('scopes never give what the role does not, and leave what they name as it was', () => {
  fc.assert(
    fc.property(fc.constantFrom(...COLUMNS), fc.subarray([...SCOPES]), fc.constantFrom(...OPERATION_NAMES), (column, scopes, operation) => {
      const whole = reachOf(PRINCIPALS[column], operation);
      const narrowed = reachOf({ ...PRINCIPALS[column], scopes }, operation);
      assert.equal(narrowed, isInScopes(scopes, operation) ? whole : 'no');
    }),
  );
});

test('every operation is a scope and in the group of its object', () => {
  for (const operation of OPERATION_NAMES) {
    assert.ok(SCOPES.includes(operation));
    assert.ok(isInScopes([`${operation.slice(0, operation.indexOf('.'))}.*`], operation));
    assert.ok(!isInScopes([], operation));
  }
  assert.ok(!isInScopes(['task.*'], 'lease.claim'));
  assert.ok(!isInScopes(['task.get'], 'task.payload'));
});

test('the scope read has no operation that moves a task or is recorded when it is done', () => {
  for (const operation of READING) {
    const { event, audit }: AccessRule = ACCESS[operation];
    assert.deepEqual([event, audit === 'always'], [undefined, false], operation);
  }
});

test('scopes are kept sorted and without repeats', () => {
  assert.deepEqual(checkScopes('client', ['task.list', 'read', 'task.list']), { ok: true, value: ['read', 'task.list'] });
});

test('scopes that are no list, unknown, or useless to the role are refused', () => {
  for (const scopes of [
    [],
    'read',
    null,
    {},
    ['*'],
    ['task'],
    ['task.'],
    ['.*'],
    ['tasks.*'],
    ['TASK.*'],
    [1],
    ['lease.claim'],
    ['janitor.*'],
    ['__proto__'],
  ]) {
    const checked = checkScopes('client', scopes);
    assert.equal(checked.ok, false, JSON.stringify(scopes));
  }
  assert.equal(checkScopes('worker', ['lease.claim']).ok, true);
});

test('without scopes a role has all of its operations, with them a part', () => {
  assert.deepEqual(operationsOf('worker', ['lease.claim']), ['lease.claim']);
  for (const column of COLUMNS) assert.deepEqual(operationsOf(column), operationsOf(column, SCOPES));
});
