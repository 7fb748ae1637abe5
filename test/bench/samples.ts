// The raw samples, kept: a line of JSON for each run as soon as it is over, in a file of this benchmark's own.
import { appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const startedAt = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');

export const SAMPLES_FILE = join(tmpdir(), `dragonsink-bench-${startedAt}.jsonl`);

/** `bench` is its name as `--only` takes it. */
export function keepSample(bench: string, sample: object): void {
  appendFileSync(SAMPLES_FILE, `${JSON.stringify({ bench, ...sample })}\n`);
}
