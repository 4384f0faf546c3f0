// The words of the language that is asked for; numbers and dates follow it.
import { en } from './en.ts';
import type { Words } from './en.ts';

export const words: Words = en;
export const locale = 'en';
