// A line of the log for people: time, level, what, and its facts. What a caller wrote can not move the cursor or break the line.
import { stripVTControlCharacters, styleText } from 'node:util';

const STYLES = { trace: 'gray', debug: 'gray', info: 'green', warn: 'yellow', error: 'red', fatal: 'red' } as const;

export function prettyLine(line: string, isColoured: boolean): string {
  const { level, time, msg, ...facts } = JSON.parse(line) as { readonly level: keyof typeof STYLES; readonly time: string; readonly msg?: string };
  const paint = (style: Parameters<typeof styleText>[0], text: string): string => (isColoured ? styleText(style, text, { validateStream: false }) : text);
  const shown = Object.entries(facts).map(([name, value]) => `${paint('dim', `${name}=`)}${plain(typeof value === 'string' ? value : JSON.stringify(value))}`);
  return `${[paint('dim', time.slice(11, 23)), paint(STYLES[level], level.padEnd(5)), plain(msg ?? ''), ...shown].join(' ')}\n`;
}

const plain = (text: string): string => stripVTControlCharacters(text).replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\uFFFD');
