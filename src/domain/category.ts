// Task types: a dot-separated hierarchy, case-sensitive and compared bytewise, and the patterns that name many of them.
// A pattern is a category, `prefix.*` (every descendant at any depth, not the prefix itself) or `*`. Patterns form a tree: two of
// them are nested or have nothing in common.
import type { Result } from './errors.ts';
import { ok, refuse } from './errors.ts';
import { shown } from './fields.ts';

export const CATEGORY_MODES = ['open', 'hierarchical', 'registered'] as const;
export type CategoryMode = (typeof CATEGORY_MODES)[number];

const MAX_SEGMENTS = 8;
const MAX_LENGTH = 200;
const DOT = 46;
const UNDERSCORE = 95;

const isLetter = (c: number): boolean => (c >= 97 && c <= 122) || (c >= 65 && c <= 90);
const isDigit = (c: number): boolean => c >= 48 && c <= 57;

/** How many segments the text has; 0 when it is not a category. */
function countSegments(text: string): number {
  let segments = 1;
  let atStart = true;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (atStart) {
      if (!isLetter(c)) return 0;
      atStart = false;
    } else if (c === DOT) {
      segments++;
      atStart = true;
    } else if (!isLetter(c) && !isDigit(c) && c !== UNDERSCORE) return 0;
  }
  return atStart ? 0 : segments;
}

/** What is wrong with the form of a category, or null. */
function trouble(text: string): string | null {
  if (text.length > MAX_LENGTH) return `has ${text.length} characters, at most ${MAX_LENGTH} are allowed`;
  const segments = countSegments(text);
  if (segments === 0) return 'is no category: segments of letters, digits and _, each starting with a letter, joined by dots, like Mail.Send';
  return segments > MAX_SEGMENTS ? `has ${segments} segments, at most ${MAX_SEGMENTS} are allowed` : null;
}

/** The form of a task type, whatever the registry says. */
export function checkCategory(type: unknown): Result<string> {
  if (typeof type !== 'string') return refuse('invalid_category', `the task type is ${shown(type)}: give a string like Mail.Send`);
  const wrong = trouble(type);
  return wrong === null ? ok(type) : refuse('invalid_category', `the task type ${shown(type)} ${wrong}`);
}

function isHierarchical(type: string): boolean {
  let dots = 0;
  for (let i = 0; i < type.length; i++) {
    const c = type.charCodeAt(i);
    if (c === DOT) dots++;
    else if (!isLetter(c)) return false;
  }
  return dots > 0;
}

/** The form and what the registry's mode asks; `registered` are its patterns. */
export function checkMode(type: unknown, mode: CategoryMode, registered: readonly string[]): Result<string> {
  const form = checkCategory(type);
  if (!form.ok || mode === 'open') return form;
  if (mode === 'hierarchical') {
    if (isHierarchical(form.value)) return form;
    return refuse('invalid_category', `the task type ${shown(type)} needs two or more segments of letters alone: the registry mode is hierarchical`);
  }
  if (registered.some((pattern) => matches(pattern, form.value))) return form;
  return refuse('unknown_category', `the task type ${shown(type)} is not registered, and the registry mode is registered: an admin adds it first`, {
    type: form.value,
  });
}

/** A category, `prefix.*` or `*`. */
export function checkPattern(pattern: unknown): Result<string> {
  if (typeof pattern !== 'string') return refuse('invalid_category', `the pattern is ${shown(pattern)}: give a category, prefix.* or *`);
  if (pattern === '*') return ok(pattern);
  const wide = pattern.endsWith('.*');
  const category = wide ? pattern.slice(0, -2) : pattern;
  const wrong = trouble(category);
  if (wrong !== null) return refuse('invalid_category', `the pattern ${shown(pattern)} ${wrong}; a pattern is a category, prefix.* or *`);
  if (wide && countSegments(category) === MAX_SEGMENTS) {
    return refuse('invalid_category', `the pattern ${shown(pattern)} matches nothing: a category has at most ${MAX_SEGMENTS} segments`);
  }
  return ok(pattern);
}

/** Whether a checked pattern names a checked type. Without its star `*` is the start of everything, and `A.*` of what lies below A. */
export function matches(pattern: string, type: string): boolean {
  if (pattern.charCodeAt(pattern.length - 1) !== 42) return pattern === type;
  return type.startsWith(pattern.slice(0, -1));
}

export type PatternRange =
  | { readonly kind: 'all' }
  | { readonly kind: 'exact'; readonly type: string }
  | { readonly kind: 'range'; readonly from: string; readonly to: string };

/** A pattern as a bytewise range of types, half open: `A.B.` ≤ type < `A.B/`, '/' being the byte after the dot. */
export function patternRange(pattern: string): PatternRange {
  if (pattern === '*') return { kind: 'all' };
  if (!pattern.endsWith('.*')) return { kind: 'exact', type: pattern };
  const prefix = pattern.slice(0, -2);
  return { kind: 'range', from: `${prefix}.`, to: `${prefix}/` };
}

/** Whether everything that `narrow` matches, `wide` matches too. */
export function coversPattern(wide: string, narrow: string): boolean {
  if (wide === '*' || wide === narrow) return true;
  if (narrow === '*' || !wide.endsWith('.*')) return false;
  return narrow.endsWith('.*') ? narrow.startsWith(wide.slice(0, -1)) : matches(wide, narrow);
}

/** The fewest patterns that match what these match, sorted. */
export function reducePatterns(patterns: readonly string[]): string[] {
  const distinct = [...new Set(patterns)].sort();
  return distinct.filter((pattern) => !distinct.some((other) => other !== pattern && coversPattern(other, pattern)));
}

/** The patterns that match exactly what both lists match. None for an empty list. */
export function intersectPatterns(a: readonly string[], b: readonly string[]): string[] {
  const both: string[] = [];
  for (const left of a)
    for (const right of b) {
      if (coversPattern(left, right)) both.push(right);
      else if (coversPattern(right, left)) both.push(left);
    }
  return reducePatterns(both);
}
