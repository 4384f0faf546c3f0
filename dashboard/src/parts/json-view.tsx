// JSON as text, indented, coloured, as it was stored: no number is rounded, no key reordered, and nothing in it can become markup.
import { useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { exact } from '../format.ts';
import { words } from '../text/words.ts';
import { Button } from './button.tsx';
import { Copy } from './copy.tsx';

type Kind = 'key' | 'string' | 'number' | 'word' | 'sign';
interface Token {
  readonly kind: Kind;
  readonly text: string;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g;

/** Lines of tokens; the first is its depth. */
export function linesOf(json: string): readonly { readonly depth: number; readonly tokens: readonly Token[] }[] {
  const found = json.match(TOKEN) ?? [];
  const lines: { depth: number; tokens: Token[] }[] = [{ depth: 0, tokens: [] }];
  let depth = 0;
  const add = (kind: Kind, text: string): void => void (lines.at(-1) as { tokens: Token[] }).tokens.push({ kind, text });
  const fresh = (): void => void lines.push({ depth, tokens: [] });
  found.forEach((text, i) => {
    const next = found[i + 1];
    if (text === '{' || text === '[') {
      add('sign', text);
      if (next === '}' || next === ']') return;
      depth += 1;
      fresh();
    } else if (text === '}' || text === ']') {
      const before = found[i - 1];
      if (before !== '{' && before !== '[') {
        depth -= 1;
        fresh();
      }
      add('sign', text);
    } else if (text === ',') {
      add('sign', text);
      fresh();
    } else if (text === ':') add('sign', ': ');
    else add(next === ':' ? 'key' : text.startsWith('"') ? 'string' : /^[tfn]/.test(text) ? 'word' : 'number', text);
  });
  return lines;
}

const TONES: Readonly<Record<Kind, string>> = { key: 'text-accent', string: 'text-good', number: 'text-queued', word: 'text-blocked', sign: 'text-soft' };
/** More is shown when asked for: a page of a million lines helps nobody. */
const FIRST_LINES = 400;
const LONGEST_TOKEN = 10_000;

export const indented = (json: string): string =>
  linesOf(json)
    .map(({ depth, tokens }) => `${'  '.repeat(depth)}${tokens.map(({ text }) => text).join('')}`)
    .join('\n');

export function JsonView({ json, label }: { readonly json: string; readonly label: string }): ReactNode {
  const lines = useMemo(() => linesOf(json), [json]);
  const [whole, setWhole] = useState(false);
  const shown = whole ? lines : lines.slice(0, FIRST_LINES);
  return (
    <div className="relative">
      <div className="absolute top-1.5 right-1.5">
        <Copy text={json} />
      </div>
      <pre tabIndex={0} aria-label={label} className="mono max-h-[28rem] overflow-auto p-4 pr-16 break-words whitespace-pre-wrap">
        {shown.map(({ depth, tokens }, i) => (
          <span key={i} className="block" style={{ paddingLeft: `${depth * 1.25}rem` }}>
            {tokens.map(({ kind, text }, k) => (
              <span key={k} className={TONES[kind]}>
                {text.length > LONGEST_TOKEN && !whole ? `${text.slice(0, LONGEST_TOKEN)}…` : text}
              </span>
            ))}
          </span>
        ))}
      </pre>
      {shown.length < lines.length && (
        <div className="border-t border-line p-2 text-center">
          <Button small onClick={() => setWhole(true)}>
            {words.task.allLines(exact(lines.length))}
          </Button>
        </div>
      )}
    </div>
  );
}
