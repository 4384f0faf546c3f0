// Finds the functions of a file and how many lines each has, from its parameters to its closing brace. A function inside
// another counts in both. Arrow functions without a block count when they go over more than one line.
import { lineAt, type Source } from './source.ts';
import { bracketsOf, skipSpace, skipType } from './skip.ts';

export interface FunctionSpan {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

/** Words before a parenthesis that make what follows a statement, not a function. */
const CONTROL = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'await']);

export function functionsOf(source: Source): readonly FunctionSpan[] {
  const { code } = source;
  const brackets = bracketsOf(code);
  const spans = new Map<number, { readonly start: number; readonly end: number }>();
  const add = (start: number, body: number): void => {
    const end = code[body] === '{' ? brackets.get(body) : expressionEnd(code, brackets, body);
    if (end !== undefined && !spans.has(body) && (code[body] === '{' || code.slice(start, end).includes('\n'))) spans.set(body, { start, end });
  };
  // Parentheses between parameters and body belong to the return type.
  const types: { readonly from: number; readonly to: number }[] = [];
  for (let i = code.indexOf('('); i !== -1; i = code.indexOf('(', i + 1)) {
    const body = types.some(({ from, to }) => i > from && i < to) ? undefined : bodyAfter(source, brackets, i);
    if (body === undefined) continue;
    add(i, body);
    types.push({ from: brackets.get(i) ?? i, to: body });
  }
  for (const arrow of code.matchAll(/=>\s*(?=\{)/g)) add(arrow.index, arrow.index + arrow[0].length);
  return [...spans.values()].map(({ start, end }) => {
    const line = lineAt(source, start);
    return { name: nameBefore(code, start), line, lines: lineAt(source, end) - line + 1 };
  });
}

/** Where the body starts of the function whose parameters open at `open`; undefined if it is none. */
function bodyAfter(source: Source, brackets: ReadonlyMap<number, number>, open: number): number | undefined {
  const { code } = source;
  const close = brackets.get(open);
  if (close === undefined) return undefined;
  let at = skipSpace(code, close + 1);
  if (code[at] === ':') at = skipType(source, brackets, at + 1) ?? -1;
  if (at === -1) return undefined;
  if (code.startsWith('=>', at)) return skipSpace(code, at + 2);
  if (code[at] !== '{') return undefined;
  return CONTROL.has(/(\w*)\s*$/.exec(code.slice(Math.max(0, open - 40), open))?.[1] ?? '') ? undefined : at;
}

function expressionEnd(code: string, brackets: ReadonlyMap<number, number>, from: number): number {
  let i = from;
  while (i < code.length && !',;)]}'.includes(code[i] as string)) i = (brackets.get(i) ?? i) + 1;
  return i;
}

const NAMES = [/([\w$#]+)\s*(?:<[^<>]*>)?\s*$/, /([\w$#]+)\s*(?::[^=;]*)?[=:]\s*(?:async\s*)?(?:<[^<>]*>)?\s*$/];

function nameBefore(code: string, start: number): string {
  const before = code.slice(Math.max(0, start - 200), start);
  for (const pattern of NAMES) {
    const name = pattern.exec(before)?.[1];
    if (name !== undefined && name !== 'async' && name !== 'function') return name;
  }
  return 'a function';
}
