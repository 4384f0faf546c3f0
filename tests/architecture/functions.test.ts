// The scanner finds functions in every form, and nothing else.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { functionsOf } from './functions.ts';
import { sourceOf } from './source.ts';

const BODY = '{\n  a();\n}';
const found = (text: string): readonly string[] => functionsOf(sourceOf('src/a.ts', text)).map(({ name, lines }) => `${name} ${lines}`);

/** A function of three lines, written in many ways, with the name that a message gives it. */
const FUNCTIONS: readonly (readonly [text: string, name: string])[] = [
  [`function f() ${BODY}`, 'f'],
  [`export async function f<T>(x: T): Promise<T> ${BODY}`, 'f'],
  [`function f(): { readonly a: number } ${BODY}`, 'f'],
  [`function f(): readonly (readonly string[])[] ${BODY}`, 'f'],
  [`function f(x: unknown): x is { a: 1 } ${BODY}`, 'f'],
  [`function f(): asserts x is string ${BODY}`, 'f'],
  [`function f(): Map<string, () => void> | 'a' | undefined ${BODY}`, 'f'],
  [`function f(): T extends string ? { a: 1 } : typeof b.c ${BODY}`, 'f'],
  [`function f(a = (1), { b } = {}): void ${BODY}`, 'f'],
  [`const f = (): void => ${BODY};`, 'f'],
  [`const f = async (x: number): Promise<{ a: number }> => ${BODY};`, 'f'],
  [`const f = (x) => (y) => ${BODY};`, '=>'],
  [`const f = x => ${BODY};`, '=>'],
  [`class A { f(): string ${BODY} }`, 'f'],
  [`class A { async *#f() ${BODY} }`, '#f'],
  [`class A { get f(): number ${BODY} }`, 'f'],
  [`class A { constructor(a: string) ${BODY} }`, 'constructor'],
  [`const o = { f() ${BODY} };`, 'f'],
  [`const o = { f: async () => ${BODY} };`, 'f'],
  [`list.map((x) => ${BODY});`, 'a function'],
  ['const f = (x) => [\n  x,\n];', 'f'],
  ["const f = () => {\n  b(/[}'/]{2}/, '}', `}${'{'}`); // }\n};", 'f'],
];

describe('functions are found', () => {
  for (const [text, name] of FUNCTIONS) {
    it(text.replaceAll('\n', ' '), () => {
      const spans = found(text);
      assert.ok(
        spans.some((span) => span.endsWith(' 3')),
        spans.join(),
      );
      if (name !== '=>') assert.ok(spans.includes(`${name} 3`), spans.join());
    });
  }
});

const OTHERS: readonly string[] = [
  `if (a) ${BODY}`,
  `for (const a of b()) ${BODY}`,
  `for await (const a of b()) ${BODY}`,
  `while (a()) ${BODY} switch (a) ${BODY}`,
  `try ${BODY} catch (error) ${BODY}`,
  `class A extends B ${BODY}`,
  `interface A ${BODY}`,
  `const a = b ? (c) : ${'{\n  d: 1,\n}'};`,
  'switch (a) {\n  case f(x): {\n    b();\n  }\n}',
  'const a = f(b) / 2; const c = g(d) / 2;',
  'interface A {\n  f(): void;\n  g: (x: number) => void;\n}',
];

describe('what is no function is not', () => {
  for (const text of OTHERS) it(text.replaceAll('\n', ' '), () => assert.deepEqual(found(text), []));
});

it('a function type that is answered is no function', () => {
  assert.deepEqual(found(`function f(): (a: string, b: (c: number) => void) => number ${BODY}\nb();\nc();\n`), ['f 3']);
});

it('a function counts its parameters and whatever is inside it', () => {
  assert.deepEqual(found('function f(\n  a: string,\n  b: string,\n): void {\n  list.map((x) => {\n    a();\n  });\n}').toSorted(), ['a function 3', 'f 8']);
});
