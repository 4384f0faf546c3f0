// The settings of a worker: where each comes from, the forms of the configuration file, and what is refused.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { planWorker } from '../../src/cli/working/settings.ts';
import type { WorkerFlags, WorkerPlan } from '../../src/cli/working/settings.ts';
import { createRegistry } from '../../src/worker/registry.ts';
import { isQueueError } from './refusals.ts';
import { memoryIo, temporaryFolder } from './rig.ts';

const base = temporaryFolder();
const put = (name: string, text: string): string => {
  writeFileSync(join(base, name), text);
  return name;
};
put(
  'handlers.mjs',
  `export const handlers = { 'Mail.*': async () => 'mailed' };\nexport const send = async () => 'sent';\nexport const spec = { run: send, version: '9' };\n`,
);
put('by-default.mjs', `export default { 'Report.Monthly': async () => 1 };\n`);

const plan = (flags: WorkerFlags, env: Readonly<Record<string, string>> = {}): Promise<WorkerPlan> => planWorker(memoryIo({ base, env }), flags);
const patterns = ({ handlers }: WorkerPlan): readonly string[] =>
  Array.isArray(handlers) ? handlers.map(([pattern]) => String(pattern)) : Object.keys(handlers);

describe('a handlers file', () => {
  it('exports its record as handlers or as default', async () => {
    assert.deepEqual(patterns(await plan({ handlers: 'handlers.mjs' })), ['Mail.*']);
    assert.deepEqual(patterns(await plan({ handlers: './by-default.mjs' })), ['Report.Monthly']);
    assert.deepEqual(patterns(await plan({}, { PRISMQ_WORKER_HANDLERS: 'by-default.mjs' })), ['Report.Monthly']);
  });

  it('is refused when it is absent, does not load or exports none', async () => {
    await assert.rejects(plan({ handlers: 'absent.mjs' }), isQueueError('invalid_input', /there is no file .*absent\.mjs/));
    await assert.rejects(
      plan({ handlers: put('broken.mjs', 'export const handlers = {') }),
      isQueueError('invalid_input', /broken\.mjs can not be loaded: SyntaxError/),
    );
    await assert.rejects(plan({ handlers: put('none.mjs', 'export const other = 1;') }), isQueueError('invalid_input', /exports no handlers/));
    await assert.rejects(plan({}), isQueueError('invalid_input', /^--handlers: name the module/));
  });
});

