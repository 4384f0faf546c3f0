// What a server refuses to start with: settings that would let anybody in, lose what was acknowledged, or undo a check.
import { isIPv4, isIPv6 } from 'node:net';
import type { KeyInfo } from '../service/handles.ts';
import { CONFIG } from './config.ts';
import type { Environment } from './config.ts';
import { configRefused } from './settings.ts';
import type { ServerSettings } from './settings.ts';
import { isMasterKey } from '../service/sealed/master.ts';

export interface Surroundings {
  readonly env: Environment;
  /** What Node was started with. */
  readonly execArgv: readonly string[];
}

/** Keys of `prismq dev` are called so: they are shown on a terminal, and are for this machine alone. */
export const DEV_NAME = 'prismq-dev';

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (bare === 'localhost' || bare === '::1') return true;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1];
  return isIPv4(mapped ?? bare) && (mapped ?? bare).startsWith('127.');
}

const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9-]{1,63})*$/;

/** Before anything is opened. Throws `config_refused`. */
export function checkSettings(settings: ServerSettings, { env, execArgv }: Surroundings): void {
  const { host, db, tlsCert, tlsKey, proxies, rateAddress, maxBodyBytes, payloadBytes, issuers, masterKey } = settings;
  if (!isIPv4(host) && !isIPv6(host) && (!HOST_NAME.test(host) || /^[\d.]+$/.test(host)))
    throw configRefused(CONFIG.host.flag, `${JSON.stringify(host)} is no address: give one like 127.0.0.1 or ::1, without a port`);
  if (db === ':memory:') throw configRefused(CONFIG.db.flag, 'a server keeps what it acknowledges: name a file');
  if (/^https?:/i.test(db)) throw configRefused(CONFIG.db.flag, 'this is the address of a server: name the file that this one is to serve');
  if (masterKey !== undefined && !isMasterKey(masterKey))
    throw configRefused(CONFIG.masterKey.env, 'a master key is 64 hex digits, several are separated by commas: `openssl rand -hex 32` makes one');
  if (maxBodyBytes < payloadBytes + 1000)
    throw configRefused(
      CONFIG.maxBodyBytes.env,
      `${maxBodyBytes} leaves no room for a payload of ${CONFIG.payloadBytes.env} (${payloadBytes}): raise it, or lower that`,
    );
  if (execArgv.some(isInsecureParser) || (env['NODE_OPTIONS'] ?? '').split(/\s+/).some(isInsecureParser))
    throw configRefused('NODE_OPTIONS', '--insecure-http-parser lets requests be smuggled: take it away');
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0' && issuers.length > 0)
    throw configRefused('NODE_TLS_REJECT_UNAUTHORIZED', '0 lets anybody pose as the issuer of tokens: unset it, and name a private CA in NODE_EXTRA_CA_CERTS');
  if (isLoopback(host)) return;
  if (tlsCert === undefined && tlsKey === undefined && proxies === 0)
    throw configRefused(
      CONFIG.host.flag,
      `${host} is reached from other machines, and keys would go there in the clear: give ${CONFIG.tlsCert.flag} and ${CONFIG.tlsKey.flag}, or say with ${CONFIG.proxies.flag} how many proxies in front speak TLS`,
    );
  if (rateAddress === null)
    throw configRefused(
      CONFIG.rateAddress.env,
      `failed logins must be bounded on ${host}, which is reached from other machines: give a rate like ${CONFIG.rateAddress.default}`,
    );
}

const isInsecureParser = (argument: string): boolean => /^--insecure[-_]http[-_]parser/.test(argument);

/** With the file open, before anything listens: on an address for others somebody must be able to log in, and no key for play. */
export function checkKeys({ host, issuers, db }: ServerSettings, keys: readonly KeyInfo[], now: number, program: string): void {
  if (isLoopback(host)) return;
  const open = keys.filter(({ revokedAtUtc, expiresAtUtc }) => revokedAtUtc === null && (expiresAtUtc === null || expiresAtUtc > now));
  const dev = open.find((key) => isDevKey(key));
  if (dev !== undefined)
    throw configRefused(
      CONFIG.host.flag,
      `the key ${dev.keyId} is one of \`prismq dev\`: end it with \`${program} keys revoke ${dev.keyId} --db ${db}\` before others reach this`,
    );
  if (open.length === 0 && issuers.length === 0)
    throw configRefused(
      CONFIG.host.flag,
      `there is no key yet, and ${host} is reached from other machines: make the first with \`${program} keys create --role admin --db ${db}\`, or start on 127.0.0.1`,
    );
}

const isDevKey = ({ name, workerId }: KeyInfo): boolean => (name ?? workerId ?? '').startsWith(DEV_NAME);
