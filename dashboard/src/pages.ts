// The pages as a table: where they are, what the access table must give for them, and the key that leads there after `g`.
import type { Operation } from '../../src/domain/access.ts';
import type { Words } from './text/en.ts';

export interface PageRow {
  readonly path: string;
  readonly word: keyof Words['pages'];
  readonly needs: Operation;
  readonly key: string;
  readonly group: 'work' | 'people' | 'record';
}

export const PAGES = [
  { path: '/', word: 'overview', needs: 'task.stats', key: 'o', group: 'work' },
  { path: '/inbox', word: 'inbox', needs: 'inbox.list', key: 'i', group: 'work' },
  { path: '/tasks', word: 'tasks', needs: 'task.list', key: 't', group: 'work' },
  { path: '/dead-letters', word: 'deadLetters', needs: 'task.list', key: 'd', group: 'work' },
  { path: '/workers', word: 'workers', needs: 'worker.list', key: 'w', group: 'work' },
  { path: '/categories', word: 'categories', needs: 'category.list', key: 'c', group: 'work' },
  { path: '/clients', word: 'clients', needs: 'client.list', key: 'l', group: 'people' },
  { path: '/keys', word: 'keys', needs: 'key.list', key: 'k', group: 'people' },
  { path: '/grants', word: 'grants', needs: 'grant.list', key: 'r', group: 'people' },
  { path: '/events', word: 'events', needs: 'task.events', key: 'e', group: 'record' },
  { path: '/audit', word: 'audit', needs: 'audit.trail', key: 'a', group: 'record' },
  { path: '/security-events', word: 'securityEvents', needs: 'audit.events', key: 's', group: 'record' },
] as const satisfies readonly PageRow[];

export type PagePath = (typeof PAGES)[number]['path'];
export const GROUPS = ['work', 'people', 'record'] as const;

export const pagesOf = (can: (operation: Operation) => boolean): readonly (typeof PAGES)[number][] => PAGES.filter(({ needs }) => can(needs));
