// One worker of the replay on PostgreSQL, a process of its own: `replay-worker.ts URL REGIONS`, its key in PRISMQ_KEY.
import { argv, env, exit, stderr, stdout } from 'node:process';
import { connect } from '../../src/client/connect.ts';
import { startWorker } from '../../src/worker/worker.ts';

const [url = '', regions = ''] = argv.slice(2);
const told = (_: object, message: string): void => void stderr.write(`${message}\n`);
const worker = startWorker(
  connect({ url, key: env['PRISMQ_KEY'] ?? '' }),
  { 'Grid.*': () => undefined },
  { concurrency: 500, attributes: { region: regions.split(',') }, logger: { info: () => undefined, warn: told, error: told } },
);
process.on('SIGTERM', () => void worker.stop().then(() => exit(0)));
stdout.write('ready\n');
await worker.done;
