// Quotas: how much of a client may be unfinished at once.
import { refuse } from './errors.ts';
import type { Refusal, Result } from './errors.ts';
import { ok } from './errors.ts';
import { isPlainObject, shown, unknownKeys, wrongFields } from './fields.ts';
import type { FieldError } from './fields.ts';

/** Null: any. `tasks` are those that wait, are put off, blocked or running; `bytes` are those of their payloads. */
export interface Quota {
  readonly tasks: number | null;
  readonly bytes: number | null;
}

/** As it is read, with what is used of it. */
export interface QuotaInfo extends Quota {
  readonly clientId: string;
  readonly usedTasks: number;
  readonly usedBytes: number;
}

/** A client with more tasks than this is counted once a second at most. */
export const QUOTA_SMALL = 1000;
export const QUOTA_COUNT_MS = 1000;

const MOST = { tasks: 100_000_000, bytes: 1_000_000_000_000 } as const;

export function checkQuota(given: Partial<Quota>): Result<Quota> {
  if (!isPlainObject(given)) return wrongFields([{ field: 'quota', message: 'give an object' }]);
  const wrong: FieldError[] = [...unknownKeys(given, ['tasks', 'bytes'])];
  const { tasks = null, bytes = null } = given as Partial<Quota>;
  for (const [field, value] of Object.entries({ tasks, bytes }) as ['tasks' | 'bytes', number | null][])
    if (value !== null && (!Number.isSafeInteger(value) || value < 0 || value > MOST[field]))
      wrong.push({ field, message: `${shown(value)} is not an integer from 0 to ${MOST[field]}` });
  return wrong.length > 0 ? wrongFields(wrong) : ok({ tasks, bytes });
}

export function quotaExceeded(clientId: string, { tasks, bytes }: Quota): Refusal {
  const parts = [...(tasks === null ? [] : [`${tasks} tasks`]), ...(bytes === null ? [] : [`${bytes} bytes of payload`])];
  return refuse(
    'quota_exceeded',
    `the client ${clientId} may have ${parts.join(' and ')} unfinished, and this would be more: enqueue again when some are done`,
    { quota_tasks: tasks, quota_bytes: bytes },
  ).refusal;
}
