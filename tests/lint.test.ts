// The lint rules that catch lost promises and forgotten cases fire: they need type information, and a slip in the configuration
// would silence them without a word.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const HEAD = "export const work = async (): Promise<number> => 1;\ntype Kind = 'a' | 'b';\n";

const FIRES = {
  'no-floating-promises': 'export const run = (): void => { work(); };',
  'no-misused-promises': 'export const run = (): void => { [1].forEach(async () => { await work(); }); };',
  'switch-exhaustiveness-check': "export function run(kind: Kind): void { switch (kind) { case 'a': console.log(kind); } }",
} as const;

const CLEAN = "export async function run(kind: Kind): Promise<number> { switch (kind) { case 'a': return work(); case 'b': return 2; } }";

const folder = mkdtempSync(join(tmpdir(), 'prismq-lint-'));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { strict: true, target: 'es2024', module: 'nodenext' }, include: ['*.ts'] }));
for (const [rule, text] of Object.entries({ ...FIRES, clean: CLEAN })) writeFileSync(join(folder, `${rule}.ts`), `${HEAD}${text}\n`);

/** What the linter says of the folder, one line a finding. */
function findings(): readonly string[] {
  const linter = join(ROOT, 'node_modules/.bin/oxlint');
  try {
    return execFileSync(linter, ['--type-aware', '--format=unix', '--config', join(ROOT, '.oxlintrc.json'), folder], { encoding: 'utf8', stdio: 'pipe' }).split(
      '\n',
    );
  } catch (error) {
    return (error as { readonly stdout: string }).stdout.split('\n');
  }
}

describe('the linter', () => {
  const found = findings();
  for (const rule of Object.keys(FIRES)) {
    it(`reports ${rule}`, () =>
      assert.ok(
        found.some((line) => line.includes(`${rule}.ts:`) && line.includes(`(${rule})`)),
        found.join('\n'),
      ));
  }
  it('is content with code that keeps the rules', () => assert.equal(found.filter((line) => line.includes('clean.ts')).join('\n'), ''));
});
