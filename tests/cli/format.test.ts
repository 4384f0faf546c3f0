// Tables, times and progress as people see them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { duration, relative, table } from '../../src/cli/format.ts';
import { bar, createProgress } from '../../src/cli/progress.ts';
import { oneLine, truncate, widthOf } from '../../src/cli/text.ts';
import { memoryIo } from './rig.ts';

describe('the width of text', () => {
  it('counts what a terminal shows', () => {
    const cases = [
      ['abc', 3],
      ['Žluťoučký', 9],
      ['e\u0301', 1],
      ['日本語', 6],
      ['👩‍👩‍👧', 2],
      ['🇨🇿', 2],
      ['❤️', 2],
      ['\u200bx', 1],
      ['\x1b[31mred\x1b[0m', 3],
      ['ｱ', 1],
      ['–…▕', 3],
    ] as const;
    for (const [text, width] of cases) assert.equal(widthOf(text), width, JSON.stringify(text));
  });

  it('is never passed by what is cut to it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), (text, width) => {
        const cut = truncate(text, width);
        assert.ok(widthOf(cut) <= width);
        assert.ok(cut === text || cut === '' || cut.endsWith('…'));
      }),
    );
  });
});

it('text of others can not move the cursor, change colours or turn a line round', () => {
  assert.equal(oneLine('a\nb\tc'), 'a b c');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(oneLine(text))));
  assert.equal(oneLine('\x1b[2Jgone'), '\\x1b[2Jgone');
});

describe('a table', () => {
  const columns = [{ title: 'ID', whole: true }, { title: 'NAME' }, { title: 'N', align: 'right' }] as const;
  const rows = [
    ['0190-abcdef', '日本語 '.repeat(10), 7],
    ['2', null, 1234],
  ];

  it('lines its columns up by width and puts numbers right', () => {
    const io = memoryIo({ base: '/' });
    assert.equal(
      table(io, columns, [
        ['1', '日本', 7],
        ['22', null, 1234],
      ]),
      'ID  NAME      N\n1   日本      7\n22  –     1,234',
    );
  });

  it('is whole where nobody looks at a terminal', () => {
    assert.ok(table(memoryIo({ base: '/' }), columns, rows).includes('日本語 '.repeat(10).trimEnd()));
  });

  it('leaves out what is optional on a narrow terminal, the last first', () => {
    const more = [...columns, { title: 'MORE', optional: true }, { title: 'LEAST', optional: true }];
    const heads = [60, 38, 30].map(
      (width) =>
        table(memoryIo({ base: '/', columns: width }), more, [['0190-abcdef', 'name', 7, 'm'.repeat(10), 'l'.repeat(10)]])
          .split('\n')[0]
          ?.split(/ +/).length,
    );
    assert.deepEqual(heads, [5, 4, 3]);
  });

  it('takes a terminal that does not know its width for one of 80 columns', () => {
    const narrow = table(memoryIo({ base: '/', columns: 0 }), columns, rows);
    assert.equal(narrow, table(memoryIo({ base: '/', columns: 80 }), columns, rows));
    assert.match(narrow, /^ID +NAME/);
  });

  it('fits a terminal by cutting what may be cut, never an id', () => {
    const lines = table(memoryIo({ base: '/', columns: 30 }), columns, rows).split('\n');
    for (const line of lines) assert.ok(widthOf(line) <= 30, line);
    assert.match(lines[1] ?? '', /^0190-abcdef .*…/);
  });
});

it('durations and distances in time are short and say their unit', () => {
  assert.deepEqual([0, 340, 1200, 45_000, 125_000, 7_200_000, 277_200_000].map(duration), ['0 ms', '340 ms', '1.2 s', '45 s', '2m 5s', '2h', '3d 5h']);
  assert.deepEqual([relative(1000, 1500), relative(0, 90_000), relative(7_200_000, 0), relative(null, 0)], ['just now', '1m 30s ago', 'in 2h', null]);
});

describe('progress', () => {
  it('is a bar that is drawn over itself on a terminal, and cleared', () => {
    const io = memoryIo({ base: '/', columns: 80 });
    let now = 0;
    const progress = createProgress(io, 'working', 200, () => now);
    for (const [at, done] of [
      [0, 1],
      [10, 2],
      [1000, 100],
    ] as const) {
      now = at;
      progress.update(done, 'acme');
    }
    progress.end();
    const drawn = io.said.err.split('\r\x1b[2K').slice(1);
    assert.equal(drawn.length, 3, 'two updates and the clearing; what comes too soon is left out');
    assert.match(drawn[1] ?? '', /working 100\/200 100\/s, 1\.0 s/);
    assert.ok(drawn.every((line) => widthOf(line) < 80));
    assert.equal(drawn.at(-1), '');
  });

  it('is a plain line every few seconds elsewhere', () => {
    const io = memoryIo({ base: '/' });
    let now = 0;
    const progress = createProgress(io, 'working', 10, () => now);
    for (let second = 1; second <= 10; second++) {
      now = second * 1000;
      progress.update(second);
    }
    progress.end();
    assert.deepEqual(
      io.said.err
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[1]),
      ['3/10', '6/10', '9/10'],
    );
  });

  it('fills its bar from empty to full and no further', () => {
    const widths = [0, 1, 50, 99, 100, 500].map((done) => widthOf(bar(done, 100)));
    assert.equal(new Set(widths).size, 1);
    assert.equal(bar(0, 0), bar(100, 100));
  });
});
