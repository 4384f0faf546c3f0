// The words of JSON, as functions over text and position: escapes, surrogates and numbers. No state.

const QUOTE = 34;
const BACKSLASH = 92;

export const isLow = (c: number): boolean => c >= 0xdc00 && c <= 0xdfff;

/** Characters of the escape at `i`; 0 when it is none, -1 when it is half of a pair. */
export function escapeLength(text: string, i: number): number {
  const c = text.charCodeAt(i + 1);
  if (c === 117) {
    const unit = hex4(text, i + 2);
    if (unit < 0) return 0;
    if (unit < 0xd800 || unit > 0xdfff) return 6;
    if (unit > 0xdbff || text.charCodeAt(i + 6) !== BACKSLASH || text.charCodeAt(i + 7) !== 117) return -1;
    return isLow(hex4(text, i + 8)) ? 12 : -1;
  }
  return c === 110 || c === QUOTE || c === BACKSLASH || c === 47 || c === 98 || c === 102 || c === 114 || c === 116 ? 2 : 0;
}

function hex4(text: string, from: number): number {
  let value = 0;
  for (let i = from; i < from + 4; i++) {
    const c = text.charCodeAt(i);
    const digit = c >= 48 && c <= 57 ? c - 48 : c >= 97 && c <= 102 ? c - 87 : c >= 65 && c <= 70 ? c - 55 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/** The end of the number that starts here, or -1 when it is none. */
export function numberEnd(text: string, at: number): number {
  const start = text.charCodeAt(at) === 45 ? at + 1 : at;
  let i = digitsEnd(text, start);
  if (i === start || (i > start + 1 && text.charCodeAt(start) === 48)) return -1;
  if (text.charCodeAt(i) === 46) {
    const end = digitsEnd(text, i + 1);
    if (end === i + 1) return -1;
    i = end;
  }
  if ((text.charCodeAt(i) | 32) !== 101) return i;
  const sign = text.charCodeAt(i + 1);
  const from = sign === 43 || sign === 45 ? i + 2 : i + 1;
  i = digitsEnd(text, from);
  return i === from ? -1 : i;
}

function digitsEnd(text: string, from: number): number {
  let i = from;
  let c = text.charCodeAt(i);
  while (c >= 48 && c <= 57) c = text.charCodeAt(++i);
  return i;
}
