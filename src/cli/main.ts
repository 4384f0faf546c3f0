#!/usr/bin/env node
// `prismq`: the command line as a process.
import { reportFailure } from './failure.ts';
import { processIo } from './io.ts';
import { run } from './program.ts';

const argv = process.argv.slice(2);
const io = processIo();
// What nobody caught is told like everything else: without a stack.
process.on('uncaughtException', (error) => process.exit(reportFailure(io, error, argv.includes('--json'))));
process.exitCode = await run(argv, io);
