// The parser and its edges over raw sockets: whatever two readers of the same bytes might take differently is refused, once, and
// stores nothing. Each way in (the hot path and the router) is asked the same; a request that is in order is taken beside each.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { ERRORS } from '../../src/domain/errors.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import { assertQuiet } from './conforms.ts';
import { request, send } from './bytes.ts';
import type { RawAnswer } from './bytes.ts';
import { serve } from './stand.ts';
import type { Rig } from './stand.ts';

const closing: (() => unknown)[] = [];
test.after(async () => {
  for (const close of closing) await close();
});
let rig: Rig;
let key: string;
before(async () => {
  rig = await serve({ after: (close: () => unknown) => void closing.push(close) } as unknown as TestContext);
  key = await rig.key({ role: 'client', clientId: 'acme' });
});

const BODY = '{"type":"Smuggled.In","payload":1}';
/** The same operation before and behind the router: a query keeps it off the hot path, and an empty one changes nothing. */
const WAYS = { 'the hot path': '/queue/enqueue', 'the router': '/queue/enqueue?' } as const;
type Way = keyof typeof WAYS;

const stored = async (): Promise<number> => (await rig.queue.client('acme').list({ limit: 1000 })).items.length;

function assertRefused(answers: readonly RawAnswer[], code: ErrorCode): void {
  assert.equal(answers.length, 1, `${answers.length} answers: ${answers.map(({ status }) => status).join(', ')}`);
  const [answer] = answers;
  assert.equal(answer?.status, ERRORS[code].status, answer?.body);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  const problem = JSON.parse(answer.body) as Record<string, unknown>;
  assert.equal(problem['code'], code);
  assert.equal(problem['request_id'], answer.headers.get('x-request-id'));
  assertQuiet(answer.body);
}

interface Attack {
  /** The bytes; `target` is of the way in. */
  readonly bytes: (target: string) => string | readonly (string | Buffer)[];
  readonly code: ErrorCode;
  /** The connection stays: the refusal is of a whole request. */
  readonly open?: true;
}

const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const post = (target: string, headers: readonly string[], body = BODY, length = true): string => request({ target, key, headers, body, length });
const bad = (headers: readonly string[], body?: string, length?: boolean): Attack => ({
  bytes: (target) => post(target, headers, body, length),
  code: 'malformed_request',
});
const many = (count: number, line: (i: number) => string): string[] => Array.from({ length: count }, (_, i) => line(i));

