// Everything that goes wrong or changes is said once, here: to the listener and to the log. Neither can break the worker.
import { causesOf } from '../domain/errors.ts';
import { failureOf } from './outcome.ts';
import type { WorkerEvent, WorkerLogger } from './types.ts';

export type Report = (event: WorkerEvent) => void;

type Level = keyof WorkerLogger | 'none';

const LEVELS = {
  ready: 'info',
  ended: 'none',
  lost: 'warn',
  timed_out: 'warn',
  abandoned: 'error',
  trouble: 'warn',
  stopped: 'info',
} as const satisfies Record<WorkerEvent['type'], Level>;

const consoleLogger: WorkerLogger = {
  info: () => undefined,
  warn: (details, message) => console.warn(message, details),
  error: (details, message) => console.error(message, details),
};

export function createReport(logger: WorkerLogger = consoleLogger, listener?: (event: WorkerEvent) => void): Report {
  return (event) => {
    const level = event.type === 'trouble' && event.fatal ? 'error' : LEVELS[event.type];
    if (level !== 'none') write(logger, level, detailsOf(event), sentenceOf(event));
    try {
      listener?.(event);
    } catch (error) {
      write(logger, 'error', { error: failureOf(error).message }, 'The listener of the worker threw.');
    }
  };
}

function write(logger: WorkerLogger, level: keyof WorkerLogger, details: object, message: string): void {
  try {
    logger[level](details, message);
  } catch {
    // A logger that throws has nobody to be reported to.
  }
}

function detailsOf(event: WorkerEvent): object {
  return event.type === 'trouble' ? { where: event.where, error: reasonOf(event.error), failures: event.failures } : event;
}

/** The log is for who runs the worker: what is behind a sentence for callers is said too. */
const reasonOf = (error: unknown): string =>
  causesOf(error)
    .map((one) => failureOf(one).message)
    .join(', because: ');

function sentenceOf(event: WorkerEvent): string {
  switch (event.type) {
    case 'ready':
      return `Worker ${event.workerId} is ready for ${event.patterns.join(', ')}.`;
    case 'stopped':
      return `Worker ${event.workerId} has stopped.`;
    case 'trouble':
      return `Worker: ${event.where} failed${event.fatal ? ' and the worker stops' : ', trying again'}: ${reasonOf(event.error)}`;
    case 'timed_out':
      return `Task ${event.taskId} ran longer than its ${event.maxRunMs} ms; the attempt fails.`;
    case 'lost':
    case 'abandoned':
      return `Task ${event.taskId}: ${event.message}`;
    default:
      return `Task ${event.taskId} ended: ${event.op}.`;
  }
}
