// What a job of a workload becomes: a task of its group, its category the name of its site from the top-level domain down.
import type { EnqueueItem } from '../../service/handles.ts';
import type { SwfJob } from './swf.ts';

const MISSING = -1;
/** `Grid` and seven more: a category has eight segments at most. */
const MOST_LABELS = 7;
const LONGEST_TYPE = 200;
/** For names that would make a longer type. */
const CUT_SEGMENT = 24;
const LONGEST_REGION = 63;
const SLOWEST_MS = 86_400_000;
/** The longest that a job is played: two thirds of what one attempt may take. */
const LONGEST_RUN_MS = 57_600_000;
const DEFAULT_RUN_MS = 3_600_000;

export interface Site {
  readonly type: string;
  /** The top-level domain; null where the name has none. */
  readonly region: string | null;
  readonly name: string | null;
}

const numberText = (value: number): string => (value === MISSING ? 'unknown' : String(value).replaceAll(/[^A-Za-z0-9._-]/g, '_'));
export const clientOf = (job: SwfJob): string => numberText(job.group);

/** A label of a domain as a segment of a category: `lcg-ce` → `Lcg_ce`, `2nd` → `X2nd`. */
export function segmentOf(label: string): string {
  const safe = label.replaceAll(/[^A-Za-z0-9_]/g, '_');
  const begun = /^[A-Za-z]/.test(safe) ? safe : `X${safe}`;
  return begun.charAt(0).toUpperCase() + begun.slice(1);
}

/** `lancs.ac.uk` → `Grid.Uk.Ac.Lancs` in region `uk`; without a name `Grid.P<number>`; without a site `Grid.Unknown`. */
export function siteOf(partition: number, name: string | undefined): Site {
  if (partition === MISSING) return { type: 'Grid.Unknown', region: null, name: null };
  const labels = (name ?? '').split('.').filter((label) => /[A-Za-z0-9]/.test(label));
  if (name === undefined || labels.length === 0) return { type: `Grid.${segmentOf(`P${partition}`)}`, region: null, name: null };
  const reversed = labels.toReversed();
  const kept = reversed.length > MOST_LABELS ? [...reversed.slice(0, MOST_LABELS - 1), reversed.slice(MOST_LABELS - 1).join('_')] : reversed;
  const type = `Grid.${kept.map(segmentOf).join('.')}`;
  const short = type.length <= LONGEST_TYPE ? type : `Grid.${kept.map((label) => segmentOf(label).slice(0, CUT_SEGMENT)).join('.')}`;
  return { type: short, region: labels.length > 1 ? (labels.at(-1) as string).toLowerCase().slice(0, LONGEST_REGION) : null, name };
}

/** Remembers the sites: there are few of them and many jobs. */
export function createMapping(
  names: ReadonlyMap<number, string>,
  speed: number,
): { readonly item: (job: SwfJob) => EnqueueItem; readonly site: (partition: number) => Site } {
  const sites = new Map<number, Site>();
  const site = (partition: number): Site => {
    const known = sites.get(partition) ?? siteOf(partition, names.get(partition));
    sites.set(partition, known);
    return known;
  };
  return { site, item: (job) => itemOf(job, site(job.partition), speed) };
}

function itemOf(job: SwfJob, site: Site, speed: number): EnqueueItem {
  const runMs = runTimeMs(job.runS, speed);
  return {
    type: site.type,
    payload: { job: job.job, submit_s: job.submitS, run_s: job.runS, user: job.user, group: job.group, site: site.name },
    createdBy: numberText(job.user),
    ...(site.region === null ? {} : { compatibility: { region: site.region } }),
    // A job may run for days: the time that an attempt may take grows with it, as far as the queue allows.
    ...(runMs * 1.5 > DEFAULT_RUN_MS ? { maxRunMs: Math.min(SLOWEST_MS, Math.ceil(runMs * 1.5)) } : {}),
  };
}

/** How long the work of a job is played; `speed` infinite plays no time at all. */
export const runTimeMs = (runS: number, speed: number): number =>
  runS <= 0 || speed === Number.POSITIVE_INFINITY ? 0 : Math.min(LONGEST_RUN_MS, (runS * 1000) / speed);
export const arrivalMs = (submitS: number, speed: number): number => (submitS <= 0 || speed === Number.POSITIVE_INFINITY ? 0 : (submitS * 1000) / speed);
