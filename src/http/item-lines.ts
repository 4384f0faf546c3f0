// The body of a request as lines, of any length: one is held at a time, each in bounded bytes.
import { QueueError } from '../domain/errors.ts';

/** Blank lines are counted and given too. A line that is too long ends the reading, since nobody knows where the next one begins. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  try {
    for await (const chunk of chunks) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = parts.pop() as string;
      yield* parts;
      if (rest.length > maxBytes) throw new QueueError('request_too_large', `a line is over ${maxBytes} bytes`);
    }
    rest += decoder.decode();
  } catch (error) {
    if (error instanceof QueueError) throw error;
    throw new QueueError('malformed_request', 'the body ended early, or is not UTF-8');
  }
  if (rest !== '') yield rest;
}
