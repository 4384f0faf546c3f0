// What a newcomer sees first.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { json, outside, temporaryFolder } from './rig.ts';

interface DemoAnswer {
  readonly clients: readonly {
    readonly client_id: string;
    readonly files: number;
    readonly completed: number;
    readonly failed: number;
    readonly lines: number;
    readonly categories: readonly string[];
  }[];
  readonly completed: number;
  readonly left: number;
  readonly foreign_task_answer: string;
  readonly audit: { readonly enqueued: number; readonly completed: number; readonly lost: number; readonly unexplained_duplicates: number };
}

const FILES: Readonly<Record<string, string>> = {
  'README.md': '# Hello\n\nworld\n',
  'src/a.ts': 'export const a = 1;\n',
  'src/b.ts': '',
  'src/deep/c.sql': 'SELECT 1;\n',
  'docs/guide.md': 'one two three',
};
function folder(): string {
  const base = temporaryFolder();
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(base, path)), { recursive: true });
    writeFileSync(join(base, path), text);
  }
  return base;
}

it('the demo works every file, shows a table per client, and leaves the queue to look into', async () => {
  const base = folder();
  const { code, out, err } = await outside(['demo'], { base });
  assert.equal(code, 0, err);
  assert.match(out, /CLIENT +FILES +COMPLETED[^]*src +3 +3 +0[^]*root +1 +1 +0/);
  assert.match(out, /5 completed in [^\n]*tasks per second/);
  assert.match(out, /Isolation +\w+ asked for a task of \w+ and got not_found/);
  assert.match(out, /Audit +every change of 5 tasks[^\n]*0 lost, 0 started twice/);
  assert.match(out, /prismq tasks --limit 5\n/);
  assert.ok(existsSync(join(base, 'prismq.db')));
  const { items } = await json<{ items: readonly { id: string; type: string; status: string }[] }>(['tasks', '--client', 'src', '--status', 'completed'], {
    base,
  });
  assert.deepEqual(items.map((task) => task.type).toSorted(), ['Demo.Files.Sql', 'Demo.Files.TypeScript', 'Demo.Files.TypeScript']);
});

it('the demo may be run again, in JSON, on another folder and another file', async () => {
  const base = folder();
  const db = join(base, 'other.db');
  const first = JSON.parse((await outside(['demo', '--json', '--db', db], { base })).out) as DemoAnswer;
  const again = JSON.parse((await outside(['demo', 'src', '--json', '--db', db], { base })).out) as DemoAnswer;
  assert.deepEqual([first.completed, first.left, first.foreign_task_answer], [5, 0, 'not_found']);
  assert.deepEqual(
    first.clients.map((client) => [client.client_id, client.files, client.completed, client.lines]),
    [
      ['root', 1, 1, 3],
      ['docs', 1, 1, 1],
      ['src', 3, 3, 2],
    ],
  );
  assert.deepEqual([again.completed, again.audit.enqueued, again.audit.completed, again.audit.lost, again.audit.unexplained_duplicates], [3, 8, 8, 0, 0]);
  assert.ok(!existsSync(join(base, 'prismq.db')));
});
