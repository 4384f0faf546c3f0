// A stream of any length in bounded memory: so many at a time are taken from it, and answered before the next ones are.

const A_CALL = 500;

/** `act` is given some items in order and answers one for each. */
export async function* inBatches<Item, Answer>(
  items: AsyncIterable<Item> | Iterable<Item>,
  act: (batch: readonly Item[]) => Promise<readonly Answer[]>,
  size = A_CALL,
): AsyncGenerator<Answer> {
  let batch: Item[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield* await act(batch);
    batch = [];
  }
  if (batch.length > 0) yield* await act(batch);
}
