// `dragonsink ingest-file`: stores what `dragonsink spool export` wrote, and writes what the kit may delete for it.
import { statSync } from 'node:fs';
import { PayloadError } from '../base/errors.js';
import { createLogger } from '../base/log.js';
import { writeWholeFile } from '../base/whole-file.js';
import { KINDS } from '../schema/kinds.js';
import { type IngestReport, ingestFile } from '../server/ingest-file.js';
import { openStore } from '../server/stores/open-store.js';
import { loadServerSettings } from '../settings/server-settings.js';
import { withFile } from './file-errors.js';

export interface IngestFileCommandOptions {
  readonly ackFile?: string;
  readonly database?: string;
  readonly json?: boolean;
}

/**
 * `--json` prints one object: `{messages, damaged, truncated, complete, counts: {kind: {stored, merged, refused,
 * rejected}}, ack_lines}`. `refused` were in the database already; `damaged` lines, which nobody can read, are kept among
 * the rejects; `truncated` says that the last line was cut, and `complete` that the file has its end.
 *
 * @throws StoreError when the database can't be used; PayloadError when the file holds no message at all.
 */
export async function ingestFileCommand(file: string, options: IngestFileCommandOptions): Promise<number> {
  const { ackFile, database, json } = options;
  const fileUs = await withFile(file, () => Math.round(statSync(file).mtimeMs) * 1_000);
  const store = await openStore(database ?? loadServerSettings(process.env).settings.DATABASE_URL);
  try {
    const log = createLogger('silent');
    const nowUs = (): number => Date.now() * 1_000;
    const report = await withFile(file, () => ingestFile({ file, store, nowUs, fileUs, log }));
    if (report.messages === 0 && !report.complete) {
      throw new PayloadError(`${file} holds no message that can be read`, {
        code: 'export',
        hint: 'take the file that dragonsink spool export --to FILE wrote',
      });
    }
    if (ackFile !== undefined) await withFile(ackFile, () => writeWholeFile(ackFile, ackLines(report)));
    process.stdout.write(json === true ? `${JSON.stringify(toJson(report))}\n` : describe(report, ackFile));
    return 0;
  } finally {
    await store.close();
  }
}

function* ackLines({ acks }: IngestReport): Generator<string> {
  for (const ack of acks) yield `${JSON.stringify(ack)}\n`;
}

function toJson({ messages, damaged, truncated, complete, counts, acks }: IngestReport) {
  return { messages, damaged, truncated, complete, counts, ack_lines: acks.length };
}

function describe(
  { messages, damaged, truncated, complete, counts }: IngestReport,
  ackFile: string | undefined,
): string {
  const lines = KINDS.map((kind) => {
    const { stored, merged, refused, rejected } = counts[kind];
    return `${kind.padEnd(9)} stored ${stored}, merged ${merged}, there already ${refused}, rejected ${rejected}`;
  });
  if (damaged > 0) lines.push(`${damaged} damaged lines are kept among the rejects`);
  if (truncated) lines.push('the last line was cut off');
  if (!complete) lines.push('the file ends early: export it again for the rest, nothing is stored twice');
  if (ackFile !== undefined) lines.push(`written to ${ackFile}; on the kit: dragonsink spool ack ${ackFile}`);
  return `${[`messages  ${messages}`, ...lines].join('\n')}\n`;
}
