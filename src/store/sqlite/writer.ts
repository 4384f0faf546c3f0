// Group commit: the write calls of one turn of the event loop are collected and committed together, and each caller is
// answered after the commit. A job that fails is rolled back alone (savepoint); a full turn never holds the lock over an await.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { QueueError } from '../../domain/errors.ts';
import { asQueueError, isBusy } from './errors.ts';
import { EVERYTHING } from '../waiters.ts';
import type { Touched } from '../waiters.ts';
import type { Statements } from './statements.ts';
import type { Wall } from './wall.ts';

/** A job's items may be merged with those of other jobs of the same kind into one set-based run. */
export interface Job<Item, Answer> {
  /** Jobs of one kind run together; absent: alone. Roles are never mixed in one kind. */
  readonly kind: string;
  readonly items: readonly Item[];
  /** Runs inside the transaction; one answer an item, in order. */
  readonly run: (items: readonly Item[]) => readonly Answer[];
  /** Whose job it is: turns are filled round-robin over these, so that a flood of one does not push others out. */
  readonly owner: string;
  /** What its commit touched, asked when somebody waits; absent: it may be anything. */
  readonly touched?: ((answers: readonly Answer[]) => Touched) | undefined;
}

interface Waiting {
  readonly job: Job<unknown, unknown>;
  readonly resolve: (answers: readonly unknown[]) => void;
  readonly reject: (error: QueueError) => void;
}
interface Outcome {
  readonly waiting: Waiting;
  readonly answers?: readonly unknown[];
  readonly error?: QueueError;
}

/** What was refused touched nothing. */
const touchedBy = ({ waiting: { job }, answers }: Outcome): Touched[] => (answers === undefined ? [] : [job.touched?.(answers) ?? EVERYTHING]);

const ITEMS_A_TURN = 1000;
/** Rounds of the event loop that a turn is kept open at most. */
const MOST_ROUNDS = 16;
const BUSY_FIRST_MS = 2;
const BUSY_MOST_MS = 100;

export class Writer {
  readonly #db: DatabaseSync;
  readonly #wall: Wall;
  readonly #st: Statements;
  readonly #busyTimeoutMs: number;
  readonly #committed: (touched: () => Touched[]) => void;
  readonly #control = new Map<string, StatementSync>();
  #owners = new Map<string, Waiting[]>();
  /** Jobs that wait, and those of the turn before. */
  #jobs = 0;
  #before = 0;
  #scheduled = false;
  #closed = false;
  #idle: Promise<void> = Promise.resolve();

  constructor(db: DatabaseSync, wall: Wall, st: Statements, busyTimeoutMs: number, committed: (touched: () => Touched[]) => void) {
    this.#db = db;
    this.#wall = wall;
    this.#st = st;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#committed = committed;
  }

  submit<Item, Answer>(job: Job<Item, Answer>): Promise<readonly Answer[]> {
    if (this.#closed) return Promise.reject(new QueueError('closed', 'the queue is closed'));
    return new Promise((resolve, reject) => {
      const waiting = { job: job as unknown as Job<unknown, unknown>, resolve: resolve as (answers: readonly unknown[]) => void, reject };
      const mine = this.#owners.get(job.owner);
      if (mine === undefined) this.#owners.set(job.owner, [waiting]);
      else mine.push(waiting);
      this.#jobs++;
      this.#schedule();
    });
  }

  /** One job of one item. */
  async one<Answer>(owner: string, action: () => Answer, touched?: (answer: Answer) => Touched): Promise<Answer> {
    const told = touched && (([answer]: readonly Answer[]) => touched(answer as Answer));
    const [answer] = await this.submit({ kind: '', items: [null], owner, run: () => [action()], touched: told });
    return answer as Answer;
  }

  /** Refuses new jobs and waits for those that were taken. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#scheduled) await this.#idle;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#idle = new Promise((done) => this.#gather(0, MOST_ROUNDS, done));
  }

  /**
   * Who was answered together comes back together, but over several rounds of the loop when each comes by a socket of its own: while a
   * round brings more, the turn stays open, so that they share a commit. A caller alone is not kept.
   */
  #gather(seen: number, rounds: number, done: () => void): void {
    setImmediate(() => {
      const more = this.#jobs > seen && this.#jobs + this.#before > 2;
      if (more && rounds > 0) this.#gather(this.#jobs, rounds - 1, done);
      else void this.#turns().finally(done);
    });
  }

