// A server as a whole: checks its settings, opens the file, listens, and ends in good order. Everything that it needs of the
// process comes in; the command line is but one who asks.
import type { Logger } from 'pino';
import { createApp } from '../http/app.ts';
import type { AssetFiles } from '../http/assets.ts';
import { listen } from '../http/node.ts';
import type { Listening } from '../http/node.ts';
import { QueueError } from '../domain/errors.ts';
import { cron } from '../cron.ts';
import { anchorFile, anchorSigner, fileOf, openQueue } from '../index.ts';
import type { Anchor, OpenOptions } from '../index.ts';
import type { BootstrapSecret, Queue } from '../service/handles.ts';
import { schemas } from '../schemas.ts';
import { CONFIG } from './config.ts';
import { openDashboard } from './dashboard.ts';
import { checkKeys, checkSettings } from './guard.ts';
import type { Surroundings } from './guard.ts';
import { createTokenVerifier } from './jwt.ts';
import { requestLogger } from './log.ts';
import { meterProcess } from './process-metrics.ts';
import { configRefused, refusing } from './settings.ts';
import type { ServerSettings } from './settings.ts';
import { readTls } from './tls.ts';

export interface ServeOptions extends Surroundings {
  readonly log: Logger;
  readonly version: string;
  /** How the reader would call the program, for what a refusal proposes. */
  readonly program: string;
  readonly now: () => number;
}

export interface Running {
  readonly url: string;
  readonly port: number;
  readonly queue: Queue;
  /** Null where the platform has an admin. */
  readonly bootstrap: BootstrapSecret | null;
  /** Reads certificate and key again, for new connections; what is wrong with them is logged, and the old ones stay. */
  renewTls(): void;
  /** Takes no more, lets what runs finish within the grace, closes the file. */
  close(): Promise<void>;
}

/** Throws `config_refused`, `address_unavailable`, and what opening the file throws. */
export async function serve(settings: ServerSettings, options: ServeOptions): Promise<Running> {
  const { log, now } = options;
  checkSettings(settings, options);
  const tls = readTls(settings, now());
  const verifyToken = settings.issuers.length === 0 ? undefined : await refusing(() => createTokenVerifier(settings.issuers, now));
  const anchors = await refusing(() => anchorsOf(settings, log));
  const queue = await openQueue(settings.db, {
    cron,
    schemas,
    synchronous: settings.synchronous,
    retentionMs: settings.retentionMs,
    auditRetentionMs: settings.auditRetentionMs ?? null,
    ...anchors,
    payloadBytes: settings.payloadBytes,
    createClients: false,
    ...(settings.masterKey === undefined ? {} : { masterKey: settings.masterKey }),
    ...(verifyToken === undefined ? {} : { verifyToken }),
    onError: quietly(log, now),
  });
  try {
    checkKeys(settings, await queue.admin().keys.list(), now(), options.program);
    const { listening, close } = await open(queue, settings, tls, options);
    const bootstrap = await queue.system().openBootstrap();
    log.info({ url: listening.url, db: settings.db, tls: tls !== null, proxies: settings.proxies, pid: process.pid, version: options.version }, 'listening');
    return { url: listening.url, port: listening.port, queue, bootstrap, renewTls: () => renew(listening, settings, options), close };
  } catch (error) {
    await queue.close();
    throw error;
  }
}

/** Signed heads of the audit go to a file, or with the log to wherever that is kept. */
function anchorsOf({ auditKey, auditAnchors, auditAnchorMs }: ServerSettings, log: Logger): Pick<OpenOptions, 'anchors'> {
  if (auditKey === undefined) return {};
  if (auditAnchors === undefined && !log.isLevelEnabled('info'))
    throw configRefused(CONFIG.auditAnchors.env, `anchors go to the log, and ${CONFIG.logLevel.env} leaves them out: name a file, or log at info`);
  const sink = auditAnchors === undefined ? (anchor: Anchor) => log.info({ anchor }, 'audit anchor') : anchorFile(auditAnchors);
  return { anchors: { signer: anchorSigner(auditKey), sink, everyMs: auditAnchorMs } };
}

async function open(
  queue: Queue,
  settings: ServerSettings,
  tls: ReturnType<typeof readTls>,
  { log, version }: ServeOptions,
): Promise<{ readonly listening: Listening; readonly close: () => Promise<void> }> {
  const { host, port, proxies, maxConnections, maxBodyBytes, rateKey, rateClient, rateAddress, metrics, graceMs, db } = settings;
  let listening: Listening | undefined;
  const meter = meterProcess({ version, file: fileOf(db), connections: async () => listening?.connections() ?? 0 });
  try {
    const rates = { key: rateKey, client: rateClient, address: rateAddress };
    const dashboard = settings.dashboard === 'off' ? null : await dashboardOf(log);
    const app = await createApp({ queue, version, dashboard, maxBodyBytes, rates, metrics, families: () => meter.families(), onRequest: requestLogger(log) });
    const opened = (listening = await listen(app, { host, port, proxies, maxConnections, ...(tls === null ? {} : { tls }) }));
    const close = async (): Promise<void> => {
      log.info({ grace_ms: graceMs }, 'draining');
      await opened.close(graceMs);
      meter.stop();
      await queue.close();
      log.info('stopped');
    };
    return { listening: opened, close };
  } catch (error) {
    meter.stop();
    throw addressTrouble(settings, error);
  }
}

/** A server without its dashboard is still a server. */
async function dashboardOf(log: Logger): Promise<AssetFiles | null> {
  try {
    return await openDashboard({ onBuild: () => log.info('building the dashboard') });
  } catch (error) {
    log.error({ err: error }, 'there is no dashboard');
    return null;
  }
}

function addressTrouble({ host, port }: ServerSettings, error: unknown): unknown {
  const refused = (message: string): QueueError => new QueueError('address_unavailable', message, { host, port }, error);
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return refused(`port ${port} of ${host} is in use: stop what uses it, or give another with ${CONFIG.port.flag} (0 is any that is free)`);
    case 'EACCES':
      return refused(`port ${port} may not be used by this user: give one above 1023 with ${CONFIG.port.flag}`);
    case 'EADDRNOTAVAIL':
      return refused(`${host} is no address of this machine: give one that is with ${CONFIG.host.flag}`);
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return refused(`the name ${host} leads to no address: give one with ${CONFIG.host.flag}`);
    default:
      return error;
  }
}

function renew(listening: Listening, settings: ServerSettings, { log, now }: ServeOptions): void {
  try {
    const tls = readTls(settings, now());
    if (tls === null) return;
    listening.renew(tls);
    log.info({ valid_until: tls.validUntil.toISOString() }, 'certificate renewed');
  } catch (error) {
    log.error({ err: error }, 'the new certificate is refused, the old one stays');
  }
}

const SAME_MS = 60_000;

/** What fails every second is told every minute. */
function quietly(log: Logger, now: () => number): (error: unknown) => void {
  const told = new Map<string, number>();
  return (error) => {
    const name = error instanceof QueueError ? error.code : String(error);
    if (now() - (told.get(name) ?? 0) < SAME_MS) return;
    told.clear();
    told.set(name, now());
    log.error({ err: error }, 'upkeep failed and is tried again');
  };
}
