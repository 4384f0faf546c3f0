// What a step of dependencies left is taken on, in transactions of its own.
import { SYSTEM } from './acting.ts';
import type { Engine } from './engine.ts';

const goingOn = new WeakSet<Engine>();

/** What a call left to do is done at once, step by step. The janitor has it otherwise: this only does not wait for it. */
export function goOn(engine: Engine): void {
  if (goingOn.has(engine)) return;
  goingOn.add(engine);
  const steps = async (): Promise<void> => {
    while ((await engine.pools.admin.row('dependency_step', SYSTEM))?.[0] === true) engine.batches.told();
    engine.batches.told();
  };
  // A queue that closes, or a database that is away.
  void steps().then(
    () => goingOn.delete(engine),
    () => goingOn.delete(engine),
  );
}