  async #turns(): Promise<void> {
    try {
      const turn = this.#take();
      this.#before = turn.length;
      this.#jobs -= turn.length;
      if (turn.length > 0) await this.#commit(turn);
    } finally {
      this.#scheduled = false;
      if (this.#owners.size > 0) this.#schedule();
    }
  }

  /** The jobs of the next turn: one from each owner in turn until it is full. */
  #take(): Waiting[] {
    const turn: Waiting[] = [];
    let items = 0;
    while (this.#owners.size > 0 && items < ITEMS_A_TURN) {
      for (const [owner, jobs] of this.#owners) {
        const next = jobs.shift();
        if (jobs.length === 0) this.#owners.delete(owner);
        if (next === undefined) continue;
        turn.push(next);
        items += next.job.items.length;
        if (items >= ITEMS_A_TURN) break;
      }
    }
    return turn;
  }

  async #commit(turn: readonly Waiting[]): Promise<void> {
    const error = await this.#begin();
    if (error !== null) return turn.forEach((waiting) => waiting.reject(error));
    let outcomes: Outcome[];
    try {
      this.#st.recall();
      outcomes = this.#run(turn);
      this.#exec('COMMIT');
    } catch (failure) {
      this.#abandon();
      const typed = asQueueError(failure);
      return turn.forEach((waiting) => waiting.reject(typed));
    }
    for (const { waiting, answers, error: refused } of outcomes) {
      if (refused !== undefined) waiting.reject(refused);
      else waiting.resolve(answers ?? []);
    }
    this.#committed(() => outcomes.flatMap(touchedBy));
  }

  /** Takes the write lock, waiting without blocking the loop; an error when the deadline passes first. */
  async #begin(): Promise<QueueError | null> {
    const deadline = performance.now() + this.#busyTimeoutMs;
    for (let wait = BUSY_FIRST_MS; ; wait = Math.min(wait * 2, BUSY_MOST_MS)) {
      try {
        this.#exec('BEGIN IMMEDIATE');
        return null;
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) return asQueueError(error);
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  #run(turn: readonly Waiting[]): Outcome[] {
    const kinds = new Map<string, Waiting[]>();
    for (const [i, waiting] of turn.entries()) {
      const kind = waiting.job.kind === '' ? `\n${i}` : waiting.job.kind;
      const same = kinds.get(kind);
      if (same === undefined) kinds.set(kind, [waiting]);
      else same.push(waiting);
    }
    // A job that is alone in its transaction needs no savepoint: it fails with it.
    const [only] = turn;
    if (only !== undefined && turn.length === 1) return [{ waiting: only, answers: only.job.run(only.job.items) }];
    const outcomes: Outcome[] = [];
    for (const group of kinds.values()) outcomes.push(...this.#runGroup(group));
    return outcomes;
  }

  /** A group in one savepoint; when it fails, its jobs one by one, so that a bad one fails alone. */
  #runGroup(group: readonly Waiting[]): Outcome[] {
    const first = (group[0] as Waiting).job;
    this.#exec('SAVEPOINT job');
    try {
      const answers = first.run(group.length === 1 ? first.items : group.flatMap((waiting) => waiting.job.items));
      this.#exec('RELEASE job');
      let from = 0;
      return group.map((waiting) => ({ waiting, answers: answers.slice(from, (from += waiting.job.items.length)) }));
    } catch (error) {
      this.#exec('ROLLBACK TO job');
      this.#exec('RELEASE job');
      this.#forget();
      if (group.length === 1) return [{ waiting: group[0] as Waiting, error: asQueueError(error) }];
      return group.flatMap((waiting) => this.#runGroup([waiting]));
    }
  }

  #abandon(): void {
    try {
      this.#exec('ROLLBACK');
    } catch {
      // The failed COMMIT has rolled back by itself.
    }
    this.#forget();
  }

  /** Nothing that was bound or remembered in what was rolled back. */
  #forget(): void {
    this.#wall.forget();
    this.#st.forget();
  }

  #exec(sql: string): void {
    const before = this.#wall.current;
    this.#wall.current = 'owner';
    try {
      let statement = this.#control.get(sql);
      if (statement === undefined) this.#control.set(sql, (statement = this.#db.prepare(sql)));
      statement.run();
    } finally {
      this.#wall.current = before;
    }
  }
}
