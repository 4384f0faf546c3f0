// How a worker ends an attempt, checked before it joins a batch: what is wrong is refused alone, changes nothing and keeps its lease.
import { refuse } from './errors.ts';
import type { Refusal } from './errors.ts';
import { shown, wrongFields } from './fields.ts';
import type { FieldError } from './fields.ts';
import { scanJson } from './json-text.ts';
import { LIMITS, checkInt } from './limits.ts';
import type { Settlement } from './task.ts';

const OPS = ['complete', 'fail', 'release'];

/** What is wrong with an end, or null. `maxDepth` is that of payloads. */
export function endingTrouble(item: Settlement, maxDepth: number): Refusal | null {
  const wrong = fieldTroubles(item);
  if (wrong.length > 0) return wrongFields(wrong).refusal;
  if (item.op !== 'complete' || item.result === undefined) return null;
  const scan = scanJson(item.result, { maxBytes: LIMITS.resultBytes.max, maxDepth, name: 'result' });
  return scan.ok ? null : scan.refusal;
}

function fieldTroubles(item: Settlement): FieldError[] {
  const wrong: FieldError[] = [];
  const text = (field: string, value: unknown): void => {
    if (typeof value !== 'string') wrong.push({ field, message: 'give a string' });
  };
  for (const field of ['clientId', 'taskId', 'leaseId'] as const) text(field, item[field]);
  for (const field of ['startedAfterMs', 'runMs'] as const) {
    const value = item[field];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) wrong.push({ field, message: `${shown(value)} is no whole number of ms` });
  }
  if (!OPS.includes(item.op)) wrong.push({ field: 'op', message: `is one of ${OPS.join(', ')}` });
  if (item.op === 'complete' && item.result !== undefined) text('result', item.result);
  if (item.op === 'fail') text('error.message', item.error?.message);
  const [field, delay] = item.op === 'fail' ? ['retryInMs', item.retryInMs] : item.op === 'release' ? ['delayMs', item.delayMs] : ['', undefined];
  const checked = delay === undefined ? null : checkInt(field as string, delay, 'delayMs');
  if (checked?.ok === false) wrong.push(...(checked.refusal.details?.['fields'] as readonly FieldError[]));
  return wrong;
}

export const LEASE_LOST: Refusal = refuse('lease_lost', 'the lease is not the current one: absent, lapsed, ended, or of another worker').refusal;
