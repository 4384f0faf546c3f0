// The form of server-sent events: from bytes to events, by the rules of the HTML standard.

export interface ServerEvent {
  /** The latest that was named; undefined where none was. */
  readonly id: string | undefined;
  readonly event: string;
  /** '' for one that only names an id. */
  readonly data: string;
}

/** `heard` is called for whatever comes, comments too. */
export async function* eventsOf(body: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<ServerEvent> {
  const block: Block = { id: undefined, named: false, event: 'message', data: [] };
  for await (const line of linesOf(body, heard)) {
    if (line !== '') {
      take(block, line);
      continue;
    }
    if (block.data.length > 0 || block.named) yield { id: block.id, event: block.event, data: block.data.join('\n') };
    block.event = 'message';
    block.data = [];
    block.named = false;
  }
}

interface Block {
  id: string | undefined;
  named: boolean;
  event: string;
  data: string[];
}

function take(block: Block, line: string): void {
  const colon = line.indexOf(':');
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(line.charAt(colon + 1) === ' ' ? colon + 2 : colon + 1);
  if (field === 'data') block.data.push(value);
  else if (field === 'event') block.event = value;
  else if (field === 'id' && !value.includes('\0')) {
    block.id = value;
    block.named = true;
  }
}

/** Lines end in LF, CR or both. A last one without an end is dropped: its event did not come whole. */
export async function* linesOf(body: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      rest += decoder.decode(value, { stream: true });
      // A CR at the very end may be the first half of a CRLF.
      const end = rest.endsWith('\r') ? rest.length - 1 : rest.length;
      const lines = rest.slice(0, end).split(/\r\n|\n|\r/);
      rest = (lines.pop() as string) + rest.slice(end);
      yield* lines;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
