// Reads server-sent events off a real connection, as many as are wanted.
import type { Asked } from './stand.ts';

export interface Frame {
  readonly id: string;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}
export interface Opened {
  readonly status: number;
  readonly headers: Headers;
  /** The place that the stream named when it opened. */
  readonly opened: Promise<string | null>;
  /** The next frame, or null when the stream has ended. */
  next(): Promise<Frame | null>;
  /** The body of a refusal. */
  text(): Promise<string>;
  close(): void;
}

/** Of a stream that tells nothing: no test waits for ever. */
const GIVE_UP_MS = 20_000;

export async function openStream(url: string, path: string, { key, headers = {} }: Pick<Asked, 'key' | 'headers'>): Promise<Opened> {
  const gone = new AbortController();
  const response = await fetch(`${url}${path}`, {
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers },
    signal: AbortSignal.any([gone.signal, AbortSignal.timeout(GIVE_UP_MS)]),
  });
  const { promise: opened, resolve } = Promise.withResolvers<string | null>();
  const frames = framesOf(response.status === 200 ? response : null, resolve);
  // Read on from the beginning: who waits for the place waits for no event.
  const [first, ended] = [frames.next(), resolve];
  void first.finally(() => ended(null)).catch(() => undefined);
  let isFirst = true;
  return {
    status: response.status,
    headers: response.headers,
    opened,
    next: async () => {
      const { value, done } = await (isFirst ? first : frames.next());
      isFirst = false;
      return done === true ? null : value;
    },
    text: () => response.text(),
    close: () => gone.abort(),
  };
}

async function* framesOf(response: Response | null, named: (id: string | null) => void): AsyncGenerator<Frame, void> {
  if (response?.body == null) return;
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of response.body) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const frame = text.slice(0, end);
        text = text.slice(end + 2);
        const id = /^id: (.*)$/m.exec(frame)?.[1];
        if (id !== undefined) named(id);
        if (!frame.startsWith(':')) yield frameOf(frame);
      }
    }
  } catch (error) {
    if (!['AbortError', 'TimeoutError'].includes((error as Error).name) && (error as Error).name !== 'TypeError') throw error;
  }
}

function frameOf(text: string): Frame {
  const lines = new Map(text.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const));
  return { id: lines.get('id') ?? '', event: lines.get('event') ?? '', data: JSON.parse(lines.get('data') ?? 'null') as Frame['data'] };
}

/** `count` frames, and then no more is read. */
export async function readFrames(url: string, path: string, asked: Pick<Asked, 'key' | 'headers'>, count: number): Promise<readonly Frame[]> {
  const stream = await openStream(url, path, asked);
  const frames: Frame[] = [];
  while (frames.length < count) {
    const frame = await stream.next();
    if (frame === null) break;
    frames.push(frame);
  }
  stream.close();
  return frames;
}
