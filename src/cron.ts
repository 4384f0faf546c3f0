// `prismq/cron`: cron expressions for schedules, by croner. What opens a queue hands it in, so that the library itself needs nothing.
import { Cron } from 'croner';
import { QueueError } from './domain/errors.ts';
import type { NextCron } from './domain/schedule.ts';

/** Parsing costs more than asking: a rule stays the same for as long as its schedule. */
const MOST = 1000;
const known = new Map<string, Cron>();

function parsed(expression: string, timeZone: string): Cron {
  const key = `${timeZone}\n${expression}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  checkZone(timeZone);
  // An ISO instant would be taken too: that is what `atUtc` is for.
  if (expression.trim().split(/\s+/).length < 5 && !expression.startsWith('@')) throw noCron(expression);
  let made: Cron;
  try {
    made = new Cron(expression, { timezone: timeZone, paused: true });
  } catch (error) {
    throw noCron(expression, error);
  }
  if (known.size >= MOST) known.clear();
  known.set(key, made);
  return made;
}

const noCron = (expression: string, cause?: unknown): QueueError => {
  const why = cause instanceof Error ? cause.message.replace(/^CronPattern: /, '') : 'give five fields, like 0 7 * * 1-5, or six with seconds first';
  return new QueueError('invalid_input', `${JSON.stringify(expression.slice(0, 80))} is no cron expression: ${why}`, { field: 'cron' });
};

function checkZone(timeZone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new QueueError('invalid_input', `${JSON.stringify(timeZone.slice(0, 80))} is no time zone: give an IANA name like Europe/Prague, or UTC`, {
      field: 'timeZone',
    });
  }
}

/** For `openQueue(url, { cron })`. */
export const cron: NextCron = (expression, timeZone, afterUtc) => parsed(expression, timeZone).nextRun(new Date(afterUtc))?.getTime() ?? null;
