// Finds the conditions of a SQL text: each conjunct of each WHERE, HAVING, ON and WHEN, at any depth, and makes the text in which one
// of them always holds.

export interface Conjunct {
  /** `WHERE`, `HAVING`, `ON` or `WHEN`. */
  readonly clause: string;
  /** As it is written. */
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

interface Token {
  readonly text: string;
  /** Upper case for a word, else as it is. */
  readonly word: string;
  readonly from: number;
  readonly to: number;
  /** How many brackets are open around it. */
  readonly depth: number;
}

const TOKEN = /--[^\n]*|\/\*.*?\*\/|'(?:[^']|'')*'|"[^"]*"|\?\d+|:\w+|\{\w+\}|[\w.]+|[()]|[^\s\w()]/gs;

function tokensOf(sql: string): Token[] {
  let depth = 0;
  return [...sql.matchAll(TOKEN)]
    .filter(([text]) => !text.startsWith('--') && !text.startsWith('/*'))
    .map((match) => {
      const [text] = match;
      if (text === ')') depth--;
      const token = { text, word: text.toUpperCase(), from: match.index, to: match.index + text.length, depth };
      if (text === '(') depth++;
      return token;
    });
}

/** What ends a condition at its own depth. */
const ENDS = new Set('GROUP ORDER LIMIT WINDOW HAVING UNION EXCEPT INTERSECT JOIN LEFT CROSS INNER NATURAL WHERE ON RETURNING DO SET THEN , ;'.split(' '));

/** Every conjunct of the text, in the order in which they begin. */
export function conjunctsOf(sql: string): Conjunct[] {
  const tokens = tokensOf(sql);
  const found: Conjunct[] = [];
  for (const [i, token] of tokens.entries()) {
    if (!opensCondition(tokens, i)) continue;
    const parts = splitConjuncts(tokens.slice(i + 1, endOf(tokens, i)));
    for (const part of parts) {
      const [first, last] = [part[0], part.at(-1)];
      if (first !== undefined && last !== undefined) found.push({ clause: token.word, text: sql.slice(first.from, last.to), from: first.from, to: last.to });
    }
  }
  return found.sort((a, b) => a.from - b.from || b.to - a.to);
}

function opensCondition(tokens: readonly Token[], i: number): boolean {
  const word = tokens[i]?.word;
  if (word === 'ON') return tokens[i + 1]?.word !== 'CONFLICT';
  if (word === 'WHEN') return searched(tokens, i);
  return word === 'WHERE' || word === 'HAVING';
}

/** `CASE WHEN a THEN …` has conditions; `CASE x WHEN a THEN …` compares values. */
function searched(tokens: readonly Token[], i: number): boolean {
  let open = 0;
  for (let k = i - 1; k >= 0; k--) {
    const word = tokens[k]?.word;
    if (word === 'END') open++;
    if (word !== 'CASE') continue;
    if (open === 0) return tokens[k + 1]?.word === 'WHEN';
    open--;
  }
  return false;
}

function endOf(tokens: readonly Token[], at: number): number {
  const depth = tokens[at]?.depth ?? 0;
  let cases = 0;
  for (let k = at + 1; k < tokens.length; k++) {
    const { word, depth: here } = tokens[k] as Token;
    if (here < depth) return k;
    if (here > depth) continue;
    if (word === 'CASE') cases++;
    else if (word === 'END' && cases > 0) cases--;
    else if (cases === 0 && ENDS.has(word)) return k;
  }
  return tokens.length;
}

/** At each AND that is neither inside of brackets or a CASE nor that of a BETWEEN. A condition with an OR beside it is one. */
function splitConjuncts(tokens: readonly Token[]): Token[][] {
  const depth = tokens[0]?.depth ?? 0;
  const parts: Token[][] = [[]];
  let cases = 0;
  let between = false;
  for (const token of tokens) {
    const own = token.depth === depth;
    if (own && token.word === 'CASE') cases++;
    if (own && token.word === 'END') cases--;
    if (own && cases === 0 && token.word === 'OR') return [[...tokens]];
    if (own && cases === 0 && token.word === 'BETWEEN') between = true;
    if (own && cases === 0 && token.word === 'AND') {
      if (!between) {
        parts.push([]);
        continue;
      }
      between = false;
    }
    (parts.at(-1) as Token[]).push(token);
  }
  return parts;
}

/** The text in which this conjunct always holds. It stays in place behind the 1, so that the parameters keep their numbers. */
export const holding = (sql: string, { from, to, text }: Conjunct): string => `${sql.slice(0, from)}(1 OR (${text}))${sql.slice(to)}`;
