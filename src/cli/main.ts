#!/usr/bin/env node
// `prismq`: the command line as a process. It is loaded only where it can run, so that an older Node is told so.
const OLDEST = [24, 15] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  process.stderr.write(
    `PrismQ needs Node ${OLDEST.join('.')} or newer; this is ${process.versions.node}. From a checkout, npm brings it: npm ci && npm start\n`,
  );
  process.exit(1);
}

const { reportFailure, wantsDebug } = await import('./failure.ts');
const { processIo } = await import('./io.ts');
const { run } = await import('./program.ts');

const argv = process.argv.slice(2);
const io = processIo();
// What nobody caught is told like everything else: without a stack.
process.on('uncaughtException', (error) => process.exit(reportFailure(io, error, argv.includes('--json'), wantsDebug(argv, io))));
process.exitCode = await run(argv, io);

export {};