/** What frames the message: a second request hidden in a body must never be read as one. */
const FRAMING: Readonly<Record<string, Attack>> = {
  'a length and chunks': bad(['Transfer-Encoding: chunked'], chunked(BODY)),
  'chunks and a length': {
    bytes: (target) =>
      request({
        target,
        key,
        headers: ['Transfer-Encoding: chunked', 'Content-Length: 4', 'Content-Type: application/json'],
        body: chunked(BODY),
        length: false,
      }),
    code: 'malformed_request',
  },
  'two lengths that differ': bad(['Content-Length: 3']),
  'two lengths that are the same': bad([`Content-Length: ${BODY.length}`]),
  'a list of lengths': bad([`Content-Length: ${BODY.length}, ${BODY.length}`], BODY, false),
  'a length with a sign': bad([`Content-Length: +${BODY.length}`], BODY, false),
  'a negative length': bad(['Content-Length: -1'], BODY, false),
  'a length in hex': bad(['Content-Length: 0x22'], BODY, false),
  'a length with a letter behind': bad([`Content-Length: ${BODY.length}a`], BODY, false),
  'a length beyond all numbers': bad(['Content-Length: 99999999999999999999'], BODY, false),
  'an empty length': bad(['Content-Length: '], BODY, false),
  xchunked: bad(['Transfer-Encoding: xchunked'], chunked(BODY), false),
  'chunked and identity': bad(['Transfer-Encoding: chunked, identity'], chunked(BODY), false),
  identity: bad(['Transfer-Encoding: identity'], BODY, false),
  'gzip and chunked': bad(['Transfer-Encoding: gzip, chunked'], chunked(BODY), false),
  'chunks of HTTP/1.0': {
    bytes: (target) =>
      request({
        target,
        key,
        version: 'HTTP/1.0',
        headers: ['Content-Type: application/json', 'Transfer-Encoding: chunked'],
        body: chunked(BODY),
        length: false,
      }),
    code: 'malformed_request',
  },
  'chunked twice': bad(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], chunked(BODY), false),
  'chunked with a quote': bad(['Transfer-Encoding: "chunked"'], chunked(BODY), false),
  'a blank before the colon of a length': bad([`Content-Length : ${BODY.length}`], BODY, false),
  'a blank before the colon of chunks': bad(['Transfer-Encoding : chunked'], chunked(BODY), false),
  'a tab before the colon': bad([`Content-Length\t: ${BODY.length}`], BODY, false),
  'a folded line': bad(['X-Fold: a\r\n b']),
  'a folded length': bad([`Content-Length:\r\n ${BODY.length}`], BODY, false),
  'a line that ends in LF alone': bad(['X-A: 1\nX-B: 2']),
  'a line that ends in CR alone': bad(['X-A: 1\rX-B: 2']),
  'NUL in a value': bad(['X-A: a\0b']),
  'NUL in a name': bad(['X-\0A: b']),
  'a control character in a value': bad(['X-A: a\x01b']),
  'a name of no characters': bad([': empty']),
  'a line without a colon': bad(['Nonsense']),
  'a name with a blank': bad(['X A: 1']),
  'a name in brackets': bad(['X(A): 1']),
  'a chunk size that is no number': bad(['Transfer-Encoding: chunked'], `zz\r\n${BODY}\r\n0\r\n\r\n`, false),
  'a negative chunk': bad(['Transfer-Encoding: chunked'], `-1\r\n${BODY}\r\n0\r\n\r\n`, false),
  'a chunk size in 0x': bad(['Transfer-Encoding: chunked'], `0x22\r\n${BODY}\r\n0\r\n\r\n`, false),
  'a chunk size beyond all numbers': bad(['Transfer-Encoding: chunked'], `fffffffffffffffff\r\n${BODY}\r\n0\r\n\r\n`, false),
  'a chunk that is longer than it says': bad(['Transfer-Encoding: chunked'], `5\r\n${BODY}\r\n0\r\n\r\n`, false),
  'chunk lines that end in LF alone': bad(['Transfer-Encoding: chunked'], `22\n${BODY}\n0\n\n`, false),
  'a chunk extension without end': {
    bytes: (target) => post(target, ['Transfer-Encoding: chunked'], `22;${'x'.repeat(20_000)}\r\n${BODY}\r\n0\r\n\r\n`, false),
    code: 'request_too_large',
  },
};

