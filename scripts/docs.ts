// `npm run docs` writes docs/generated from the tables of the code; with `--check` it only says what is stale, and fails.
import { refresh, staleIn } from './docs/files.ts';
import { allPages } from './docs/pages.ts';

const root = new URL('../', import.meta.url);
const folder = new URL('docs/generated/', root);
const pages = await allPages(root);

if (process.argv.includes('--check')) {
  const stale = staleIn(folder, pages);
  for (const { file, why } of stale) console.error(`docs/generated/${file} is ${why}`);
  if (stale.length > 0) {
    console.error('run npm run docs and commit what it writes');
    process.exitCode = 1;
  } else console.log(`docs/generated: ${pages.length} pages, all fresh`);
} else {
  for (const { file, why } of refresh(folder, pages)) console.log(`docs/generated/${file} was ${why}`);
  console.log(`docs/generated: ${pages.length} pages`);
}
