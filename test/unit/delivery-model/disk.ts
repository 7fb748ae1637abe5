// A kit's disk: the spool's database in memory, which a crash leaves as it is and which can be copied and put back.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { EVICTION_ORDER } from '../../../src/kit/classes.js';
import { openSpool } from '../../../src/spool/open-spool.js';
import type { Limits } from '../../../src/spool/room.js';
import type { ExportedRow, StreamLedger } from '../../../src/spool/spool.js';
import { SpoolReader } from '../../../src/spool/spool-reader.js';
import { SqliteSpool } from '../../../src/spool/sqlite-spool.js';
import { Statements } from '../../../src/spool/statements.js';

const LARGE: Limits = { maxBytes: 64e6, minFreeBytes: 0, maxAgeMs: null, evict: 'priority' };
/** With pages of 512 bytes: some thirty rows. */
export const SMALL_BYTES = 185_000;
const MANY = 100_000;

/** An empty spool as its own code makes it, in small pages, so that a few rows fill it. */
export function emptySpool(folder: string): Buffer {
  const path = join(folder, 'empty.db');
  const onDamaged = (problem: Error): never => {
    throw problem;
  };
  openSpool({ path, classes: EVICTION_ORDER, limits: LARGE, onDamaged }).close();
  const db = new Database(path);
  db.pragma('journal_mode = DELETE');
  db.pragma('page_size = 512');
  db.exec('VACUUM');
  const content = db.serialize();
  db.close();
  return content;
}

export interface DiskClocks {
  readonly now: () => number;
  readonly monotonicMs: () => number;
}

export class Disk {
  /** When the spool was last opened, as its lock file says. */
  lastTakenMs: number | null = null;
  private db: Database.Database;
  private reader: SpoolReader;
  private readonly limits: Limits;

  constructor(
    content: Buffer,
    private readonly folder: string,
    limits: Partial<Limits>,
    private readonly clocks: DiskClocks,
  ) {
    this.limits = { ...LARGE, ...limits };
    this.db = new Database(content);
    this.reader = new SpoolReader(new Statements(this.db), this.path, EVICTION_ORDER);
  }

  /** Whoever had it open before is dead. */
  open(): SqliteSpool {
    const { limits, lastTakenMs, clocks } = this;
    this.lastTakenMs = clocks.now();
    const options = { path: this.path, classes: EVICTION_ORDER, limits, lastTakenMs, ...clocks };
    return new SqliteSpool(this.db, options, () => {});
  }

  /** What waits, what is handed over, what is set aside. */
  everything(): ExportedRow[] {
    return this.reader.readEverything(0, Number.MAX_SAFE_INTEGER, MANY);
  }

  /** How many rows `everything` has. */
  size(): number {
    const tables = ['quarantine', ...EVICTION_ORDER.map((c) => `message_${c}`)];
    const sizes = tables.map((table) => this.db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number);
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  ledger(): StreamLedger[] {
    return this.reader.ledger();
  }

  content(): Buffer {
    return this.db.serialize();
  }

  putBack(content: Buffer): void {
    this.db.close();
    this.db = new Database(content);
    this.reader = new SpoolReader(new Statements(this.db), this.path, EVICTION_ORDER);
  }

  close(): void {
    this.db.close();
  }

  /** Only the ballast lies there, one for each size. */
  private get path(): string {
    return join(this.folder, `${this.limits.maxBytes}.db`);
  }
}
