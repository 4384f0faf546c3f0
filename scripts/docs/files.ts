// Pages against files: what is stale, and how it is brought up to date.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { MARK, type Page, textOf } from './page.ts';

export interface Stale {
  readonly file: string;
  readonly why: 'missing' | 'out of date' | 'made from nothing any more';
}

/** What differs between the pages and the files of a folder. Files that were not generated do not count. */
export function staleIn(folder: URL, pages: readonly Page[]): readonly Stale[] {
  const stale: Stale[] = [];
  for (const page of pages) {
    const path = new URL(page.file, folder);
    if (!existsSync(path)) stale.push({ file: page.file, why: 'missing' });
    else if (readFileSync(path, 'utf8') !== textOf(page)) stale.push({ file: page.file, why: 'out of date' });
  }
  const known = new Set(pages.map(({ file }) => file));
  for (const file of existsSync(folder) ? readdirSync(folder) : []) {
    if (!known.has(file) && file.endsWith('.md') && readFileSync(new URL(file, folder), 'utf8').startsWith(MARK))
      stale.push({ file, why: 'made from nothing any more' });
  }
  return stale;
}

/** Writes what is stale and removes what is made from nothing any more. Answers what it did. */
export function refresh(folder: URL, pages: readonly Page[]): readonly Stale[] {
  const stale = staleIn(folder, pages);
  mkdirSync(folder, { recursive: true });
  for (const { file } of stale) {
    const page = pages.find((candidate) => candidate.file === file);
    if (page === undefined) rmSync(new URL(file, folder));
    else writeFileSync(new URL(file, folder), textOf(page));
  }
  return stale;
}
