// Moves over brackets, spaces and types in blanked code. Enough of the grammar to find the body behind a return type.
import type { Source } from './source.ts';

const CLOSERS: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/** From each opening bracket to the one that closes it. */
export function bracketsOf(code: string): ReadonlyMap<number, number> {
  const pairs = new Map<number, number>();
  const open: number[] = [];
  for (let i = 0; i < code.length; i += 1) {
    const char = code[i] as string;
    if (char === '(' || char === '[' || char === '{') open.push(i);
    const opener = CLOSERS[char];
    if (opener === undefined) continue;
    const from = open.at(-1);
    if (from === undefined || code[from] !== opener) continue;
    open.pop();
    pairs.set(from, i);
  }
  return pairs;
}

export function skipSpace(code: string, from: number): number {
  let i = from;
  while (i < code.length && /\s/.test(code[i] as string)) i += 1;
  return i;
}

/** Words that want a type behind them: as a prefix, or between two types. */
const PREFIXES = new Set(['keyof', 'readonly', 'typeof', 'unique', 'infer', 'asserts', 'new', 'abstract']);
const BETWEEN = new Set(['is', 'extends']);

interface TypeState {
  /** Whether a type is due; otherwise an operator or the end. */
  due: boolean;
  /** Whether the last type stood in parentheses, so that `=>` makes it a function type. */
  parens: boolean;
  conditional: boolean;
}

/** Where a return type ends: at the `{` of the body or at `=>`. Undefined if no function has such a type. */
export function skipType(source: Source, brackets: ReadonlyMap<number, number>, from: number): number | undefined {
  const state: TypeState = { due: true, parens: false, conditional: false };
  let at: number | undefined = skipSpace(source.code, from);
  while (at !== undefined && at < source.code.length) {
    if (!state.due && (source.code[at] === '{' || (source.code.startsWith('=>', at) && !state.parens))) return at;
    const next: number | undefined = state.due ? skipOperand(source, brackets, at, state) : skipOperator(source.code, brackets, at, state);
    at = next === undefined ? undefined : skipSpace(source.code, next);
  }
  return undefined;
}

function skipOperand({ code, literals }: Source, brackets: ReadonlyMap<number, number>, at: number, state: TypeState): number | undefined {
  const char = code[at] as string;
  if (char === '|' || char === '&' || char === '-') return at + 1;
  if (char === '<') return skipAngles(code, brackets, at);
  const word = /^[\w$]+/.exec(code.slice(at, at + 80))?.[0];
  if (word !== undefined && PREFIXES.has(word)) return at + word.length;
  state.due = false;
  state.parens = char === '(';
  if (word !== undefined) return at + word.length;
  if ('([{'.includes(char)) return closing(brackets, at);
  return literals.find((literal) => literal.start === at)?.end;
}

function skipOperator(code: string, brackets: ReadonlyMap<number, number>, at: number, state: TypeState): number | undefined {
  const char = code[at] as string;
  if (char === '<') return skipAngles(code, brackets, at);
  if (char === '[') return closing(brackets, at);
  state.due = true;
  if (code.startsWith('=>', at)) return at + 2;
  if ('|&.'.includes(char)) return at + 1;
  if ('?:'.includes(char)) return state.conditional ? at + 1 : undefined;
  const word = /^\w+/.exec(code.slice(at, at + 20))?.[0] ?? '';
  if (!BETWEEN.has(word)) return undefined;
  if (word === 'extends') state.conditional = true;
  return at + word.length;
}

function skipAngles(code: string, brackets: ReadonlyMap<number, number>, from: number): number | undefined {
  let depth = 0;
  for (let i = from; i < code.length; i += 1) {
    const char = code[i];
    if (char === '<') depth += 1;
    else if (char === '>' && code[i - 1] !== '=') depth -= 1;
    else if (char === ';') return undefined;
    else i = brackets.get(i) ?? i;
    if (depth === 0) return i + 1;
  }
  return undefined;
}

function closing(brackets: ReadonlyMap<number, number>, at: number): number | undefined {
  const close = brackets.get(at);
  return close === undefined ? undefined : close + 1;
}
