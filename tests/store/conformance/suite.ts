// The conformance suite: every topic, for any engine.
import { claimSuite } from './claim.ts';
import { clientSuite } from './clients.ts';
import { endingSuite } from './endings.ts';
import { enqueueSuite } from './enqueue.ts';
import { explainSuite } from './explain.ts';
import { fairnessSuite } from './fairness.ts';
import { grantSuite } from './grants.ts';
import { idempotencySuite } from './idempotency.ts';
import { isolationSuite } from './isolation.ts';
import { leaseSuite } from './leases.ts';
import { limitSuite } from './limits.ts';
import { listSuite } from './lists.ts';
import type { Conformance } from './rig.ts';
import { retentionSuite } from './retention.ts';
import { settlingSuite } from './settling.ts';
import { scheduleSuite } from './schedules.ts';
import { schemaSuite } from './schemas.ts';
import { strategySuite } from './strategies.ts';
import { transitionSuite } from './transitions.ts';
import { workLimitSuite } from './work-limits.ts';
import { workerSuite } from './workers.ts';

export function conformance(suite: Conformance): void {
  enqueueSuite(suite);
  claimSuite(suite);
  strategySuite(suite);
  leaseSuite(suite);
  transitionSuite(suite);
  endingSuite(suite);
  settlingSuite(suite);
  isolationSuite(suite);
  fairnessSuite(suite);
  listSuite(suite);
  limitSuite(suite);
  clientSuite(suite);
  idempotencySuite(suite);
  retentionSuite(suite);
  grantSuite(suite);
  workerSuite(suite);
  scheduleSuite(suite);
  workLimitSuite(suite);
  schemaSuite(suite);
  explainSuite(suite);
}
