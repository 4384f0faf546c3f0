// The log of a server: JSON lines, or lines for people on a terminal. A line names the request, who asked, the code and the time;
// it never has a key, a token, a payload, a query or a body.
import { pino } from 'pino';
import type { Logger } from 'pino';
import type { RequestEvent } from '../http/answer.ts';
import { prettyLine } from './pretty.ts';
import type { ServerSettings } from './settings.ts';

export interface LogSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** What a log line must never show, wherever it comes from: keys but for their id, one-time secrets, tokens. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\b(prismq_(?:client|worker|admin|auditor)_[0-9A-Za-z]{11}_)[0-9A-Za-z]+/g, '$1[hidden]'],
  [/\b(prismq_bootstrap_)[0-9A-Za-z]+/g, '$1[hidden]'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, '[hidden token]'],
];
export const withoutSecrets = (text: string): string => SECRETS.reduce((shown, [pattern, put]) => shown.replaceAll(pattern, put), text);

export function createLog({ logLevel, logFormat }: Pick<ServerSettings, 'logLevel' | 'logFormat'>, sink: LogSink): Logger {
  const isPretty = logFormat === 'pretty' || (logFormat === 'auto' && sink.isTTY === true);
  return pino(
    {
      level: logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: causeOf },
    },
    { write: (line: string) => sink.write(isPretty ? prettyLine(withoutSecrets(line), sink.isTTY === true) : withoutSecrets(line)) },
  );
}

/** One line a request: what went well at `debug`, what was refused at `info`, what is our fault at `error`. */
export function requestLogger(log: Logger): (event: RequestEvent) => void {
  return ({ operation, status, code, ms, requestId, address, actor, keyId, clientId, cause }) => {
    const level = status >= 500 && code !== 'store_unavailable' ? 'error' : status >= 400 ? 'info' : 'debug';
    if (!log.isLevelEnabled(level)) return;
    const line = { operation, status, code, ms: Math.round(ms * 1000) / 1000, request_id: requestId, actor, key_id: keyId, client_id: clientId, address };
    log[level](cause === undefined ? line : { ...line, err: cause }, 'request');
  };
}

/** The message of a parser quotes what it parsed, and that is a caller's. */
function causeOf(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, stack = '' } = error;
  const { code, cause } = error as NodeJS.ErrnoException & { readonly cause?: unknown };
  return {
    type: name,
    ...(code === undefined ? {} : { code }),
    ...(error instanceof SyntaxError ? {} : { message }),
    at: stack
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .map((line) => line.trim()),
    ...(cause instanceof Error ? { cause: causeOf(cause) } : {}),
  };
}
