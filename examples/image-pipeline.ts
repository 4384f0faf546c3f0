// An image pipeline as a DAG on real files: every picture of a folder (binary PPM, P6) is shrunk and turned gray, a contact sheet waits
// for all that was shrunk, and a report waits for everything, even for what could not be read.
//
//   node --conditions=prismq-source examples/image-pipeline.ts PICTURES OUT
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { openQueue, startWorker } from 'prismq';
import type { EnqueueItem } from 'prismq';

const [pictures = '.', out = 'out'] = process.argv.slice(2);
const TILE = 32;

interface Image {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue of each pixel, row by row. */
  readonly rgb: Buffer;
}

async function readPpm(file: string): Promise<Image> {
  const bytes = await readFile(file);
  const head = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.toString('latin1', 0, 64));
  if (head === null) throw new Error(`${file} is no binary PPM of 255 levels`);
  const [all, width, height] = head as unknown as [string, string, string];
  const rgb = bytes.subarray(all.length);
  if (rgb.length !== Number(width) * Number(height) * 3) throw new Error(`${file} is cut short`);
  return { width: Number(width), height: Number(height), rgb };
}

const writePpm = (file: string, { width, height, rgb }: Image): Promise<void> =>
  writeFile(file, Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), rgb]));

/** Each pixel of the tile is the mean of the square that it stands for. */
function shrink({ width, height, rgb }: Image): Image {
  const tile = Buffer.alloc(TILE * TILE * 3);
  for (let y = 0; y < TILE; y++)
    for (let x = 0; x < TILE; x++) {
      const [x0, y0] = [Math.floor((x * width) / TILE), Math.floor((y * height) / TILE)];
      const [x1, y1] = [Math.max(x0 + 1, Math.floor(((x + 1) * width) / TILE)), Math.max(y0 + 1, Math.floor(((y + 1) * height) / TILE))];
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let v = y0; v < y1; v++) for (let u = x0; u < x1; u++) sum += rgb[(v * width + u) * 3 + channel] as number;
        tile[(y * TILE + x) * 3 + channel] = Math.round(sum / ((x1 - x0) * (y1 - y0)));
      }
    }
  return { width: TILE, height: TILE, rgb: tile };
}

function gray({ width, height, rgb }: Image): Image {
  const made = Buffer.alloc(rgb.length);
  for (let i = 0; i < rgb.length; i += 3)
    made.fill(Math.round(0.299 * (rgb[i] as number) + 0.587 * (rgb[i + 1] as number) + 0.114 * (rgb[i + 2] as number)), i, i + 3);
  return { width, height, rgb: made };
}

/** Tiles side by side. */
function sheetOf(tiles: readonly Image[]): Image {
  const rgb = Buffer.alloc(tiles.length * TILE * TILE * 3);
  for (const [i, tile] of tiles.entries())
    for (let y = 0; y < TILE; y++) tile.rgb.copy(rgb, (y * tiles.length + i) * TILE * 3, y * TILE * 3, (y + 1) * TILE * 3);
  return { width: TILE * tiles.length, height: TILE, rgb };
}

await mkdir(out, { recursive: true });
await using queue = await openQueue(join(out, 'pipeline.db'));
const client = queue.client('gallery');

const files = (await readdir(pictures)).filter((file) => file.endsWith('.ppm')).toSorted();
const steps: EnqueueItem[] = files.flatMap((file) => [
  { type: 'Image.Shrink', payload: { file: join(pictures, file) }, maxAttempts: 1 },
  { type: 'Image.Gray', payload: { file: join(pictures, file) }, maxAttempts: 1 },
]);
// Positions of the same call: even ones are shrunk pictures. What can not be read is left out of the sheet.
const shrunk = files.map((_, i) => ({ position: i * 2, policy: 'ignore' as const }));
const everything = steps.map((_, position) => ({ position, policy: 'ignore' as const }));
const made = await client.enqueueMany(
  [...steps, { type: 'Image.Sheet', dependsOn: shrunk }, { type: 'Image.Report', priority: 1, dependsOn: [steps.length, ...everything] }],
  { atomic: true },
);

await using worker = startWorker(queue, {
  'Image.Shrink': async ({ file }: { file: string }) => {
    const target = join(out, `small-${basename(file)}`);
    await writePpm(target, shrink(await readPpm(file)));
    return target;
  },
  'Image.Gray': async ({ file }: { file: string }) => {
    const target = join(out, `gray-${basename(file)}`);
    await writePpm(target, gray(await readPpm(file)));
    return target;
  },
  'Image.Sheet': async (_: unknown, ctx) => {
    const tiles = (await ctx.parents()).filter(({ status }) => status === 'completed').map(({ result }) => result as string);
    await writePpm(join(out, 'sheet.ppm'), sheetOf(await Promise.all(tiles.map(readPpm))));
    return tiles.length;
  },
  'Image.Report': async (_: unknown, ctx) => {
    const parents = await ctx.parents();
    const report = { tiles: parents[0]?.result, files: parents.slice(1).map(({ type, status, result }) => ({ type, status, result })) };
    await writeFile(join(out, 'report.json'), JSON.stringify(report, null, 2));
    return report;
  },
});

const last = made.at(-1);
if (last?.ok !== true) throw new Error('the report was not enqueued');
const { status } = await client.wait(last.taskId, { timeoutMs: 60_000 });
console.log(`${files.length} pictures, the report is ${status}: ${join(out, 'report.json')}`);
await worker.stop();
