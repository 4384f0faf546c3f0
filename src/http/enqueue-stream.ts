// Enqueue by lines: what is read is enqueued some hundred lines at a time, and answered as lines, so that a body of any length takes
// bounded memory. A bad line is refused alone.
import { encode } from '../contract/wire.ts';
import { QueueError } from '../domain/errors.ts';
import type { ClientHandle, EnqueueItem, EnqueueItemResult } from '../service/handles.ts';
import { JsonText } from '../domain/json-text.ts';
import { LOOK_MS } from './bench.ts';
import type { Bench } from './bench.ts';
import { clientOf } from './insides.ts';
import { readItem } from './read-ask.ts';
import type { Answer, Call } from './reply.ts';
import { inWireWords } from './words.ts';

type Outcomes = 'refused' | 'all';
type Refused = Extract<EnqueueItemResult, { ok: false }>;

interface Tally {
  lines: number;
  enqueued: number;
  deduplicated: number;
  refused: number;
}

const NULL = new JsonText('null');
const LINES_A_CALL = 500;

export async function enqueueLines(call: Call, bench: Bench): Promise<Answer> {
  const { outcomes = 'refused' } = call.input as { readonly outcomes?: Outcomes };
  const tally: Tally = { lines: 0, enqueued: 0, deduplicated: 0, refused: 0 };
  const answers = answered(call, clientOf(call, bench), tally);
  // What is refused as a whole is refused before the answer begins.
  const first = await answers.next();
  return { stream: textOf(call, first, answers, tally, outcomes) };
}

/** A line that was read: what is to be enqueued, or why it is not. */
interface Line {
  readonly line: number;
  readonly read: EnqueueItem | Refused;
}
interface Told {
  readonly line: number;
  readonly outcome: EnqueueItemResult;
}

/** In the order of the lines, so many at a time. */
async function* answered(call: Call, client: ClientHandle, tally: Tally): AsyncGenerator<Told> {
  let batch: Line[] = [];
  for await (const text of call.lines()) {
    const line = ++tally.lines;
    if (text.trim() !== '') batch.push({ line, read: readLine(text) });
    if (batch.length < LINES_A_CALL) continue;
    yield* await enqueue(client, batch);
    batch = [];
  }
  yield* await enqueue(client, batch);
}

function readLine(text: string): Line['read'] {
  try {
    const item = readItem(text) as unknown as EnqueueItem;
    return { ...item, payload: item.payload ?? NULL };
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    return { ok: false, code: error.code, message: error.message, ...(error.details['fields'] === undefined ? {} : { details: error.details }) };
  }
}

async function enqueue(client: ClientHandle, batch: readonly Line[]): Promise<readonly Told[]> {
  const good = batch.flatMap(({ read }) => ('ok' in read ? [] : [read]));
  const outcomes = good.length === 0 ? [] : await client.enqueueMany(good);
  let next = 0;
  return batch.map(({ line, read }) => ({ line, outcome: 'ok' in read ? read : (outcomes[next++] as EnqueueItemResult) }));
}

const CHUNK = 16_384;

async function* textOf(
  call: Call,
  first: IteratorResult<Told, unknown>,
  answers: AsyncGenerator<Told>,
  tally: Tally,
  outcomes: Outcomes,
): AsyncGenerator<string> {
  let text = '';
  let looked = performance.now();
  try {
    for (let step = first; step.done !== true; step = await answers.next()) {
      const { line, outcome } = step.value;
      count(tally, outcome);
      if (!outcome.ok || outcomes === 'all') text += `${encode({ line, ...outcome, ...(outcome.ok ? {} : { message: inWireWords(outcome.message) }) })}\n`;
      if (text.length >= CHUNK) {
        yield text;
        text = '';
      }
      if (performance.now() - looked < LOOK_MS) continue;
      // A key that was revoked meanwhile enqueues no further.
      await call.stillOpen();
      looked = performance.now();
    }
    yield `${text}${encode({ end: true, ...tally })}\n`;
  } finally {
    await answers.return(undefined);
  }
}

function count(tally: Tally, outcome: EnqueueItemResult): void {
  if (!outcome.ok) tally.refused++;
  else if (outcome.deduplicated) tally.deduplicated++;
  else tally.enqueued++;
}
