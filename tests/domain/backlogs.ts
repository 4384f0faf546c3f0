// Clients with work, for the tests of fair share.
import type { FairCandidate } from '../../src/domain/fair-share.ts';

/** Clients with backlogs, and what each got. */
export function backlogs(stock: Readonly<Record<string, number>>): {
  readonly left: Map<string, number>;
  readonly got: Map<string, number>;
  pick(clientId: string, atMost: number): number;
} {
  const left = new Map(Object.entries(stock));
  const got = new Map(Object.keys(stock).map((clientId) => [clientId, 0]));
  const pick = (clientId: string, atMost: number): number => {
    const taken = Math.min(atMost, left.get(clientId) ?? 0);
    left.set(clientId, (left.get(clientId) ?? 0) - taken);
    got.set(clientId, (got.get(clientId) ?? 0) + taken);
    return taken;
  };
  return { left, got, pick };
}
export const endless = (clientIds: readonly string[]): ReturnType<typeof backlogs> =>
  backlogs(Object.fromEntries(clientIds.map((id) => [id, Number.POSITIVE_INFINITY])));
export const named = (...clientIds: string[]): FairCandidate[] => clientIds.map((clientId) => ({ clientId, weight: 1 }));
