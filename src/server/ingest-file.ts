// Stores a kit's exported backlog by the same exactly-once rule as what comes over MQTT, and says what a kit may delete.
import { errorCode, StoreError, toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import { MAX_ACK_ENTRIES, MAX_ACK_RANGES } from '../schema/ack.js';
import type { AckLine, ExportRow } from '../schema/export-file.js';
import { isoMicros } from '../schema/time.js';
import { DEFAULT_TOPICS, historyTopic } from '../schema/topics.js';
import { Batcher } from './batcher.js';
import { Decoder } from './decode.js';
import { isOfExport, readExportLine } from './export-lines.js';
import { ExportParts } from './export-parts.js';
import { type Line, readLines } from './file-lines.js';
import type { Batch, CommitCounts, LedgerEntry, Reject, Store } from './store.js';

export interface IngestFileOptions {
  readonly file: string;
  readonly store: Store;
  /** Microseconds since 1970. */
  readonly nowUs: () => number;
  /** When the file was written: the same file again gives the same rejects. */
  readonly fileUs: number;
  readonly log: Logger;
}

export interface IngestReport {
  readonly counts: CommitCounts;
  /** Lines with a message in them. */
  readonly messages: number;
  /** Lines that nobody can read; they are among the rejects. */
  readonly damaged: number;
  /** The last line was cut off. */
  readonly truncated: boolean;
  /** Messages that the file had when it was written, and that are not in it now or can't be read. */
  readonly missing: number;
  /** False when its beginning or its end is not there, or the end counts other messages than there are. */
  readonly complete: boolean;
  readonly acks: readonly AckLine[];
}

const BATCH_LINES = 500;
/** The first may be damaged. */
const MAX_LINES_BEFORE_EXPORT = 100;
/** For a message without a kit, whose topic would name one. */
const NO_KIT = 'unknown';

type AckEntry = AckLine['acks'][number];

/**
 * True when it begins as an export does, whatever has become of the rest.
 *
 * @throws what the file system throws.
 */
export async function isExport(file: string): Promise<boolean> {
  let lines = 0;
  for await (const line of readLines(file)) {
    if (isOfExport(line)) return true;
    lines += 1;
    if (lines === MAX_LINES_BEFORE_EXPORT) return false;
  }
  return false;
}

/** @throws StoreError when the database is away or refuses: run it again, nothing is stored twice. */
export async function ingestFile(options: IngestFileOptions): Promise<IngestReport> {
  return new FileIngest(options).run();
}

class FileIngest {
  private readonly decoder = new Decoder(DEFAULT_TOPICS);
  private readonly batcher: Batcher;
  private readonly streams = new Set<string>();
  private readonly kitIds = new Set<string>();
  private messages = 0;
  private damaged = 0;
  private truncated = false;
  private readonly parts = new ExportParts();
  private kitId = NO_KIT;
  private failure: Error | null = null;
  private onFailure = (): void => {};

  constructor(private readonly options: IngestFileOptions) {
    const { store, log } = options;
    this.batcher = new Batcher({
      store: { commit: (batch) => store.commit(batch).catch((thrown: unknown) => this.fail(thrown)) },
      onStore: () => {},
      log,
    });
  }

  async run(): Promise<IngestReport> {
    let batches: Batch[] = [];
    for await (const line of readLines(this.options.file)) {
      const batch = this.take(line);
      if (batch !== null) batches.push(batch);
      if (batches.length < BATCH_LINES) continue;
      await this.commit(batches);
      batches = [];
    }
    if (batches.length > 0) await this.commit(batches);
    await this.batcher.stop();
    const { messages, damaged, truncated } = this;
    const { missing, isComplete: complete } = this.parts;
    return { counts: this.batcher.counts, messages, damaged, truncated, missing, complete, acks: await this.acks() };
  }

  /** Null for a line without a message. */
  private take(line: Line): Batch | null {
    let row: ExportRow | null;
    try {
      row = this.read(line);
    } catch (thrown: unknown) {
      if (!line.isWhole) {
        this.truncated = true;
        return null;
      }
      this.damaged += 1;
      return { observations: [], contacts: [], reports: [], rejects: [this.rejectOf(line, toError(thrown))] };
    }
    if (row === null) return null;
    this.messages += 1;
    this.parts.message();
    const topic = historyTopic(DEFAULT_TOPICS, row.kind, this.kitId);
    const payload = Buffer.from(JSON.stringify(row.message));
    const decoded = this.decoder.decode({ topic, payload, receivedUs: this.options.nowUs() });
    return this.noted({
      observations: decoded.observations,
      rejects: decoded.rejects.map((reject) => ({ ...reject, receivedUs: this.options.fileUs })),
      // The kit is not there because its file is.
      contacts: [],
      reports: [],
    });
  }

  /** @throws PayloadError `json` or `schema`. */
  private read(line: Line): ExportRow | null {
    const read = readExportLine(line);
    switch (read.is) {
      case 'nothing':
        return null;
      case 'header':
        this.kitId = read.header.kit_id;
        this.parts.begin();
        return null;
      case 'end':
        this.parts.end(read.end.messages);
        return null;
      case 'row':
        return read.row;
    }
  }

  private rejectOf({ bytes }: Line, error: Error): Reject {
    return {
      receivedUs: this.options.fileUs,
      topic: '',
      kitId: this.kitId === NO_KIT ? null : this.kitId,
      kind: null,
      identity: null,
      reason: errorCode(error) === 'schema' ? 'schema' : 'json',
      detail: error.message,
      payload: bytes,
    };
  }

  /** Remembers which streams the file is about. */
  private noted(batch: Batch): Batch {
    for (const { kitId, kind, identity } of [...batch.observations, ...batch.rejects]) {
      if (kitId === null || kind === null || identity === null) continue;
      this.kitIds.add(kitId);
      this.streams.add(streamKey({ kitId, kind, epoch: identity.epoch }));
    }
    return batch;
  }

  private async commit(batches: readonly Batch[]): Promise<void> {
    const batch: Batch = {
      observations: batches.flatMap(({ observations }) => observations),
      rejects: batches.flatMap(({ rejects }) => rejects),
      contacts: [],
      reports: [],
    };
    await new Promise<void>((resolve) => {
      this.onFailure = resolve;
      this.batcher.add({ batch, ack: resolve, from: null });
    });
    if (this.failure !== null) throw this.failure;
  }

  /** The batcher would wait for a database that is away; a command says so and ends. */
  private fail(thrown: unknown): never {
    if (errorCode(thrown) !== 'data') {
      const { message, hint } = toError(thrown) as Partial<StoreError> & Error;
      const again = 'then run this again: what is stored already is not stored twice';
      const what = hint === undefined ? again : `${hint}; ${again}`;
      this.failure = new StoreError(message, { code: errorCode(thrown) || 'store', hint: what, cause: thrown });
      void this.batcher.stop();
      this.onFailure();
    }
    throw thrown;
  }

  private async acks(): Promise<AckLine[]> {
    const { store, nowUs } = this.options;
    const lines: AckLine[] = [];
    for (const kitId of this.kitIds) {
      const entries = await store.ledger(kitId);
      const own = entries.filter((entry) => this.streams.has(streamKey(entry)) && entry.received.length > 0);
      for (const acks of packed(own.flatMap(entriesOf))) {
        lines.push({ v: 1, kit_id: kitId, store_id: store.storeId, acks, time: isoMicros(nowUs()) });
      }
    }
    return lines;
  }
}

function streamKey({ kitId, kind, epoch }: Pick<LedgerEntry, 'kitId' | 'kind' | 'epoch'>): string {
  return `${kind} ${epoch} ${kitId}`;
}

/** All that was received of a stream; a stream in many pieces takes several entries. */
function entriesOf({ epoch, kind, received }: LedgerEntry): AckEntry[] {
  const [first] = received;
  // A message that is not there is never skipped.
  const upto = first?.[0] === 1 ? first[1] : 0;
  const above = received.slice(upto === 0 ? 0 : 1);
  const entries: AckEntry[] = [];
  for (let i = 0; i < above.length; i += MAX_ACK_RANGES) {
    entries.push({ epoch, kind, upto, ranges: above.slice(i, i + MAX_ACK_RANGES).map(([a, b]) => [a, b]) });
  }
  return entries.length > 0 ? entries : [{ epoch, kind, upto }];
}

/** As many entries to an acknowledgement as it may hold. */
function packed(entries: readonly AckEntry[]): AckEntry[][] {
  const packs: AckEntry[][] = [];
  let ranges = 0;
  for (const entry of entries) {
    const size = entry.ranges?.length ?? 0;
    const pack = packs.at(-1);
    if (pack !== undefined && pack.length < MAX_ACK_ENTRIES && ranges + size <= MAX_ACK_RANGES) {
      pack.push(entry);
      ranges += size;
    } else {
      packs.push([entry]);
      ranges = size;
    }
  }
  return packs;
}
