// The state machine against the table that it was designed from: every event × state × state.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCESS, COLUMNS } from '../../src/domain/access.ts';
import { EVENTS, STATES, TASK_EVENTS, allowedEvents, mayMove, sourcesOf } from '../../src/domain/lifecycle.ts';
import type { TaskEvent, TaskState } from '../../src/domain/lifecycle.ts';

/** event | from | to. `-` is no row, `=` the same state. Kept apart from the source on purpose: a change must be made twice. */
const DESIGNED = `
enqueue      | -                                         | queued blocked
unblock      | blocked                                   | queued
claim        | queued                                    | leased
heartbeat    | leased                                    | =
complete     | leased                                    | completed
fail         | leased                                    | failed
expire       | leased                                    | failed
release      | leased                                    | queued
retry        | failed                                    | queued
bury         | failed                                    | dead_letter
cancel       | blocked queued leased failed dead_letter  | cancelled
lapse        | blocked queued failed                     | cancelled
requeue      | dead_letter cancelled                     | queued blocked
reprioritise | blocked queued failed                     | =
amend        | blocked queued failed dead_letter         | =
at_risk      | blocked queued leased failed              | =
breach       | blocked queued leased failed              | =
purge        | completed dead_letter cancelled           | -
`;
const rows = DESIGNED.trim()
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim().split(/\s+/)) as [[TaskEvent], string[], string[]]);

test('the table has the designed events and no other', () => {
  assert.deepEqual([...TASK_EVENTS].sort(), rows.map(([[event]]) => event).sort());
});

test('every event moves from every state to every state exactly as designed', () => {
  for (const [[event], from, to] of rows)
    for (const before of STATES)
      for (const after of STATES) {
        const expected = from.includes(before) && (to.includes(after) || (to[0] === '=' && before === after));
        assert.equal(mayMove(event, before, after), expected, `${event}: ${before} → ${after}`);
      }
});

test('what a state allows is every event that starts there', () => {
  for (const state of STATES) {
    assert.deepEqual(
      [...allowedEvents(state)].sort(),
      rows
        .filter(([, from]) => from.includes(state))
        .map(([[event]]) => event)
        .sort(),
    );
  }
  assert.deepEqual(allowedEvents('completed'), ['purge']);
});

test('every state is reached from the enqueue and leads on to an end', () => {
  const step = (state: TaskState): TaskState[] => STATES.filter((after) => after !== state && TASK_EVENTS.some((event) => mayMove(event, state, after)));
  const reachable = (start: readonly TaskState[]): Set<TaskState> => {
    const seen = new Set(start);
    for (const state of seen) for (const next of step(state)) seen.add(next);
    return seen;
  };
  assert.equal(reachable(['queued', 'blocked']).size, STATES.length);
  for (const state of STATES)
    assert.ok(
      [...reachable([state])].some((end) => sourcesOf('purge').includes(end)),
      state,
    );
});

test('every event but a heartbeat is audited, and says who may cause it', () => {
  for (const event of TASK_EVENTS) {
    assert.equal(EVENTS[event].audited, event !== 'heartbeat', event);
    assert.ok(EVENTS[event].by.length > 0);
  }
});

test('every event that a caller may cause is an operation of the access table, open to the actors that the lifecycle names', () => {
  const operations = Object.values(ACCESS).filter((rule) => 'event' in rule);
  for (const event of TASK_EVENTS) {
    const { by } = EVENTS[event];
    const open = new Set(operations.filter((rule) => rule.event === event).flatMap((rule) => COLUMNS.filter((column) => rule.reach[column] !== 'no')));
    for (const actor of by) {
      if (actor === 'client') assert.ok(open.has('client'), `${event} by a client`);
      if (actor === 'admin') assert.ok(open.has('client_admin') || open.has('platform_admin'), `${event} by an admin`);
      if (actor === 'worker' || actor === 'holder') assert.ok(open.has('worker'), `${event} by a worker`);
    }
    if (open.has('client')) assert.ok((by as readonly string[]).includes('client'), `${event} is open to clients`);
    if (open.has('auditor')) assert.fail(`${event} is open to auditors`);
  }
});