const HEADS: Readonly<Record<string, Attack>> = {
  'two keys': { bytes: (target) => post(target, [`Authorization: Bearer ${key}`]), code: 'malformed_request' },
  'two keys, the second of nobody': bad(['Authorization: Bearer prismq_client_x_y']),
  'two keys in other letters': { bytes: (target) => post(target, [`AUTHORIZATION: Bearer ${key}`]), code: 'malformed_request' },
  'two hosts': bad(['Host: other']),
  'two types': bad(['Content-Type: application/json', 'Content-Type: text/plain']),
  'two idempotency keys': bad(['Idempotency-Key: a', 'Idempotency-Key: b']),
  'two idempotency keys that are the same': bad(['Idempotency-Key: a', 'idempotency-key: a']),
  'two clients': bad(['PrismQ-Client: acme', 'PrismQ-Client: globex']),
  'two reasons': bad(['PrismQ-Reason: a', 'PrismQ-Reason: b']),
  'two protocols': bad(['PrismQ-Protocol: 1', 'PrismQ-Protocol: 1']),
  'two last events': bad(['Last-Event-ID: 1', 'Last-Event-ID: 2']),
  'two encodings': bad(['Content-Encoding: identity', 'Content-Encoding: gzip']),
  'another protocol': { ...bad(['PrismQ-Protocol: 2']), open: true },
  'no host': { bytes: (target) => request({ target, key, body: BODY, host: null }), code: 'malformed_request' },
  'an empty host': { bytes: (target) => request({ target, key, body: BODY, host: '' }), code: 'malformed_request' },
  'a host with a path': { bytes: (target) => request({ target, key, body: BODY, host: 'a/b' }), code: 'malformed_request' },
  'a host with a user': { bytes: (target) => request({ target, key, body: BODY, host: 'a@b' }), code: 'malformed_request' },
  'a host with a blank': { bytes: (target) => request({ target, key, body: BODY, host: 'a b' }), code: 'malformed_request' },
  'two hosts in one': { bytes: (target) => request({ target, key, body: BODY, host: 'a,b' }), code: 'malformed_request' },
  'no host in HTTP/1.0': { bytes: (target) => request({ target, key, body: BODY, host: null, version: 'HTTP/1.0' }), code: 'malformed_request' },
  'a head of 20 kB': { bytes: (target) => post(target, [`X-Long: ${'a'.repeat(20_000)}`]), code: 'headers_too_large' },
  'a head of many lines': {
    bytes: (target) =>
      post(
        target,
        many(200, (i) => `X-${i}: 1`),
      ),
    code: 'headers_too_large',
  },
  'a key behind more heads than are read': {
    bytes: (target) => request({ target, headers: [...many(64, (i) => `X-${i}: 1`), `Authorization: Bearer ${key}`], body: BODY }),
    code: 'headers_too_large',
  },
  'a second key behind more heads than are read': {
    bytes: (target) => post(target, [...many(64, (i) => `X-${i}: 1`), `Authorization: Bearer ${key}`]),
    code: 'headers_too_large',
  },
  'an expectation of nobody': bad(['Expect: the-unexpected']),
  'two expectations': bad(['Expect: 100-continue', 'Expect: 100-continue']),
  'an upgrade to another protocol': bad(['Connection: Upgrade', 'Upgrade: h2c']),
  'a type of text': { bytes: (target) => post(target, ['Content-Type: text/plain']), code: 'unsupported_media_type', open: true },
  'a type of a form': {
    bytes: (target) => post(target, ['Content-Type: application/x-www-form-urlencoded'], 'type=A.B'),
    code: 'unsupported_media_type',
    open: true,
  },
  'a type that begins like JSON': { bytes: (target) => post(target, ['Content-Type: application/jsonp']), code: 'unsupported_media_type', open: true },
  'a type with another character set': {
    bytes: (target) => post(target, ['Content-Type: application/json; charset=utf-16']),
    code: 'unsupported_media_type',
    open: true,
  },
  'a body that is packed': { bytes: (target) => post(target, ['Content-Encoding: gzip']), code: 'unsupported_media_type', open: true },
  'bytes that are no UTF-8': { bytes: (target) => post(target, [], '{"type":"A.B","payload":"\xff\xfe"}'), code: 'malformed_request', open: true },
  'half of a character at the end': { bytes: (target) => post(target, [], '"\xe2\x82'), code: 'malformed_request', open: true },
};

const TARGETS: Readonly<Record<string, string>> = {
  'a whole URL': 'http://localhost/queue/tasks',
  'a whole URL of another host': 'http://evil.example/queue/tasks',
  'a whole URL in capitals': 'HTTP://evil.example/queue/tasks',
  'no path': 'queue/tasks',
  'a star': '*',
  'an empty segment at the beginning': '//evil.example/queue/tasks',
  'an empty segment': '/queue//tasks',
  'a dot': '/queue/./tasks',
  'two dots': '/queue/admin/../tasks',
  'two dots in percent': '/queue/admin/%2e%2e/tasks',
  'two dots, one in percent': '/queue/admin/.%2E/tasks',
  'a dot at the end': '/queue/tasks/.',
  'a backslash': '/queue\\tasks',
  'a backslash for a slash': '/\\evil.example/queue/tasks',
  'a fragment': '/queue/tasks#x',
  'a letter in percent': '/queue/%74asks',
  'a slash in percent': '/queue%2ftasks',
  'a slash in percent, in a name': '/queue/tasks/a%2Fb',
  'a backslash in percent': '/queue%5ctasks',
  'a NUL in percent': '/queue/tasks/%00',
  'a line end in percent': '/queue/tasks/%0d%0a',
  'half of a percent': '/queue/tasks/%a',
  'a percent of no number': '/queue/tasks/%zz',
};

