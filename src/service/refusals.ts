// Refusals as security events: the first of its kind is written at once, what repeats it within the window becomes one more row
// with its count. What is kept is bounded, and so is what a flood can write; the rest counts as one of its action.
import type { NewSecurityEvent, Store } from '../store/store.ts';

const WINDOW_MS = 5000;
/** Different refusals of one window that are told apart. */
const MOST_KINDS = 100;

export interface Refusal {
  readonly actor: string;
  readonly action: string;
  readonly clientId?: string | null;
  readonly object?: string | null;
  readonly details: Readonly<Record<string, string | number | null>>;
  /** Of the first of its kind; tells no kinds apart. */
  readonly requestId?: string;
}

interface Kind {
  readonly refusal: Refusal;
  /** Not written yet. */
  repeats: number;
}

export class Refusals {
  readonly #store: Pick<Store, 'recordSecurity'>;
  #kinds = new Map<string, Kind>();
  readonly #writing = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(store: Pick<Store, 'recordSecurity'>) {
    this.#store = store;
  }

  /** Never waits: for what answers often. */
  note(refusal: Refusal): void {
    void this.record(refusal).catch(() => undefined);
  }

  /** Resolves when it is on record, and fails when it can not be: for what changes who may do what. */
  async record(refusal: Refusal): Promise<void> {
    const isTold = this.#kinds.size < MOST_KINDS || this.#kinds.has(keyOf(refusal));
    const told = isTold ? refusal : { actor: 'others', action: refusal.action, details: {} };
    const key = keyOf(told);
    const known = this.#kinds.get(key);
    if (known !== undefined) {
      known.repeats += 1;
      return;
    }
    const kind = { refusal: told, repeats: 0 };
    this.#kinds.set(key, kind);
    this.#start();
    await this.#write(kind, 0);
  }

  /** Writes what is counted; resolves when all that was noted before is on record, or was tried. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counted = this.#kinds;
    this.#kinds = new Map();
    for (const kind of counted.values()) {
      const { repeats } = kind;
      kind.repeats = 0;
      if (repeats > 0) this.#write(kind, repeats).catch(() => undefined);
    }
    await Promise.all(this.#writing);
  }

  /** Whether there is nothing to flush. */
  get isIdle(): boolean {
    return this.#writing.size === 0 && [...this.#kinds.values()].every((kind) => kind.repeats === 0);
  }

  /** The last flush: what can not be written any more is dropped. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    this.#kinds.clear();
  }

  #start(): void {
    if (!this.#isClosed) this.#timer ??= setTimeout(() => void this.flush(), WINDOW_MS).unref();
  }

  /** The first of a kind, or with `repeats` those that followed it. What fails is counted again, for the next flush. */
  #write(kind: Kind, repeats: number): Promise<void> {
    const written = this.#store.recordSecurity(eventOf(kind.refusal, repeats)).catch((error: unknown) => {
      const key = keyOf(kind.refusal);
      const current = this.#kinds.get(key) ?? kind;
      current.repeats += Math.max(repeats, 1);
      this.#kinds.set(key, current);
      this.#start();
      throw error;
    });
    const tried: Promise<void> = written.then(undefined, () => undefined).then(() => void this.#writing.delete(tried));
    this.#writing.add(tried);
    return written;
  }
}

/** Each client sees what was tried on it. */
const keyOf = ({ actor, action, clientId = null, object = null, details }: Refusal): string => JSON.stringify([actor, action, clientId, object, details]);

function eventOf({ details, requestId, ...rest }: Refusal, repeats: number): NewSecurityEvent {
  const more = repeats > 0 ? { repeats } : requestId === undefined ? {} : { request_id: requestId.slice(0, 64) };
  return { ...rest, outcome: 'denied', details: JSON.stringify({ ...details, ...more }) };
}
