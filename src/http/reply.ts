// What an operation is asked and what it answers, free of any server: the router and the hot path both speak it.
import type { OperationName, OperationRow } from '../contract/operations.ts';
import type { KeyPrincipal } from '../domain/principal.ts';

/** A request whose head was read. */
export interface Ask {
  readonly name: OperationName;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** By lower-case name. */
  header(name: string): string | undefined;
  body(): Promise<string>;
  /** The body as it comes; absent on the hot path, which has none so. */
  readonly chunks?: () => AsyncIterable<Uint8Array>;
  readonly address: string;
  readonly requestId: string;
  /** From this machine, by no proxy. */
  readonly isLocal?: boolean;
  /** Whether the caller went away, or the server drains: nobody will hear the answer. */
  readonly isGone: () => boolean;
  /**
   * Fires when the caller goes away or the server drains. Asked only by what waits: making one costs more than the rest of a call. No
   * getter: an object literal with one is a hidden class of its own each time, which the collector can not let go before a full run.
   */
  readonly signal: () => AbortSignal;
}

/** A request that was authenticated and checked: what performs it is given. */
export interface Call {
  readonly name: OperationName;
  readonly row: OperationRow;
  readonly principal: KeyPrincipal;
  readonly params: Readonly<Record<string, string>>;
  /** camelCase; `payload` and the like are JsonText. */
  readonly input: Readonly<Record<string, unknown>>;
  /** The lines of the body, of an operation that takes lines. */
  readonly lines: () => AsyncIterable<string>;
  readonly inside: { readonly clientId: string; readonly reason: string } | null;
  readonly header: Ask['header'];
  readonly isGone: Ask['isGone'];
  readonly signal: Ask['signal'];
  /** Throws when the credential no longer opens. */
  readonly stillOpen: () => Promise<unknown>;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, or what is sent as it comes. */
  readonly body: string | AsyncIterable<string> | null;
}

export interface Answer {
  readonly status?: number;
  readonly value?: unknown;
  /** Instead of a value: sent as it is, under the content type of the row. */
  readonly text?: string;
  readonly stream?: AsyncIterable<string>;
}
