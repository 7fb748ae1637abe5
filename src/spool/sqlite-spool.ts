// The spool on SQLite: WAL and synchronous=FULL, one durable transaction per call.
import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, statSync } from 'node:fs';
import { SpoolError } from '../base/errors.js';
import { explainSqlite, lockFile, openSqlite, readSqlite, type Sqlite, type Statement } from '../base/sqlite.js';
import { Ranges } from '../schema/ranges.js';
import * as plans from './plans.js';
import { type Limits, Room } from './room.js';
import type {
  ClassCounts,
  NewRow,
  QuarantinedRow,
  Spool,
  SpoolCounts,
  SpoolRow,
  SpoolView,
  StreamLedger,
} from './spool.js';

export interface SqliteSpoolOptions {
  readonly path: string;
  /** Every class that will ever be used, in the order in which `priority` evicts them. */
  readonly classes: readonly number[];
  readonly limits: Limits;
  /** A damaged spool was moved to `keptAt`, and a new one begun. */
  readonly onDamaged: (problem: SpoolError, keptAt: string) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** More things than a kit hears in an hour; the memory of what was last accepted must not grow with spoofed ids. */
const MAX_MARKS = 20_000;
const PRUNE_EVERY_ROWS = 1_000;

/**
 * Opens (or makes) the spool and takes it for this process. A damaged file is kept aside: a kit that starts without its
 * backlog is better than one that does not start.
 *
 * @throws SpoolError `held`, `full`, `read-only`, `missing`, `version` or `io`, each with its path and the fix.
 */
export function openSqliteSpool(options: SqliteSpoolOptions): Spool {
  const { path, onDamaged } = options;
  const lock = guarded(path, () => lockFile(`${path}.lock`));
  const open = (): Spool => guarded(path, () => new SqliteSpool(openSqlite(path), options, () => lock.release()));
  try {
    try {
      return open();
    } catch (error: unknown) {
      if (!(error instanceof SpoolError && error.code === 'corrupt')) throw error;
      onDamaged(error, keepAside(path, options.now ?? Date.now));
      return open();
    }
  } catch (error: unknown) {
    lock.release();
    throw error;
  }
}

/**
 * Looks into a spool that another process may hold.
 *
 * @throws SpoolError as opening does; `missing` also when there is no spool yet.
 */
export function viewSqliteSpool(path: string, classes: readonly number[]): SpoolView {
  return guarded(path, () => {
    const db = readSqlite(path);
    const statement = (sql: string): Statement => db.prepare(sql);
    const waiting = new Map(classes.map((c) => [c, statement(plans.countMessages(c)).pluck().get() as number]));
    return {
      kitId: () => (statement(plans.GET_META).pluck().get('kit_id') as string | undefined) ?? null,
      ledger: () => readLedger(statement),
      counts: () => readCounts(statement, path, classes, waiting),
      close: () => db.close(),
    };
  });
}

/** Moves the database with its WAL: either without the other is worth less. */
function keepAside(path: string, now: () => number): string {
  const keptAt = `${path}.damaged-${now()}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, keptAt + suffix);
  }
  return keptAt;
}

class SqliteSpool implements Spool {
  readonly opening = randomBytes(8).toString('hex');
  private readonly statements = new Map<string, Statement>();
  private readonly room: Room;
  private readonly now: () => number;
  private epoch: string | null = null;
  private nextSeq = new Map<number, number>();
  private highestId: number;
  private readonly waiting = new Map<number, number>();
  private sincePrune = 0;

  constructor(
    private readonly db: Sqlite,
    private readonly options: SqliteSpoolOptions,
    private readonly release: () => void,
  ) {
    this.now = options.now ?? Date.now;
    checkFormat(db, options.path);
    db.exec(plans.CREATE_SHARED);
    for (const c of options.classes) db.exec(plans.createClass(c));
    this.highestId = Number(this.statement(plans.GET_META).pluck().get('last_id') ?? 0);
    for (const c of options.classes)
      this.waiting.set(c, this.statement(plans.countMessages(c)).pluck().get() as number);
    this.room = new Room(db, options.path, options.classes, options.limits);
  }

  kitId(): string | null {
    return (this.statement(plans.GET_META).pluck().get('kit_id') as string | undefined) ?? null;
  }

  setKitId(kitId: string): void {
    const fixed = this.kitId();
    if (fixed === kitId) return;
    if (fixed !== null) throw new SpoolError(`this spool belongs to ${fixed}, not to ${kitId}`, { code: 'kit-id' });
    this.guarded(() => this.statement(plans.PUT_META).run('kit_id', kitId));
  }

  lastMark(rowClass: number, thing: string): string | null {
    return (this.statement(plans.GET_MARK).pluck().get(rowClass, thing) as string | undefined) ?? null;
  }

  accept(rows: readonly NewRow[]): SpoolRow[] {
    if (rows.length === 0) return [];
    // Memory changes only after the commit: a failed one leaves everything as it was.
    const nextSeq = new Map(this.nextSeq);
    let evicted = new Map<number, number>();
    let epoch = this.epoch;
    const accepted = this.transaction(() => {
      evicted = this.room.make(rows);
      epoch ??= this.beginEpoch();
      const written = this.insert(rows, epoch, nextSeq);
      for (const [c, next] of nextSeq) this.statement(plans.PUT_STREAM).run(epoch, c, next);
      this.forgetOldMarks(rows.length);
      return written;
    });
    this.epoch = epoch;
    this.nextSeq = nextSeq;
    this.highestId += accepted.length;
    for (const { class: c } of accepted) this.addWaiting(c, 1);
    for (const [c, rows] of evicted) this.addWaiting(c, -rows);
    return accepted;
  }

  private insert(rows: readonly NewRow[], epoch: string, nextSeq: Map<number, number>): SpoolRow[] {
    const acceptedAtMs = this.now();
    const perClass = new Map<number, number>();
    const written = rows.map((row, i) => {
      const { class: c, body } = row;
      const seq = nextSeq.get(c) ?? 1;
      nextSeq.set(c, seq + 1);
      perClass.set(c, (perClass.get(c) ?? 0) + 1);
      const id = this.highestId + 1 + i;
      this.statement(plans.insertMessage(c)).run(id, epoch, seq, acceptedAtMs, body);
      this.statement(plans.PUT_MARK).run(c, row.thing, row.mark);
      return { id, class: c, epoch, seq, body, acceptedAtMs };
    });
    for (const [c, n] of perClass) this.statement(plans.ADD_ACCEPTED).run(n, c);
    // Left to itself, SQLite gives the ids of a drained table out again.
    this.statement(plans.PUT_META).run('last_id', this.highestId + rows.length);
    return written;
  }

  /** A counter, so that the epochs of one spool are ordered; and chance, so that a restored or cloned one never repeats. */
  private beginEpoch(): string {
    const openings = ((this.statement(plans.GET_META).pluck().get('openings') as number | undefined) ?? 0) + 1;
    this.statement(plans.PUT_META).run('openings', openings);
    return openings.toString(16).padStart(8, '0') + randomBytes(4).toString('hex');
  }

  private forgetOldMarks(added: number): void {
    this.sincePrune += added;
    if (this.sincePrune < PRUNE_EVERY_ROWS) return;
    this.sincePrune = 0;
    this.statement(plans.PRUNE_MARKS).run(MAX_MARKS);
  }

  read(afterId: number, uptoId: number, limit: number): SpoolRow[] {
    const query = this.statement(plans.readMessages(this.options.classes));
    return query.all({ after: afterId, upto: uptoId, limit }) as SpoolRow[];
  }

  lastId(): number {
    return this.highestId;
  }

  deliver(rows: readonly SpoolRow[]): void {
    const deleted = this.transaction(() => {
      const gone = rows.filter(({ class: c, id }) => this.statement(plans.deleteMessage(c)).run(id).changes > 0);
      for (const c of this.options.classes) {
        const delivered = gone.filter((row) => row.class === c).length;
        if (delivered > 0) this.statement(plans.ADD_DELIVERED).run(delivered, c);
      }
      return gone;
    });
    for (const { class: c } of deleted) this.addWaiting(c, -1);
  }

  quarantine(row: SpoolRow, reason: string): void {
    const moved = this.transaction(() => {
      this.statement(plans.moveToQuarantine(row.class)).run(reason, this.now(), row.id);
      return this.statement(plans.deleteMessage(row.class)).run(row.id).changes;
    });
    this.addWaiting(row.class, -moved);
  }

  private addWaiting(c: number, rows: number): void {
    this.waiting.set(c, (this.waiting.get(c) ?? 0) + rows);
  }

  quarantined(): QuarantinedRow[] {
    return this.statement(plans.ALL_QUARANTINED).all() as QuarantinedRow[];
  }

  ledger(): StreamLedger[] {
    return readLedger((sql) => this.statement(sql));
  }

  counts(): SpoolCounts {
    return readCounts((sql) => this.statement(sql), this.options.path, this.options.classes, this.waiting);
  }

  close(): void {
    this.db.close();
    this.release();
  }

  private transaction<T>(work: () => T): T {
    return this.guarded(() => this.db.transaction(work).immediate());
  }

  private guarded<T>(work: () => T): T {
    return guarded(this.options.path, work);
  }

  private statement(sql: string): Statement {
    let statement = this.statements.get(sql);
    if (statement === undefined) {
      statement = this.db.prepare(sql);
      this.statements.set(sql, statement);
    }
    return statement;
  }
}

function readLedger(statement: (sql: string) => Statement): StreamLedger[] {
  const streams = statement(plans.ALL_STREAMS).all() as { epoch: string; class: number; next: number }[];
  return streams.map(({ epoch, class: c, next }) => {
    const floor = statement(plans.floorOf(c)).pluck().get(epoch) as number | null;
    const quarantined = statement(plans.QUARANTINED_SEQS).pluck().all(epoch, c) as number[];
    const evicted = statement(plans.EVICTED_OF).raw().all(epoch, c) as [number, number][];
    return {
      epoch,
      class: c,
      floor: floor ?? next,
      next,
      evicted,
      quarantined: new Ranges(quarantined.map((seq) => [seq, seq])).toJSON(),
    };
  });
}

function readCounts(
  statement: (sql: string) => Statement,
  path: string,
  classNumbers: readonly number[],
  waitingOf: ReadonlyMap<number, number>,
): SpoolCounts {
  const classes = new Map<number, ClassCounts>();
  const counters = statement(plans.ALL_COUNTERS).all() as (ClassCounts & { class: number })[];
  for (const { class: c, ...counts } of counters) classes.set(c, { ...counts, waiting: waitingOf.get(c) ?? 0 });
  const oldest = classNumbers.map((c) => statement(plans.oldestMessage(c)).pluck().get());
  const known = oldest.filter((ms) => typeof ms === 'number');
  return {
    classes,
    waiting: [...waitingOf.values()].reduce((a, b) => a + b, 0),
    quarantined: statement(plans.COUNT_QUARANTINED).pluck().get() as number,
    bytes: bytesOnDisk(path),
    oldestAtMs: known.length === 0 ? null : Math.min(...known),
  };
}

function checkFormat(db: Sqlite, path: string): void {
  const found = db.pragma('user_version', { simple: true }) as number;
  const hasTables = db.prepare("SELECT count(*) FROM sqlite_master WHERE type = 'table'").pluck().get() as number;
  if (found === plans.FORMAT_VERSION) return;
  if (found === 0 && hasTables === 0) {
    db.pragma(`user_version = ${plans.FORMAT_VERSION}`);
    return;
  }
  const what = found > plans.FORMAT_VERSION ? `a newer dragonsink wrote it (format ${found})` : 'it is not a spool';
  const hint = found > plans.FORMAT_VERSION ? 'install that version again' : 'name another file in [SPOOL] path';
  throw new SpoolError(`${path}: ${what}`, { code: 'version', hint });
}

function bytesOnDisk(path: string): number {
  const files = [path, `${path}-wal`, `${path}-shm`];
  return files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (thrown: unknown) {
    if (thrown instanceof SpoolError) throw thrown;
    const holder = (thrown as { holderPid?: number }).holderPid;
    if (holder !== undefined) {
      const hint = 'one process per spool: stop it, or name another file in [SPOOL] path';
      throw new SpoolError(`${path} is held by process ${holder}`, { code: 'held', hint, cause: thrown });
    }
    const { code, message, hint } = explainSqlite(path, thrown);
    throw new SpoolError(`spool ${message}`, {
      code,
      hint,
      retryable: code === 'full' || code === 'busy',
      cause: thrown,
    });
  }
}
