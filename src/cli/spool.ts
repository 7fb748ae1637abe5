// `dragonsink spool`: what the kit holds back and what it set aside, and the way out for both when there is no network.
import { existsSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorCode, SpoolError, toError } from '../base/errors.js';
import { printable, printableJson } from '../base/printable.js';
import { writeWholeFile } from '../base/whole-file.js';
import { takeByHand } from '../kit/acknowledgements.js';
import { EVICTION_ORDER, kindOf } from '../kit/classes.js';
import { askRunningKit } from '../kit/control.js';
import { exportLines } from '../kit/export.js';
import { performSpoolCommand } from '../kit/spool-commands.js';
import { type Ack, ack } from '../schema/ack.js';
import { ackLine } from '../schema/export-file.js';
import type { SpoolCommand } from '../schema/spool-command.js';
import { type KitSettings, loadKitSettings } from '../settings/kit-settings.js';
import { openSpool, viewSpool } from '../spool/open-spool.js';
import type { QuarantinedRow, SpoolView } from '../spool/spool.js';
import { withFile } from './file-errors.js';
import { spoolOptions } from './spool-settings.js';
import { toJson } from './terminal.js';

interface Options {
  readonly config: string;
  readonly json?: boolean;
}

const PAGE_ROWS = 100;

/**
 * `--json` prints one object: `{kit_id, store_id, waiting, handed_over, quarantined, messages: [{id, kind, epoch, seq,
 * bytes, reason, accepted_at, quarantined_at}]}`, the messages being those in quarantine.
 */
export async function spoolList(options: Options): Promise<number> {
  return looking(options, (view) => {
    const { waiting, handedOver, quarantined } = view.counts();
    const messages = [...quarantine(view)].map(summaryOf);
    if (options.json === true) {
      const totals = { kit_id: view.kitId(), store_id: view.storeId(), waiting, handed_over: handedOver, quarantined };
      print(`${toJson({ ...totals, messages })}\n`);
      return 0;
    }
    const lines = messages.map(({ id, kind, epoch, seq, bytes, reason }) =>
      printable([id, kind, `${epoch}/${seq}`, `${bytes} bytes`, reason].join('  ')),
    );
    print([`waiting ${waiting}, handed over ${handedOver}, in quarantine ${quarantined}`, ...lines, ''].join('\n'));
    return 0;
  });
}

/** `--json` prints one object as `list` does for each, with `message`: the body as DragonSync's sink would send it. */
export async function spoolShow(id: number, options: Options): Promise<number> {
  return looking(options, (view) => {
    const [row] = view.quarantined(id - 1, 1);
    if (row?.id !== id) throw notThere(id);
    const shown = { ...summaryOf(row), message: JSON.parse(row.body) as unknown };
    print(`${options.json === true ? toJson(shown) : toJson(shown, 2)}\n`);
    return 0;
  });
}

export type Chosen = readonly number[] | 'all';

/** `--json` prints `{count}`. */
export async function spoolRetry(ids: Chosen, options: Options): Promise<number> {
  const count = await doing(options, (perform) => perform({ command: 'retry', ids: idsOf(ids) }));
  return said(options, { count }, `${count} put back among those that wait`);
}

/** `--json` prints `{count}`. */
export async function spoolDrop(ids: Chosen, options: Options): Promise<number> {
  const count = await doing(options, (perform) => perform({ command: 'drop', ids: idsOf(ids) }));
  return said(options, { count }, `${count} given up, on record as evicted`);
}

export async function spoolExport({ config, to }: Options & { readonly to?: string }): Promise<number> {
  return looking({ config }, async (view) => {
    const lines = exportLines(view, Date.now());
    if (to !== undefined) {
      await withFile(to, () => writeWholeFile(to, lines));
      process.stderr.write(`written to ${to}; on the server: dragonsink ingest-file ${to} --ack-file FILE\n`);
      return 0;
    }
    try {
      // A file takes the bodies as they are; a terminal must not.
      const harmless = process.stdout.isTTY ? Readable.from(lines).map(printableJson) : Readable.from(lines);
      await pipeline(harmless, process.stdout, { end: false });
    } catch (thrown: unknown) {
      if (errorCode(thrown) !== 'EPIPE') throw thrown; // whoever read it has seen enough
    }
    return 0;
  });
}

/** `--json` prints `{count, others}`: messages that were deleted, and lines that are for other kits. */
export async function spoolAck(file: string, options: Options): Promise<number> {
  const { own, others } = await withFile(file, () => readAckFile(file, kitIdOf(options)));
  const count = await doing(options, async (perform) => {
    let sum = 0;
    for (const one of own) sum += await perform({ command: 'ack', ack: one });
    return sum;
  });
  const rest = others === 0 ? '' : `; ${others} lines are for other kits`;
  return said(options, { count, others }, `${count} messages are in the database and deleted here${rest}`);
}