describe('a configuration file', () => {
  const settings = {
    id: 'mailer',
    concurrency: 3,
    leaseMs: 5000,
    strategy: 'FIFO',
    drain: true,
    clients: ['acme'],
    capabilities: { attributes: { region: 'eu' } },
    handlers: './handlers.mjs',
  };
  const forms: Readonly<Record<string, string>> = {
    'w.json': JSON.stringify(settings),
    'w.yaml':
      'id: mailer\nconcurrency: 3\nlease_ms: 5000\nstrategy: FIFO\ndrain: true\nclients: [acme]\ncapabilities: { attributes: { region: eu } }\nhandlers: ./handlers.mjs\n',
    'w.toml':
      'id = "mailer"\nconcurrency = 3\nleaseMs = 5000\nstrategy = "FIFO"\ndrain = true\nclients = ["acme"]\nhandlers = "./handlers.mjs"\n[capabilities.attributes]\nregion = "eu"\n',
    'w.ts': `import { handlers } from './handlers.mjs';\nexport const config: object = { ...${JSON.stringify(settings)}, handlers };\n`,
  };
  for (const [name, text] of Object.entries(forms)) {
    it(`is read from ${name.slice(2)}`, async () => {
      const { options, handlers } = await plan({ config: put(name, text) });
      assert.deepEqual(options, {
        workerId: 'mailer',
        concurrency: 3,
        leaseMs: 5000,
        strategy: 'FIFO',
        drain: true,
        clients: ['acme'],
        attributes: { region: 'eu' },
      });
      assert.deepEqual(
        createRegistry(handlers as never)
          .list()
          .map((entry) => entry.pattern),
        ['Mail.*'],
      );
    });
  }

  it('gives way to the environment, and that to flags', async () => {
    const config = put('over.json', JSON.stringify({ ...settings, prefetch: 7 }));
    const { options } = await plan(
      { config, concurrency: '9' },
      { PRISMQ_WORKER_CONCURRENCY: '5', PRISMQ_WORKER_LEASE_MS: '6000', PRISMQ_WORKER_CLIENTS: 'b,c' },
    );
    assert.deepEqual([options.concurrency, options.leaseMs, options.clients, options.prefetch], [9, 6000, ['b', 'c'], 7]);
  });

  it('finds its handlers and its queue beside itself', async () => {
    const { place } = await plan({ config: put('db.json', JSON.stringify({ db: 'q.db', handlers: 'handlers.mjs' })) });
    assert.deepEqual(place, { db: join(base, 'q.db'), url: undefined, keyFile: undefined });
    const server = await plan({ config: put('url.yaml', 'url: https://queue.example.org\nkey_file: worker.key\nhandlers: handlers.mjs\n') });
    assert.deepEqual(server.place, { db: undefined, url: 'https://queue.example.org', keyFile: join(base, 'worker.key') });
  });

  it('may list modules and functions', async () => {
    const list = [
      { type: 'Mail.Send', module: './handlers.mjs', function: 'send' },
      { type: 'Mail.*', module: './handlers.mjs', function: 'spec', version: '2' },
    ];
    const { handlers } = await plan({ config: put('list.json', JSON.stringify({ handlers: list })) });
    assert.deepEqual(
      createRegistry(handlers as never)
        .list()
        .map(({ pattern, version }) => [pattern, version]),
      [
        ['Mail.Send', undefined],
        ['Mail.*', '2'],
      ],
    );
  });

  it('stops at the first bad entry of its list and names it', async () => {
    const good = { type: 'Mail.Send', module: './handlers.mjs', function: 'send' };
    const bad: readonly (readonly [unknown, RegExp])[] = [
      ['Mail.Send', /^handlers\[1\]: give \{ type/],
      [{ type: 'A.B', module: './handlers.mjs' }, /^handlers\[1\]: function is missing/],
      [{ ...good, type: 'A.B', function: 'absent' }, /^handlers\[1\]: .*exports no function absent/],
      [{ ...good, type: 'A.B', module: './absent.mjs' }, /^handlers\[1\]: there is no file/],
      [{ ...good, type: 'A.B', retries: '3' }, /^handlers\[1\]: "retries" is unknown/],
      [{ ...good, type: 7 }, /^handlers\[1\]: type is not a text/],
    ];
    for (const [entry, message] of bad)
      await assert.rejects(
        plan({ config: put('bad.json', JSON.stringify({ handlers: [good, entry, 'never looked at'] })) }),
        isQueueError('invalid_input', message),
      );
    await assert.rejects(
      plan({ config: put('bad.json', JSON.stringify({ handlers: [good, good] })) }),
      isQueueError('already_exists', /^handlers\[1\]: Mail\.Send has a handler/),
    );
  });

  it('is refused when it says what nobody knows, or in a wrong form', async () => {
    const refused: readonly (readonly [string, string, RegExp])[] = [
      ['x.json', '{"concurency":4}', /"concurency" is unknown: there are .*concurrency/],
      ['x.json', '{"concurrency":"4","handlers":"./handlers.mjs"}', /^concurrency: "4" is not a whole number/],
      ['x.json', '{"clients":"acme","handlers":"./handlers.mjs"}', /^clients: .*list of texts/],
      ['x.json', '{"capabilities":{"region":"eu"},"handlers":"./handlers.mjs"}', /^capabilities: "region" is unknown/],
      ['x.json', '[1]', /holds no settings/],
      ['x.json', '{', /not well-formed/],
      ['x.yaml', 'a: [', /not well-formed/],
      ['x.toml', 'a = ', /not well-formed/],
      ['x.ini', 'a=1', /must end in \.json/],
      ['x.ts', 'export const other = 1;', /holds no settings/],
      ['x.json', '{"handlers":7}', /^handlers: give the path/],
    ];
    for (const [name, text, message] of refused)
      await assert.rejects(plan({ config: put(name === 'x.ts' ? 'none.ts' : name, text) }), isQueueError('invalid_input', message), text);
    await assert.rejects(plan({ config: 'absent.yaml' }), isQueueError('invalid_input', /there is no file/));
  });
});
