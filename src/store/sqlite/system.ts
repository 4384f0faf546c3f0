// What the system asks of the SQLite store: the janitor's step, the sealer's, what is read of the audit, and hints of change.
import type { Store } from '../store.ts';
import { EVERYTHING, NOTHING } from '../waiters.ts';
import { cutAudit, putAnchor, putRetention, readCuts, readNextAnchor, readRetention } from './cuts.ts';
import { tick } from './janitor.ts';
import { backoffIn, read } from './parts.ts';
import type { Parts } from './parts.ts';
import { prepareSeals, readAudit, readHeads, writeSeals } from './seal.ts';
import { secretOf } from './secrets.ts';
import { readAuditSummary } from './stats.ts';
import { readTrail } from './trail.ts';

type CutOperations = Pick<Store, 'auditCuts' | 'nextAnchor' | 'anchored' | 'auditRetention' | 'retainAudit' | 'cutAudit'>;
type SystemOperations = CutOperations & Pick<Store, 'tick' | 'seal' | 'audit' | 'auditHeads' | 'trail' | 'secret' | 'auditSummary' | 'changed'>;

const cutOperations = ({ engine, reader }: Parts): CutOperations => ({
  auditCuts: (scope) => read(() => readCuts(reader, scope)),
  nextAnchor: (most) => read(() => readNextAnchor(reader, most)),
  anchored: (anchor) => engine.writer.one('system', () => putAnchor(engine, anchor, engine.now())),
  auditRetention: () => read(() => readRetention(reader)),
  retainAudit: (scope, retention) => engine.writer.one('system', () => putRetention(engine, scope, retention)),
  cutAudit: ({ keepMs, most }) => engine.writer.one('system', () => cutAudit(engine, engine.now(), keepMs, most)),
});

/** What another process has not reached after so long is sealed here; with the time between two looks, still within a second. */
const PATIENCE_MS = 450;

/** Of many processes on one file one is ahead of the others: these look for what it has left, instead of hashing the same. */
function sealer({ engine, reader }: Parts): Store['seal'] {
  let isBehind = false;
  return async (most, { patient = false } = {}) => {
    const now = engine.now();
    const prepared = await read(() => prepareSeals(reader, now, most, patient && isBehind ? now - PATIENCE_MS : now));
    if (prepared.rows === 0) return 0;
    const sealed = await engine.writer.one(
      'system',
      () => writeSeals(engine, prepared),
      () => NOTHING,
    );
    isBehind = sealed === 0;
    return sealed;
  };
}

export function systemOperations(parts: Parts): SystemOperations {
  const backoffOf = backoffIn(parts);
  const { writer } = parts.engine;
  return {
    ...cutOperations(parts),
    tick: ({ retentionMs }) =>
      writer.one(
        'system',
        () => tick(parts.engine, backoffOf, retentionMs),
        ({ expired, buried, lapsed, purged }) => (expired + buried + lapsed + purged > 0 ? EVERYTHING : NOTHING),
      ),
    secret: (name) =>
      writer.one(
        'system',
        () => secretOf(parts.engine, name),
        () => NOTHING,
      ),
    seal: sealer(parts),
    audit: (scope, chain, after, most) => read(() => readAudit(parts.reader, scope, chain, after, most)),
    auditHeads: (scope) => read(() => readHeads(parts.reader, scope)),
    trail: (scope, filter) => read(() => readTrail(parts.reader, scope, filter)),
    auditSummary: () => read(() => readAuditSummary(parts.reader)),
    changed: (timeoutMs, signal, interest) => parts.watch.changed(timeoutMs, signal, interest),
  };
}
