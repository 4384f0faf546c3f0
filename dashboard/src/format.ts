// Numbers, durations and instants as people read them.
import { locale } from './text/words.ts';

const whole = new Intl.NumberFormat(locale);
const short = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' });
const absolute = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });
const zoned = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'long', hourCycle: 'h23' });
const clock = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const minute = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

export const number = (value: number): string => (Math.abs(value) >= 100_000 ? short.format(value) : whole.format(value));
export const exact = (value: number): string => whole.format(value);
export const share = (value: number): string => percent.format(value);

const STEPS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** `3 min ago`, `in 2 hr.` */
export function ago(atUtc: number, nowMs: number): string {
  const seconds = Math.round((atUtc - nowMs) / 1000);
  for (const [unit, size] of STEPS) if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  return relative.format(0, 'second');
}

export const at = (atUtc: number): string => absolute.format(atUtc);
export const atWithZone = (atUtc: number): string => zoned.format(atUtc);
export const hourAndMinute = (atUtc: number): string => minute.format(atUtc);
export const timeOfDay = (atUtc: number): string => clock.format(atUtc);

/** `850 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. A clock that went back makes no negative time. */
export function duration(ms: number): string {
  const value = Math.max(0, ms);
  if (value < 1000) return `${Math.round(value)} ms`;
  const seconds = value / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** Ids of tasks share their beginning, which is the time: the end tells them apart. */
export const shortId = (id: string): string => id.slice(-8);

export function quantile(sorted: readonly number[], q: number): number {
  if (sorted.length === 0) return 0;
  const at_ = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at_)] as number;
  const high = sorted[Math.ceil(at_)] as number;
  return low + (high - low) * (at_ - Math.floor(at_));
}
