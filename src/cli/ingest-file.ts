// `dragonsink ingest-file`: stores what `dragonsink spool export` wrote, and writes what the kit may delete for it.
import { statSync } from 'node:fs';
import { PayloadError } from '../base/errors.js';
import { createLogger } from '../base/log.js';
import { writeWholeFile } from '../base/whole-file.js';
import { KINDS } from '../schema/kinds.js';
import { type IngestReport, ingestFile, isExport } from '../server/ingest-file.js';
import { type DatabaseOptions, withStore } from './database.js';
import { withFile } from './file-errors.js';

export interface IngestFileCommandOptions extends DatabaseOptions {
  readonly ackFile?: string;
  readonly json?: boolean;
}

const OK = 0;
const FILE_IS_NOT_WHOLE = 3;

/**
 * `--json` prints one object: `{messages, damaged, truncated, missing, complete, counts: {kind: {stored, merged, refused,
 * rejected}}, ack_lines}`. `refused` were in the database already; `damaged` lines, which nobody can read, are kept among
 * the rejects; `truncated` says that the last line was cut; `missing` is how many messages more than can be read the file
 * had when it was written, by its own count; `complete` that it has its beginning, its end, and as many messages as that
 * says.
 *
 * Returns 3 when the file is not whole (what can be read of it is stored and acknowledged), else 0.
 *
 * @throws StoreError when there is no such database, or it can't be used; PayloadError when the file is no export.
 */
export async function ingestFileCommand(file: string, options: IngestFileCommandOptions): Promise<number> {
  const { ackFile, json } = options;
  const fileUs = await withFile(file, () => Math.round(statSync(file).mtimeMs) * 1_000);
  // First of all: a wrong name must touch no database.
  if (!(await withFile(file, () => isExport(file)))) throw noExport(file);
  return withStore(options, async (store) => {
    const log = createLogger('silent');
    const nowUs = (): number => Date.now() * 1_000;
    const report = await withFile(file, () => ingestFile({ file, store, nowUs, fileUs, log }));
    if (ackFile !== undefined) await withFile(ackFile, () => writeWholeFile(ackFile, ackLines(report)));
    process.stdout.write(json === true ? `${JSON.stringify(toJson(report))}\n` : describe(report, ackFile));
    return isWhole(report) ? OK : FILE_IS_NOT_WHOLE;
  });
}

function noExport(file: string): PayloadError {
  return new PayloadError(`${file} is no export of a kit`, {
    code: 'export',
    hint: 'take the file that dragonsink spool export --to FILE wrote',
  });
}

function isWhole({ damaged, truncated, complete }: IngestReport): boolean {
  return damaged === 0 && !truncated && complete;
}

function* ackLines({ acks }: IngestReport): Generator<string> {
  for (const ack of acks) yield `${JSON.stringify(ack)}\n`;
}

function toJson({ messages, damaged, truncated, missing, complete, counts, acks }: IngestReport) {
  return { messages, damaged, truncated, missing, complete, counts, ack_lines: acks.length };
}

function describe(report: IngestReport, ackFile: string | undefined): string {
  const { messages, damaged, truncated, missing, complete, counts } = report;
  const lines = KINDS.map((kind) => {
    const { stored, merged, refused, rejected } = counts[kind];
    return `${kind.padEnd(9)} stored ${stored}, merged ${merged}, there already ${refused}, rejected ${rejected}`;
  });
  if (damaged > 0) lines.push(`damaged lines: ${damaged}, kept among the rejects`);
  if (truncated) lines.push('the last line was cut off');
  if (missing > 0) lines.push(`missing: ${missing} messages, which the file had when it was written`);
  else if (!complete) lines.push('the file has lost its beginning or its end');
  if (!isWhole(report)) lines.push('the file is not whole: export it again for the rest, nothing is stored twice');
  if (ackFile !== undefined) lines.push(`written to ${ackFile}; on the kit: dragonsink spool ack ${ackFile}`);
  return `${[`messages  ${messages}`, ...lines].join('\n')}\n`;
}
