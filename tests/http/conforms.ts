// Whether an answer is what the contract says, and nothing beside it.
import assert from 'node:assert/strict';
import { ANSWERS } from '../../src/contract/answers.ts';
import type { AnswerName } from '../../src/contract/answers.ts';
import { ERRORS } from '../../src/domain/errors.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import type { Answered } from './stand.ts';

/** Every member is in the schema: what a schema of an answer does not know it drops, so what is left must be the same. */
export function assertShape(name: string, json: unknown): void {
  assert.deepEqual(ANSWERS[name as AnswerName].parse(json), json, `a ${name} has members that the contract does not`);
}

export function assertProblem(answer: Answered, code: ErrorCode): void {
  const { status } = ERRORS[code];
  assert.equal(answer.json?.['code'], code, answer.text.slice(0, 300));
  assert.equal(answer.status, status);
  assert.equal(answer.json?.['status'], status);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  assert.equal(answer.json?.['request_id'], answer.headers.get('x-request-id'));
  assertQuiet(answer.text);
}

/** No stack, no SQL, no path of ours. */
export function assertQuiet(text: string): void {
  assert.doesNotMatch(text, /\bat .+:\d+:\d+|node:internal|\/src\/|\bSELECT\b|\bINSERT\b|\bsqlite\b|TypeError|\bw_[0-9a-f]{16}_/i);
}
