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
    async seal(most) {
      const prepared = await read(() => prepareSeals(parts.reader, parts.engine.now(), most));
      return prepared.rows === 0
        ? 0
        : writer.one(
            'system',
            () => writeSeals(parts.engine, prepared),
            () => NOTHING,
          );
    },
    audit: (scope, chain, after, most) => read(() => readAudit(parts.reader, scope, chain, after, most)),
    auditHeads: (scope) => read(() => readHeads(parts.reader, scope)),
    trail: (scope, filter) => read(() => readTrail(parts.reader, scope, filter)),
    auditSummary: () => read(() => readAuditSummary(parts.reader)),
    changed: (timeoutMs, signal, interest) => parts.watch.changed(timeoutMs, signal, interest),
  };
}
