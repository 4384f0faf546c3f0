// The image pipeline as its reader runs it: pictures drawn from real files of this repository, one of them cut short.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXAMPLES, ROOT, run, temporaryFolder } from './rig.ts';

const SIDE = 96;
const TILE = 32;

/** The bytes of a file as a picture. */
function draw(from: string, to: string): Buffer {
  const bytes = readFileSync(from);
  const rgb = Buffer.from(Array.from({ length: SIDE * SIDE * 3 }, (_, i) => bytes[i % bytes.length] as number));
  writeFileSync(to, Buffer.concat([Buffer.from(`P6\n${SIDE} ${SIDE}\n255\n`), rgb]));
  return rgb;
}

test('the pipeline shrinks, grays and lays out real files, and reports what it could not read', async () => {
  const folder = temporaryFolder();
  const [pictures, out] = [join(folder, 'pictures'), join(folder, 'out')];
  mkdirSync(pictures);
  const drawn = ['LICENSE', 'README.md', 'package.json'].map((file) => draw(join(ROOT, file), join(pictures, `${file}.ppm`)));
  writeFileSync(join(pictures, 'broken.ppm'), 'P6\n9 9\n255\nshort');
  const {
    code,
    out: said,
    err,
  } = await run(process.execPath, ['--conditions=prismq-source', join(EXAMPLES, 'image-pipeline.ts'), pictures, out], { PRISMQ_QUIET: '1' }).ended;
  assert.equal(code, 0, err);
  assert.match(said, /^4 pictures, the report is completed/m);
  const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as {
    tiles: number;
    files: { type: string; status: string; result: string | null }[];
  };
  assert.equal(report.tiles, 3);
  assert.deepEqual(
    report.files.map(({ status }) => status).toSorted((a, b) => a.localeCompare(b)),
    [...Array.from({ length: 6 }, () => 'completed'), 'dead_letter', 'dead_letter'],
  );
  assert.deepEqual(readdirSync(out).filter((file) => file.startsWith('gray-')).length, 3);
  // The first pixel of each tile, worked out anew from the file itself.
  const sheet = readFileSync(join(out, 'sheet.ppm'));
  const head = `P6\n${TILE * 3} ${TILE}\n255\n`;
  assert.equal(sheet.toString('latin1', 0, head.length), head);
  for (const [i, rgb] of drawn.entries())
    for (let channel = 0; channel < 3; channel++) {
      const square = [0, 1, 2].flatMap((y) => [0, 1, 2].map((x) => rgb[(y * SIDE + x) * 3 + channel] as number));
      assert.equal(sheet[head.length + i * TILE * 3 + channel], Math.round(square.reduce((sum, value) => sum + value, 0) / 9));
    }
});
