// What people type as values, and the environment.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseDuration, parseInstant, parseInteger, parseJson, parsePairs } from '../../src/cli/values.ts';
import { CONFIG, baseFolder, programName, settingFrom } from '../../src/server/config.ts';
import { isQueueError } from './refusals.ts';

describe('a duration', () => {
  it('is a number with its unit', () => {
    assert.deepEqual(
      ['500ms', '10s', '1.5m', '2h', '1d', '0', ' 3s '].map((text) => parseDuration('--delay', text)),
      [500, 10_000, 90_000, 7_200_000, 86_400_000, 0, 3000],
    );
  });

  it('is refused without a unit, below 0 and as words', () => {
    for (const text of ['10', '-1s', 's', '1w', '1h30m', '', '1e3s', 'NaNs'])
      assert.throws(() => parseDuration('--delay', text), isQueueError('invalid_input', /^--delay: .*like 10s/));
  });
});

describe('an instant', () => {
  it('is a date, or a duration from now', () => {
    assert.equal(parseInstant('--due', '2030-01-31T12:00Z', 5), Date.UTC(2030, 0, 31, 12));
    assert.equal(parseInstant('--due', '2h', 1000), 7_201_000);
  });

  it('is refused otherwise', () => {
    for (const text of ['tomorrow', '2030-13-45', '1', '']) assert.throws(() => parseInstant('--due', text, 0), isQueueError('invalid_input', /^--due: /));
  });
});

it('a whole number is taken as it is and everything else refused', () => {
  assert.deepEqual(
    ['7', '-3', ' 12 '].map((text) => parseInteger('--limit', text)),
    [7, -3, 12],
  );
  for (const text of ['1.5', '1e3', '', 'ten', '0x10', '9'.repeat(16)])
    assert.throws(() => parseInteger('--limit', text), isQueueError('invalid_input', /^--limit: .*no whole number/));
});

describe('JSON', () => {
  it('keeps the digits of its numbers', () => {
    for (const text of ['12345678901234567890', '[1.50,-0,1e400]', '{"a":{"b":0.1000}}']) assert.equal(JSON.stringify(parseJson('payload', text)), text);
  });

  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        assert.equal(JSON.stringify(parseJson('payload', JSON.stringify(value))), JSON.stringify(JSON.parse(JSON.stringify(value))));
      }),
    );
  });

  it('that is not well-formed is refused with the way to quote text', () => {
    for (const text of ['text', '{', ''])
      assert.throws(() => parseJson('payload', text), isQueueError('invalid_payload', /^payload is not JSON: .*double quotes/));
    assert.throws(() => parseJson('payload', '['.repeat(200_000)), isQueueError('invalid_payload', /not JSON/));
  });
});

it('pairs are split at the first equals sign', () => {
  assert.deepEqual(parsePairs('--metadata', ['a=1', 'url=https://x/?q=2', 'empty=']), { a: '1', url: 'https://x/?q=2', empty: '' });
  for (const text of ['novalue', '=x']) assert.throws(() => parsePairs('--metadata', [text]), isQueueError('invalid_input', /no pair/));
});

describe('the environment', () => {
  it('gives each setting by the type that the table says', () => {
    const env = {
      PRISMQ_WORKER_CONCURRENCY: '4',
      PRISMQ_WORKER_CLIENTS: 'a, b,,c',
      PRISMQ_WORKER_CAPABILITIES: '{"attributes":{"region":"eu"}}',
      PRISMQ_DB: 'x.db',
      PRISMQ_WORKER_ID: ' ',
    };
    assert.equal(settingFrom(env, 'workerConcurrency'), 4);
    assert.deepEqual(settingFrom(env, 'workerClients'), ['a', 'b', 'c']);
    assert.deepEqual(settingFrom(env, 'workerCapabilities'), { attributes: { region: 'eu' } });
    assert.equal(settingFrom(env, 'db'), 'x.db');
    assert.equal(settingFrom(env, 'workerId'), undefined);
    assert.equal(settingFrom(env, 'workerStrategy'), undefined);
  });

  it('is refused by the name of the variable', () => {
    assert.throws(() => settingFrom({ PRISMQ_WORKER_CONCURRENCY: 'many' }, 'workerConcurrency'), isQueueError('invalid_input', /^PRISMQ_WORKER_CONCURRENCY: /));
    assert.throws(
      () => settingFrom({ PRISMQ_WORKER_CAPABILITIES: '[]' }, 'workerCapabilities'),
      isQueueError('invalid_input', /^PRISMQ_WORKER_CAPABILITIES: .*object/),
    );
  });

  it('has one variable a setting, all of one prefix', () => {
    const names = Object.values(CONFIG).map((setting) => setting.env);
    assert.equal(new Set(names).size, names.length);
    assert.deepEqual(
      names.filter((name) => !/^PRISMQ_[A-Z_]+$/.test(name)),
      [],
    );
  });

  it('says where npm was called and how to call again', () => {
    assert.equal(baseFolder({ INIT_CWD: import.meta.dirname }, '/'), import.meta.dirname);
    assert.deepEqual([baseFolder({}, '/x'), baseFolder({ INIT_CWD: '/no/such/folder' }, '/x')], ['/x', '/x']);
    assert.deepEqual(
      ['start', 'npx', 'test'].map((script) => programName({ npm_lifecycle_event: script })),
      ['npm run -s prismq --', 'npx prismq', 'prismq'],
    );
  });
});
