// Reads TypeScript just far enough for the rules: `code` is the text with comments, regular expressions and the inside of strings
// and templates blanked, so that a pattern finds code only; offsets and lines stay those of the text.

export interface Literal {
  readonly start: number;
  /** The offset after the closing quote. */
  readonly end: number;
  readonly value: string;
}

export interface Source {
  /** From the root of the checkout, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly code: string;
  /** Strings and templates, in order. */
  readonly literals: readonly Literal[];
}

interface Scan {
  readonly text: string;
  readonly code: string[];
  readonly literals: Literal[];
}

export function sourceOf(path: string, text: string): Source {
  const scan: Scan = { text, code: text.split(''), literals: [] };
  scanCode(scan, 0, text.length);
  scan.literals.sort((a, b) => a.start - b.start);
  return { path, text, code: scan.code.join(''), literals: scan.literals };
}

export const lineAt = (source: Source, offset: number): number => source.text.slice(0, offset).split('\n').length;

/** Walks code from `at` to `end`, or to the brace that closes a template's `${`. Answers the offset after it. */
function scanCode(scan: Scan, at: number, end: number, inTemplate = false): number {
  let depth = 0;
  let i = at;
  while (i < end) {
    const char = scan.text[i] as string;
    const next = scan.text[i + 1];
    if (char === '/' && next === '/') i = blank(scan, i, lineEnd(scan.text, i));
    else if (char === '/' && next === '*') i = blank(scan, i, after(scan.text, '*/', i + 2));
    else if (char === '#' && next === '!' && i === 0) i = blank(scan, i, lineEnd(scan.text, i));
    else if (char === "'" || char === '"') i = scanString(scan, i);
    else if (char === '`') i = scanTemplate(scan, i);
    else if (char === '/') i = scanSlash(scan, i);
    else {
      if (char === '{') depth += 1;
      if (char === '}' && inTemplate && depth === 0) return i + 1;
      if (char === '}') depth -= 1;
      i += 1;
    }
  }
  return i;
}

function scanString(scan: Scan, start: number): number {
  const quote = scan.text[start];
  let i = start + 1;
  while (i < scan.text.length && scan.text[i] !== quote && scan.text[i] !== '\n') i += scan.text[i] === '\\' ? 2 : 1;
  blank(scan, start + 1, i);
  scan.literals.push({ start, end: i + 1, value: scan.text.slice(start + 1, i) });
  return i + 1;
}

function scanTemplate(scan: Scan, start: number): number {
  let i = start + 1;
  let from = i;
  while (i < scan.text.length && scan.text[i] !== '`') {
    if (scan.text[i] === '$' && scan.text[i + 1] === '{') {
      blank(scan, from, i);
      i = scanCode(scan, i + 2, scan.text.length, true);
      from = i;
    } else i += scan.text[i] === '\\' ? 2 : 1;
  }
  blank(scan, from, i);
  scan.literals.push({ start, end: i + 1, value: scan.text.slice(start + 1, i) });
  return i + 1;
}

const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+*%<>~^-]|\b(?:return|typeof|case|in|of|delete|void|throw|new|else|do|yield|await|instanceof))$/;

/** A regular expression where an operand is due and the line closes it; a division otherwise. */
function scanSlash(scan: Scan, start: number): number {
  const before = scan.code
    .slice(Math.max(0, start - 200), start)
    .join('')
    .trimEnd();
  if (!BEFORE_REGEX.test(before)) return start + 1;
  let inClass = false;
  for (let i = start + 1; i < scan.text.length && scan.text[i] !== '\n'; i += 1) {
    const char = scan.text[i];
    if (char === '\\') i += 1;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '/' && !inClass) {
      // The slashes stay: a bare gap would make an operand look missing.
      blank(scan, start + 1, i);
      return i + 1;
    }
  }
  return start + 1;
}

function blank(scan: Scan, from: number, to: number): number {
  for (let i = from; i < to; i += 1) if (scan.code[i] !== '\n') scan.code[i] = ' ';
  return to;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? text.length : found + mark.length;
}
