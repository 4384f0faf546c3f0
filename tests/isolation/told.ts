// What a test file tells the report: numbers beside the names of its tests, as one diagnostic of a test.

/** Of one engine and one part of the report. What is left out is zero. */
export interface Told {
  readonly engine: 'sqlite' | 'postgres';
  readonly part: string;
  /** Attempts at what is another's, and how many of them came to nothing. */
  readonly cases?: number;
  readonly refused?: number;
  /** The same thing done rightly, and how often it was done. */
  readonly controls?: number;
  readonly controlsOk?: number;
  readonly mutants?: Mutants;
}
export interface Mutants {
  /** What was taken away, and seen by some attack … */
  readonly alone: number;
  /** … or hidden by another wall, and seen once that was taken away too. */
  readonly masked: readonly { readonly name: string; readonly by: readonly string[] }[];
  /** Not seen at all. */
  readonly survivors: readonly string[];
  /** Changes that nobody can see, with the reason: they are no mutants. */
  readonly equivalent?: readonly { readonly name: string; readonly because: string }[];
}

const MARK = 'isolation: ';

/** `npm run isolation -- --long` sets it. */
export const isLong = process.env['PRISMQ_ISOLATION'] === 'long';

export const tell = (t: { diagnostic(message: string): void }, told: Told): void => t.diagnostic(`${MARK}${JSON.stringify(told)}`);

export const toldIn = (message: string): Told | null => (message.startsWith(MARK) ? (JSON.parse(message.slice(MARK.length)) as Told) : null);
