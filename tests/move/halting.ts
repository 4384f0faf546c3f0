// A move in a process of its own that stops at one step and waits to be killed: `node halting.ts FROM TO STEP [NOTE]`.
import { mover } from '../../src/index.ts';

const [, , from, to, wanted, note] = process.argv as string[];
const report = await (await mover()).move(
  { from: from as string, to: to as string },
  {
    leases: 'carry',
    async told(step) {
      if (step.step !== wanted || (note !== undefined && step.note !== note)) return;
      process.stdout.write('here\n');
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    },
  },
);
process.stdout.write(`${JSON.stringify(report)}\n`);
