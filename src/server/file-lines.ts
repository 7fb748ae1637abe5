// The lines of a file that may be cut, damaged or endless, as bytes: memory does not grow with any of them.
import { createReadStream } from 'node:fs';

export interface Line {
  /** Without its end; of one that is too long only the beginning. */
  readonly bytes: Buffer;
  readonly isTooLong: boolean;
  /** False for a last line that nothing ends. */
  readonly isWhole: boolean;
}

/** The largest message a kit holds, and what the export writes around it. */
const MAX_LINE_BYTES = 1024 * 1024;
const KEPT_BYTES = 16 * 1024;
const NEWLINE = 0x0a;

export async function* readLines(file: string): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer): void => {
    // Of what is too long already nothing more is kept.
    if (length <= MAX_LINE_BYTES) parts.push(part);
    length += part.length;
  };
  const take = (isWhole: boolean): Line => {
    const isTooLong = length > MAX_LINE_BYTES;
    const bytes = Buffer.concat(parts);
    parts = [];
    length = 0;
    return { bytes: isTooLong ? bytes.subarray(0, KEPT_BYTES) : bytes, isTooLong, isWhole };
  };
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, end));
      yield take(true);
      from = end + 1;
    }
    if (from < chunk.length) add(chunk.subarray(from));
  }
  if (length > 0) yield take(false);
}
