// How far long work is, on the error stream: a bar where somebody looks at a terminal, a plain line every few seconds elsewhere.
import { count, duration, terminalWidth } from './format.ts';
import type { Io } from './io.ts';
import { truncate } from './text.ts';

export interface Progress {
  /** `done` of the total; `note` is what happens just now. */
  update(done: number, note?: string): void;
  /** Clears the bar; nothing is shown afterwards. */
  end(): void;
}

const LINE_MS = 3000;
const BAR_MS = 80;
const RATE_MS = 1000;
const CELLS = 28;
const PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;

/** `clock` is monotonic milliseconds. */
export function createProgress(io: Io, label: string, total: number, clock: () => number = () => performance.now()): Progress {
  const isBar = io.err.isTTY === true;
  let seen = { at: clock(), done: 0 };
  let last = isBar ? Number.NEGATIVE_INFINITY : seen.at;
  let rate = 0;
  let ended = false;
  return {
    update(done, note = '') {
      const now = clock();
      if (ended || now - last < (isBar ? BAR_MS : LINE_MS)) return;
      last = now;
      if (now - seen.at >= RATE_MS) {
        rate = (done - seen.done) / ((now - seen.at) / 1000);
        seen = { at: now, done };
      }
      const text = `${label} ${count(done)}/${count(total)} ${restOf(done, total, rate)}${note === '' ? '' : `  ${note}`}`;
      if (isBar) io.err.write(`\r\x1b[2K${truncate(`${bar(done, total)} ${text}`, terminalWidth(io.err) - 1)}`);
      else io.err.write(`${text}\n`);
    },
    end() {
      if (!ended && isBar) io.err.write('\r\x1b[2K');
      ended = true;
    },
  };
}

export function bar(done: number, total: number): string {
  const filled = total === 0 ? CELLS : Math.min(1, done / total) * CELLS;
  const whole = Math.floor(filled);
  const part = whole < CELLS ? (PARTS[Math.floor((filled - whole) * PARTS.length)] as string) : '';
  return `▕${'█'.repeat(whole)}${part}${' '.repeat(CELLS - whole - part.length)}▏`;
}

/** By the rate of the last second: what stands still promises nothing. */
function restOf(done: number, total: number, rate: number): string {
  return rate > 0 ? `${count(Math.round(rate))}/s, ${duration(((total - done) / rate) * 1000)} left` : '';
}
