// One process of a replay's crew. It ends when it is told to, and when the process that started it is gone.
import { openQueue } from '../../index.ts';
import { isFinal } from './crew.ts';
import type { Orders, Told } from './crew.ts';
import { peakRssMb, startPlayer } from './player.ts';

const TELL_MS = 50;

const tell = (told: Told): void => {
  if (process.connected) process.send?.(told);
};

process.on('uncaughtException', (error) => {
  tell({ warning: error.message });
  process.exit(1);
});
/** Ctrl+C reaches every process of the terminal: the first one decides what it means. */
process.on('SIGINT', () => undefined);

const { db, speed, ...settings } = JSON.parse(process.argv[2] ?? '') as Orders;
const queue = await openQueue(db);
let ended = 0;
const warn = (_: object, message: string): void => tell({ warning: message });
const worker = startPlayer(queue, { ...settings, speed: speed ?? Number.POSITIVE_INFINITY }, (event) => (ended += isFinal(event) ? 1 : 0), {
  info: () => undefined,
  warn,
  error: warn,
});
const timer = setInterval(() => tell({ ended }), TELL_MS);
const stop = (): void => void worker.stop();
process.on('message', stop);
process.on('disconnect', stop);
process.on('SIGTERM', stop);

try {
  await worker.done;
} catch (error) {
  tell({ warning: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
} finally {
  clearInterval(timer);
  tell({ ended });
  tell({ peakRssMb: peakRssMb() });
  await queue.close();
  if (process.connected) process.disconnect();
}
