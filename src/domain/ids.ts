// Task ids: UUIDv7 (RFC 9562) that rise strictly, also inside a millisecond and when the clock goes back.
// 48 bits of time, a 26-bit counter in rand_a and the head of rand_b, 48 random bits. The counter starts at random in each
// millisecond and rises by a random step, so that ids tell nobody how many others were made.

export interface IdSource {
  readonly nowMs: () => number;
  /** Fills the bytes from a cryptographic source. */
  readonly random: (bytes: Uint8Array) => void;
}

const BLOCK = 4096;
/** Most random bytes that one id takes: 4 for a new counter, 1 for its step, 6 for the tail. */
const MOST_A_CALL = 11;
const COUNTER_END = 2 ** 26;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const hex = (byte: number): string => HEX[byte] as string;

export function createIds(source: IdSource): { next(): string } {
  const pool = new Uint8Array(BLOCK);
  let at = BLOCK;
  let lastMs = -1;
  let counter = 0;
  let head = '';

  const byte = (): number => pool[at++] as number;
  const startMs = (ms: number): void => {
    lastMs = ms;
    // The top bit stays clear: room for 2^25 steps at the least.
    counter = ((byte() & 1) << 24) | (byte() << 16) | (byte() << 8) | byte();
    const digits = ms.toString(16).padStart(12, '0');
    head = `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
  };

  return {
    next() {
      if (at > BLOCK - MOST_A_CALL) {
        source.random(pool);
        at = 0;
      }
      const ms = Math.floor(source.nowMs());
      if (ms > lastMs) startMs(ms);
      else {
        counter += 1 + byte();
        if (counter >= COUNTER_END) startMs(lastMs + 1);
      }
      const high = counter >>> 14;
      const low = (counter & 0x3fff) | 0x8000;
      return `${head}${(high >>> 8).toString(16)}${hex(high & 255)}-${hex(low >>> 8)}${hex(low & 255)}-${hex(byte())}${hex(byte())}${hex(byte())}${hex(byte())}${hex(byte())}${hex(byte())}`;
    },
  };
}

const TASK_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const isTaskId = (text: unknown): text is string => typeof text === 'string' && TASK_ID.test(text);
