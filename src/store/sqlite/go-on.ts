// What a step of dependencies left is taken on at once, in transactions of its own: others come between.
import { dependencyStep, hasLeft } from './dependencies.ts';
import type { Engine } from './engine.ts';

const stepping = new WeakSet<Engine>();

/** The janitor has it otherwise: a queue that closes, or a lock that is not had. */
export function goOn(engine: Engine): void {
  if (stepping.has(engine) || !hasLeft(engine)) return;
  stepping.add(engine);
  const step = (): boolean => {
    engine.wall.bind({ clients: '*' });
    return dependencyStep(engine, engine.now());
  };
  const end = (): boolean => stepping.delete(engine);
  void engine.writer.one('dependencies', step).then(() => {
    end();
    goOn(engine);
  }, end);
}
