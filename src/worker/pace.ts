// When the next claim may be asked for. Polling is the truth and a hint only shortens the wait: an empty answer is believed once
// a hint had been asked for before it; failures wait with a capped back-off; a storm of hints that lead nowhere is slowed down.
import type { WorkerHandle } from '../service/handles.ts';
import { type Alarm, backoffMs, type Clock } from './clock.ts';
import { promised } from './promised.ts';
import type { Report } from './report.ts';

export interface PaceHost {
  readonly handle: WorkerHandle;
  readonly pollMs: number;
  /** A claim waits at the server: it needs no hint, and is sent again as soon as it has waited. */
  readonly waits: boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly report: Report;
  /** It may be time: look again. */
  readonly look: () => void;
}

/** An end that comes this soon after an empty claim does not ask again: the hint tells. */
const FRESH_MS = 20;
/** From the fourth empty claim in a row on, hints are heeded at most this often. */
const HINT_GAP_MS = 5;
const STORM = 3;
/** A claim that was to wait and came back empty at once is sent again after this. */
const EARLY_MS = 1_000;

export class Pace {
  readonly #host: PaceHost;
  readonly #wakeSignal = new AbortController();
  #stopped = false;
  #alarm: Alarm | undefined;
  #alarmAt = Number.POSITIVE_INFINITY;
  #failures = 0;
  #notBefore = 0;
  #empties = 0;
  #emptyAt = 0;
  #wasShort = false;
  /** Nothing is claimable until a hint comes, or this instant. */
  #dryUntil = 0;
  #wakeArmed = false;

  constructor(host: PaceHost) {
    this.#host = host;
  }

  /**
   * `ended`: something of ours has ended, so that a limit may have room again, a retry be due, a child be there.
   * `mustLook`: nothing runs, and whether anything is left has to be known.
   */
  mayClaim(now: number, ended: boolean, mustLook: boolean): boolean {
    return now >= this.#notBefore && (now >= this.#dryUntil || mustLook || (ended && now - this.#emptyAt > FRESH_MS));
  }

  /** A claim is about to be sent. A task that came between an empty answer and the wish for a hint would wait for the poll. */
  asking(): void {
    if (!this.#host.waits && (this.#empties > 0 || this.#wasShort)) this.#armWake();
  }

  /** `until`: when the claim had waited long enough; before that, its empty answer is believed for a while. */
  found(count: number, asked: number, until: number): void {
    this.#failures = 0;
    this.#wasShort = count < asked;
    if (count > 0) {
      this.#empties = 0;
      this.#dryUntil = 0;
      return;
    }
    const now = this.#host.clock.now();
    this.#empties += 1;
    this.#emptyAt = now;
    if (this.#host.waits) this.#dryUntil = Math.min(until, now + EARLY_MS);
    // A fifth more than the poll: the hint's own time-out comes first, unless it never comes.
    else if (this.#wakeArmed) this.#dryUntil = now + this.#host.pollMs * 1.2;
    if (this.#empties > STORM) this.#notBefore = now + HINT_GAP_MS;
    this.#host.look();
  }

  /** The claim failed; answers how often in a row. */
  failed(): number {
    this.#failures += 1;
    this.#notBefore = this.#host.clock.now() + backoffMs(this.#failures, this.#host.random);
    this.#host.look();
    return this.#failures;
  }

  /** Something may be claimable. */
  hint(): void {
    this.#dryUntil = 0;
    if (!this.#stopped) this.#host.look();
  }

  /** At the end of a turn: whatever still waits for a time is looked at then. */
  rearm(now: number): void {
    if (this.#dryUntil > now) this.lookAt(this.#dryUntil);
    if (this.#notBefore > now) this.lookAt(this.#notBefore);
  }

  /** One alarm for everything that waits for a time. */
  lookAt(at: number): void {
    if (at >= this.#alarmAt || this.#stopped) return;
    this.#alarm?.cancel();
    this.#alarmAt = at;
    this.#alarm = this.#host.clock.after(at - this.#host.clock.now(), () => {
      this.#alarmAt = Number.POSITIVE_INFINITY;
      this.#host.look();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#wakeSignal.abort();
    this.#alarm?.cancel();
  }

  #armWake(): void {
    const { handle, pollMs, random, report } = this.#host;
    if (this.#wakeArmed) return;
    this.#wakeArmed = true;
    promised(() => handle.wake(Math.round(pollMs * (0.9 + 0.2 * random())), this.#wakeSignal.signal)).then(
      () => {
        this.#wakeArmed = false;
        this.hint();
      },
      (error: unknown) => {
        this.#wakeArmed = false;
        if (!this.#stopped) report({ type: 'trouble', where: 'wake', error, failures: 1, fatal: false });
      },
    );
  }
}
