// Records as they are read, one a line. What is refused is refused before the answer begins; a stream that ends early breaks the
// connection, so that nobody takes a part for the whole.
import { encode } from '../contract/wire.ts';
import { LOOK_MS } from './bench.ts';
import type { Call } from './reply.ts';

const CHUNK = 65_536;

export async function lines(call: Call, records: AsyncIterable<object>): Promise<AsyncIterable<string>> {
  const source = records[Symbol.asyncIterator]();
  return chunks(call, source, await source.next());
}

async function* chunks(call: Call, source: AsyncIterator<object>, first: IteratorResult<object, unknown>): AsyncGenerator<string> {
  let looked = performance.now();
  let text = '';
  try {
    for (let step = first; step.done !== true; step = await source.next()) {
      text += `${encode(step.value)}\n`;
      if (text.length < CHUNK) continue;
      yield text;
      text = '';
      call.signal().throwIfAborted();
      if (performance.now() - looked < LOOK_MS) continue;
      // A key that was revoked meanwhile reads no further.
      await call.stillOpen();
      looked = performance.now();
    }
    if (text !== '') yield text;
  } finally {
    await source.return?.();
  }
}