describe('what is refused', () => {
  for (const [way, target] of Object.entries(WAYS))
    for (const [what, attack] of [...Object.entries(FRAMING), ...Object.entries(HEADS)])
      test(`${what} (${way as Way})`, async () => {
        const count = await stored();
        const bytes = attack.bytes(target);
        const parts = typeof bytes === 'string' ? [bytes] : bytes;
        const { answers, closed } = await send(rig.listening.port, parts, attack.open === true ? { answers: 1 } : {});
        assertRefused(answers, attack.code);
        if (attack.open !== true) assert.ok(closed, 'the connection goes on after bytes that were not understood');
        assert.equal(await stored(), count);
        // The same without what is wrong is taken.
        const { answers: good } = await send(rig.listening.port, [request({ target, key, body: BODY })], { answers: 1 });
        assert.equal(good[0]?.status, 201);
      });

  for (const [what, target] of Object.entries(TARGETS))
    test(`the target is ${what}`, async () => {
      const { answers, closed } = await send(rig.listening.port, [request({ method: 'GET', target, key })]);
      assertRefused(answers, 'malformed_request');
      assert.ok(closed);
      const { answers: good } = await send(rig.listening.port, [request({ method: 'GET', target: '/queue/tasks', key })], { answers: 1 });
      assert.equal(good[0]?.status, 200);
    });

  // A URL is made plain by whoever makes one of it: what is still there then is looked at.
  const staysAsItIs = (target: string): boolean => target.startsWith('/') && new URL(target, 'http://localhost').href === `http://localhost${target}`;
  for (const [what, target] of Object.entries(TARGETS).filter(([, one]) => staysAsItIs(one) && !one.includes('#')))
    test(`mounted in another server, the target is ${what}`, async () => {
      const ask = (path: string): Promise<Response> => rig.app.fetch(new Request(`http://localhost${path}`, { headers: { authorization: `Bearer ${key}` } }));
      assert.equal((await ask(target)).status, 400);
      assert.equal((await ask('/queue/tasks')).status, 200);
    });

  for (const [what, head] of Object.entries({ 'a length': 'Content-Length: 2', chunks: 'Transfer-Encoding: chunked' }))
    for (const method of ['GET', 'HEAD'])
      test(`${method} with a body, by ${what}`, async () => {
        const body = what === 'a length' ? '{}' : '2\r\n{}\r\n0\r\n\r\n';
        const { answers, closed } = await send(rig.listening.port, [`${request({ method, target: '/queue/tasks', key, headers: [head] })}${body}`]);
        assert.deepEqual([answers.map(({ status }) => status), closed], [[400], true]);
      });

  for (const [what, line] of Object.entries({
    'no method': ' /queue/tasks HTTP/1.1',
    'a method in small letters': 'get /queue/tasks HTTP/1.1',
    'no version': 'GET /queue/tasks',
    'a version of the future': 'GET /queue/tasks HTTP/3.0',
    'no protocol that is known': 'GET /queue/tasks SMTP/1.1',
    'bytes of TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'a blank in the target': 'GET /queue/ta sks HTTP/1.1',
    'the preface of HTTP/2': 'PRI * HTTP/2.0',
  }))
    test(`the first line has ${what}`, async () => {
      const { answers, closed } = await send(rig.listening.port, [`${line}\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n\r\n`]);
      assertRefused(answers, 'malformed_request');
      assert.ok(closed);
    });

  test('a tunnel', async () => {
    const { answers, closed } = await send(rig.listening.port, [`CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\nAuthorization: Bearer ${key}\r\n\r\n`]);
    assertRefused(answers, 'malformed_request');
    assert.ok(closed);
  });
});

