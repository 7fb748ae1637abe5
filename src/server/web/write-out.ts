// Writes an answer no faster than it is taken, and not for ever: whoever takes nothing for a while has gone, or means no
// good, and what is held for them others wait for.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/**
 * Without any progress that the system tells of. It takes more only when a third of what it holds for a connection has gone
 * out (Linux holds up to 4 MB, tcp_wmem): 1.3 MB in this time are some 60 kbit/s, and slower than that a file may be cut.
 */
const STALLED_MS = 180_000;
const SLICE_BYTES = 65_536;

/** Has the connection end when nothing of the answer is taken for that long; to be called as it is written. */
export function endWhenStalled(response: ServerResponse, afterMs = STALLED_MS): void {
  response.setTimeout(afterMs);
}

/**
 * Resolves when all is handed to the system.
 *
 * @throws whatever the pieces throw, or when nobody reads any more: for one, the system has taken nothing for `patienceMs`. Then
 *   the answer is to be broken off, so that half a file is not taken for a whole one.
 */
export async function writeOut(
  response: ServerResponse,
  pieces: AsyncIterable<string>,
  patienceMs = STALLED_MS,
): Promise<void> {
  for await (const slice of slices(pieces)) {
    if (response.destroyed) throw new Error('the reader has gone');
    if (!response.write(slice)) await progress(response, 'drain', patienceMs);
  }
  response.end();
  await progress(response, 'finish', patienceMs);
}

async function progress(response: ServerResponse, event: 'drain' | 'finish', patienceMs: number): Promise<void> {
  const waiting = new AbortController();
  const giveUp = (): void => waiting.abort();
  const timer = setTimeout(() => response.destroy(), patienceMs);
  response.once('close', giveUp);
  if (response.destroyed) giveUp();
  try {
    await once(response, event, { signal: waiting.signal });
  } finally {
    clearTimeout(timer);
    response.off('close', giveUp);
  }
}

/** Neither a page of rows at once, nor each word of them by itself. */
async function* slices(pieces: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let text = '';
  for await (const piece of pieces) {
    text += piece;
    if (text.length < SLICE_BYTES / 2) continue;
    yield* sliced(text);
    text = '';
  }
  yield* sliced(text);
}

function* sliced(text: string): Generator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) yield bytes.subarray(at, at + SLICE_BYTES);
}
