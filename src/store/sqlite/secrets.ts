// What servers of one queue sign with: made by the first that asks, the same for all, also after a restart.
import type { Engine } from './engine.ts';

const BYTES = 32;

export function secretOf(engine: Engine, name: string): string {
  const known = engine.st.row('secret_get', { name })?.[0];
  if (known !== undefined) return known as string;
  const value = engine.options.randomHex(BYTES);
  engine.st.run('secret_insert', { name, value });
  return value;
}