/** `--json` prints `{count}`: messages that wait. */
export async function spoolRebind(options: Options): Promise<number> {
  const count = await doing(options, (perform) => perform({ command: 'rebind' }));
  return said(options, { count }, `bound to the next database that answers; ${count} messages wait for it`);
}

/** `--json` prints `{}`. */
export async function spoolNewId(options: Options): Promise<number> {
  await doing(options, (perform) => perform({ command: 'new-id' }));
  return said(options, {}, 'the kit id is forgotten: dragonsink kit finds it anew when it starts');
}

function said({ json }: Options, object: Record<string, unknown>, words: string): number {
  print(`${json === true ? toJson(object) : printable(words)}\n`);
  return 0;
}

function print(text: string): void {
  process.stdout.write(text);
}

/** Beside a running kit or without one. */
async function looking<T>({ config }: Options, work: (view: SpoolView) => T | Promise<T>): Promise<T> {
  const view = viewSpool(settingsOf(config).path, EVICTION_ORDER);
  try {
    return await work(view);
  } finally {
    view.close();
  }
}

type Perform = (command: SpoolCommand) => Promise<number>;

/** The running kit does it, as it holds the spool; without one this process opens it. */
async function doing(options: Options, work: (perform: Perform) => Promise<number>): Promise<number> {
  const settings = settingsOf(options.config);
  let own: Perform | null = null;
  const opened: { close(): void }[] = [];
  const perform: Perform = async (command) => {
    const count = own === null ? await askRunningKit(settings.path, command) : null;
    if (count !== null) return count;
    own ??= open(settings, opened);
    return own(command);
  };
  try {
    return await work(perform);
  } finally {
    for (const spool of opened) spool.close();
  }
}

function open(settings: KitSettings['SPOOL'], opened: { close(): void }[]): Perform {
  if (!existsSync(settings.path)) {
    throw new SpoolError(`there is no spool at ${settings.path}`, {
      code: 'missing',
      hint: 'start dragonsink kit once, or name the right file in [SPOOL] path',
    });
  }
  const spool = openSpool({
    ...spoolOptions(settings),
    onDamaged: ({ message }, keptAt) => {
      process.stderr.write(`dragonsink: ${message}: kept aside as ${keptAt}, a new spool is begun\n`);
    },
  });
  opened.push(spool);
  const target = {
    spool,
    onRequeued: () => {},
    onRebound: () => {},
    takeAck: (one: Ack) => takeByHand(spool, one),
    mayForgetKitId: true,
  };
  return (command) => performSpoolCommand(target, command);
}

function settingsOf(config: string): KitSettings['SPOOL'] {
  return loadKitSettings(config).settings.SPOOL;
}

function kitIdOf({ config }: Options): string | null {
  const view = viewSpool(settingsOf(config).path, EVICTION_ORDER);
  try {
    return view.kitId();
  } finally {
    view.close();
  }
}

function* quarantine(view: SpoolView): Generator<QuarantinedRow> {
  for (let afterId = 0; ; ) {
    const rows = view.quarantined(afterId, PAGE_ROWS);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    afterId = last.id;
  }
}

function summaryOf(row: QuarantinedRow) {
  return {
    id: row.id,
    kind: kindOf(row.class),
    epoch: row.epoch,
    seq: row.seq,
    bytes: Buffer.byteLength(row.body),
    reason: row.reason,
    accepted_at: new Date(row.acceptedAtMs).toISOString(),
    quarantined_at: new Date(row.quarantinedAtMs).toISOString(),
  };
}

function idsOf(chosen: Chosen): number[] | 'all' {
  return chosen === 'all' ? chosen : [...chosen];
}

function notThere(id: number): SpoolError {
  return new SpoolError(`not in quarantine: ${id}`, { code: 'none', hint: 'dragonsink spool list shows what is' });
}

/** @throws SpoolError when it is no such file, or has nothing for this kit. */
function readAckFile(file: string, kitId: string | null): { own: Ack[]; others: number } {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const own: Ack[] = [];
  for (const [i, line] of lines.entries()) {
    const parsed = ackLine.safeParse(parsedJson(line));
    if (!parsed.success) {
      const hint = 'take the file that dragonsink ingest-file --ack-file wrote';
      throw new SpoolError(`${file}:${i + 1} is no acknowledgement`, { code: 'ack-file', hint });
    }
    if (parsed.data.kit_id === kitId) own.push(ack.parse(parsed.data));
  }
  if (own.length === 0) {
    throw new SpoolError(`${file} holds nothing for ${kitId ?? 'a kit that does not know its id yet'}`, {
      code: 'ack-file',
      hint: 'it is for other kits, or nothing of the exported file could be stored',
    });
  }
  return { own, others: lines.length - own.length };
}

function parsedJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (thrown: unknown) {
    return toError(thrown);
  }
}