describe('what is hidden in a request', () => {
  const hidden = request({ method: 'POST', target: '/queue/enqueue', body: BODY }).replace('\r\n\r\n', () => `\r\nAuthorization: Bearer ${key}\r\n\r\n`);

  for (const [way, target] of Object.entries(WAYS)) {
    test(`a second request in a body is a body (${way})`, async () => {
      const count = await stored();
      const { answers } = await send(rig.listening.port, [request({ target, key, body: JSON.stringify({ type: 'Outer.One', payload: hidden }) })], {
        answers: 1,
      });
      assert.deepEqual(
        answers.map(({ status }) => status),
        [201],
      );
      assert.equal(await stored(), count + 1);
    });

    test(`a second request behind the end of an unread body is not answered (${way})`, async () => {
      const count = await stored();
      const head = `POST ${target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`;
      const { answers } = await send(rig.listening.port, [head], { answers: 1 });
      assert.deepEqual(
        answers.map(({ status }) => status),
        [401],
      );
      assert.equal(await stored(), count);
    });

    test(`two requests in one write are two, in order (${way})`, async () => {
      const count = await stored();
      const one = request({ target, key, body: '{"type":"First.One"}' });
      const two = request({ method: 'GET', target: '/queue/stats', key });
      const { answers } = await send(rig.listening.port, [one + two], { answers: 2 });
      assert.deepEqual(
        answers.map(({ status }) => status),
        [201, 200],
      );
      assert.equal(await stored(), count + 1);
    });

    test(`a request in bytes of one is one (${way})`, async () => {
      const bytes = Buffer.from(request({ target, key, body: '{"type":"Slow.One"}' }));
      const { answers } = await send(
        rig.listening.port,
        Array.from(bytes, (byte) => Buffer.from([byte])),
        { answers: 1 },
      );
      assert.deepEqual(
        answers.map(({ status }) => status),
        [201],
      );
    });

    test(`a body in chunks is taken, and trailers change nothing (${way})`, async () => {
      const body = `${chunked('{"type":"Chunked.One"}').slice(0, -2)}Authorization: Bearer nobody\r\nPrismQ-Client: globex\r\n\r\n`;
      const { answers } = await send(rig.listening.port, [post(target, ['Transfer-Encoding: chunked'], body, false)], { answers: 1 });
      assert.deepEqual(
        answers.map(({ status }) => status),
        [201],
      );
    });

    test(`an expectation of 100 is met (${way})`, async () => {
      const { answers } = await send(rig.listening.port, [post(target, ['Expect: 100-continue'])], { answers: 2 });
      assert.deepEqual(
        answers.map(({ status }) => status),
        [100, 201],
      );
    });

    test(`nonsense behind a whole request ends the connection after its answer (${way})`, async () => {
      const { answers, closed } = await send(rig.listening.port, [request({ target, key, body: '{"type":"Then.Nonsense"}' }), 'NONSENSE\r\n\r\n']);
      assert.equal(answers[0]?.status, 201);
      assert.ok(closed && answers.length <= 2 && (answers[1]?.status ?? 400) === 400);
    });

    test(`a caller that leaves in the middle of a body stores nothing (${way})`, async () => {
      const count = await stored();
      const whole = request({ target, key, body: BODY });
      await send(rig.listening.port, [whole.slice(0, -5)], { leave: true });
      const { answers } = await send(rig.listening.port, [request({ target, key, body: BODY })], { answers: 1 });
      assert.equal(answers[0]?.status, 201);
      assert.equal(await stored(), count + 1);
    });
  }

  test('what is said of the host is never repeated', async () => {
    for (const target of Object.values(WAYS)) {
      const { text } = await send(
        rig.listening.port,
        [request({ target, key, host: 'evil.example', body: BODY, headers: ['X-Forwarded-Host: evil.example', 'Forwarded: host=evil.example'] })],
        { answers: 1 },
      );
      assert.match(text, /^HTTP\/1\.1 201/);
      assert.ok(!text.includes('evil.example'));
    }
  });
});
