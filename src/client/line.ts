// What every handle over HTTP stands on: how to ask, and the heads that go with each of its requests.
import type { Call } from './call.ts';
import type { Settings } from './options.ts';

export interface Line {
  readonly call: Call;
  readonly settings: Settings;
  readonly headers: Readonly<Record<string, string>>;
}
