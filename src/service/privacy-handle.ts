// What an admin does for the privacy of a client. Types only.

export interface DataKeyInfo {
  readonly clientId: string;
  /** 1 is the first; each call makes a new one, which seals from then on. */
  readonly keyNo: number;
}
export type Erasure =
  | { readonly clientId: string; readonly state: 'asked'; readonly untilUtc: number }
  | { readonly clientId: string; readonly state: 'erased'; readonly tasks: number; readonly keys: number };

/** One thing of a client: the SHA-256 is of the text, which is JSON. */
export interface ExportLine {
  readonly kind: 'task' | 'log' | 'event';
  readonly sha256: string;
  readonly text: string;
}
export interface ExportPage {
  readonly items: readonly ExportLine[];
  readonly nextCursor: string | null;
}

export interface PrivacyAdmin {
  /** From now on payloads, results, errors, progress and messages of this client are sealed under a key of its own; again: under a new one. */
  encrypt(clientId: string): Promise<DataKeyInfo>;
  /** Asks for the erasure of everything in the tasks of a client. Another admin has to confirm it within 24 hours. */
  erase(clientId: string, reason: string): Promise<Erasure>;
  /** Confirms what another admin asked for, and does it: the client is suspended, its keys are shredded, its tasks emptied. */
  confirmErase(clientId: string): Promise<Erasure>;
  /** Everything of a client, some at a time: tasks with payload and result, what happened to them, security events. Each page is on record. */
  exportPage(clientId: string, options: { readonly reason: string; readonly cursor?: string }): Promise<ExportPage>;
}
