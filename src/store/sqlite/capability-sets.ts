// Which lanes a distinct (declared ∩ granted) covers is stored: matched when a set is born (against every lane) and when a
// lane is born (against every set), both under the write lock, so that no pair is missed and a claim matches nothing.
import { capabilityKey, covers } from '../../domain/capability.ts';
import type { Compatibility, GrantSpec, WorkerCapabilities } from '../../domain/task.ts';
import { bump } from './engine.ts';
import type { Engine } from './engine.ts';

interface SetContent {
  readonly declared: WorkerCapabilities;
  readonly grants: readonly GrantSpec[];
  /** The clients that the grants reach. */
  readonly clients: '*' | readonly string[];
}
export interface Lane {
  readonly laneId: number;
  readonly clientId: string;
  readonly type: string;
  readonly compatibility: string;
}

const LANES_A_STEP = 5000;

/** The content of a set never changes, so it is parsed once. */
export function createSets(engine: Engine): { content(setId: number, key: string): SetContent; all(): readonly { setId: number; content: SetContent }[] } {
  const known = new Map<number, { readonly key: string; readonly content: SetContent }>();
  const content = (setId: number, key: string): SetContent => {
    const cached = known.get(setId);
    if (cached?.key === key) return cached.content;
    const parsed = JSON.parse(key) as { declared: WorkerCapabilities; grants: readonly GrantSpec[] };
    const clients = parsed.grants.some((grant) => grant.clientId === '*') ? '*' : [...new Set(parsed.grants.map((grant) => grant.clientId))].sort();
    const made = { ...parsed, clients } as SetContent;
    known.set(setId, { key, content: made });
    return made;
  };
  return {
    content,
    all: () => engine.st.rows('set_list').map(([setId, key]) => ({ setId: setId as number, content: content(setId as number, key as string) })),
  };
}

/** The set of this content; born and matched when it is new. Binds every client: a set looks at all lanes. */
export function ensureSet(engine: Engine, declared: WorkerCapabilities, grants: readonly GrantSpec[]): number {
  const key = capabilityKey(declared, grants);
  const found = engine.st.row('set_find', { key });
  if (found !== undefined) return found[0] as number;
  engine.wall.bind({ clients: '*' });
  const setId = engine.st.insert('set_insert', [key]);
  for (let after = 0; ; ) {
    const lanes = engine.st.rows('lanes_all', { after, most: LANES_A_STEP });
    if (lanes.length === 0) break;
    const covered = lanes.filter(([, clientId, type, compatibility]) =>
      covers(declared, grants, { clientId: clientId as string, type: type as string, compatibility: JSON.parse(compatibility as string) as Compatibility }),
    );
    if (covered.length > 0) engine.st.run('set_cover', { set_id: setId, lane_ids: JSON.stringify(covered.map(([laneId]) => laneId)) });
    after = lanes.at(-1)?.[0] as number;
  }
  bump(engine, 'lanes_version');
  return setId;
}

/** Matches a new lane against every set there is. The lane's client is bound. */
export function coverLane(engine: Engine, sets: ReturnType<typeof createSets>, lane: Lane): void {
  const compatibility = JSON.parse(lane.compatibility) as Compatibility;
  for (const { setId, content } of sets.all())
    if (covers(content.declared, content.grants, { clientId: lane.clientId, type: lane.type, compatibility }))
      engine.st.run('lane_cover', { set_id: setId, client_id: lane.clientId, lane_id: lane.laneId });
}
