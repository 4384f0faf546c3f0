// Reads that everybody asks for, once a turn of the event loop.

/** One read for all that ask in one turn of the event loop: outside of a transaction each would open one of its own. */
export function perTurn<T>(load: () => Promise<T>): () => Promise<T> {
  let known: Promise<T> | undefined;
  return () => {
    if (known === undefined) {
      known = load();
      setImmediate(() => (known = undefined));
    }
    return known;
  };
}
