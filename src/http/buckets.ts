// Token buckets of what asks: a key, a client, an address. Bounded memory: what was not seen for longest is forgotten, which
// is a full bucket again.
import { QueueError } from '../domain/errors.ts';

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

const MOST = 50_000;

export interface Buckets {
  /** Takes a token, or throws `rate_limited` with the time until there is one. */
  take(name: string): void;
}

/** `now` is monotonic, ms. A rate of null takes everything. */
export function createBuckets(rate: Rate | null, now: () => number): Buckets {
  const known = new Map<string, Bucket>();
  if (rate === null) return { take: () => undefined };
  const fill = (name: string): Bucket => {
    const at = now();
    const bucket = known.get(name) ?? { tokens: rate.burst, at };
    known.delete(name);
    bucket.tokens = Math.min(rate.burst, bucket.tokens + ((at - bucket.at) / 1000) * rate.perSecond);
    bucket.at = at;
    known.set(name, bucket);
    if (known.size > MOST) known.delete(known.keys().next().value as string);
    return bucket;
  };
  const check = (name: string): Bucket => {
    const bucket = fill(name);
    if (bucket.tokens < 1) {
      const retryAfterMs = Math.ceil(((1 - bucket.tokens) / rate.perSecond) * 1000);
      throw new QueueError('rate_limited', `too many requests: try again in ${retryAfterMs} ms`, { retryAfterMs });
    }
    return bucket;
  };
  return {
    take(name) {
      check(name).tokens -= 1;
    },
  };
}
