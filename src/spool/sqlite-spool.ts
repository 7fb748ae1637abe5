// The spool on SQLite: WAL and synchronous=FULL, a durable transaction per call.
import { randomBytes } from 'node:crypto';
import { SpoolError } from '../base/errors.js';
import type { Sqlite, Statement } from '../base/sqlite.js';
import { Age } from './age.js';
import { Ballast } from './ballast.js';
import { epochOf, leastCounter, nextCounter } from './epochs.js';
import { Eviction } from './eviction.js';
import { HandedOver } from './handed-over.js';
import { IdentitySearch, type Place } from './identity-search.js';
import { Marks } from './marks.js';
import * as plans from './plans.js';
import { rangesOf } from './range-table.js';
import { Room } from './room.js';
import { Space, sharesOf } from './space.js';
import {
  type Covered,
  type NewRow,
  type QuarantinedRow,
  RELEASE_ROWS,
  type Spool,
  type SpoolCounts,
  type SpoolRow,
  type StreamLedger,
} from './spool.js';
import { noteDamage } from './spool-file.js';
import { explained } from './spool-problems.js';
import { SpoolReader } from './spool-reader.js';
import type { SqliteSpoolOptions } from './sqlite-spool-options.js';
import { Statements } from './statements.js';

const EVICTING_MS = 200;

type Numbered = Place & { readonly class: number };

export class SqliteSpool implements Spool {
  readonly opening = randomBytes(8).toString('hex');
  readonly maxBodyBytes: number;
  private readonly statements: Statements;
  private readonly reader: SpoolReader;
  private readonly search: IdentitySearch;
  private readonly handedOver: HandedOver;
  private readonly ballast: Ballast;
  private readonly space: Space;
  private readonly eviction: Eviction;
  private readonly room: Room;
  private readonly age: Age | null;
  private readonly marks: Marks;
  private readonly now: () => number;
  private readonly leastCounter: number;
  private boundTo: string | null | undefined;
  private epoch: string | null = null;
  private nextSeq = new Map<number, number>();
  private highestId: number;
  private readonly inserts: ReadonlyMap<number, Statement>;

  constructor(
    private readonly db: Sqlite,
    private readonly options: SqliteSpoolOptions,
    private readonly unlock: () => void,
  ) {
    const { path, classes, limits, lastTakenMs, now = Date.now, monotonicMs = () => performance.now() } = options;
    this.now = now;
    for (const c of classes) db.exec(plans.createClass(c));
    this.statements = new Statements(db);
    this.reader = new SpoolReader(this.statements, path, classes);
    this.search = new IdentitySearch(this.statements);
    this.handedOver = new HandedOver(this.statements);
    this.eviction = new Eviction(this.statements, classes, limits.evict);
    const shares = sharesOf(path, limits);
    this.ballast = new Ballast(path, shares.ballastBytes);
    this.ballast.restore(limits.minFreeBytes);
    this.space = new Space(this.statements, path, limits, shares, this.ballast);
    this.maxBodyBytes = this.space.maxBodyBytes;
    this.room = new Room(path, this.space, this.eviction);
    this.age = limits.maxAgeMs === null ? null : new Age(this.statements, limits.maxAgeMs, monotonicMs);
    this.marks = new Marks(this.statements, limits.maxBytes);
    this.inserts = new Map(classes.map((c) => [c, db.prepare(plans.insertMessage(c))]));
    this.highestId = this.reader.lastId();
    this.leastCounter = leastCounter(now(), lastTakenMs);
  }

  currentEpoch(): string | null {
    return this.epoch;
  }

  kitId(): string | null {
    return this.look(() => this.reader.meta('kit_id')) as string | null;
  }

  setKitId(kitId: string): void {
    const fixed = this.kitId();
    if (fixed === kitId) return;
    if (fixed !== null) throw new SpoolError(`this spool belongs to ${fixed}, not to ${kitId}`, { code: 'kit-id' });
    this.write(() => this.statements.run(plans.PUT_META, 'kit_id', kitId));
  }

  forgetKitId(): void {
    const { waiting, handedOver, quarantined } = this.counts();
    if (waiting + handedOver + quarantined > 0) {
      throw new SpoolError(
        `${this.kitId()} still has ${waiting + handedOver} messages in the spool and ${quarantined} in quarantine`,
        { code: 'not-empty', hint: 'let them drain, and retry or drop the quarantined ones; then run this again' },
      );
    }
    // Its numbers end with it: the next id begins with new epochs and an empty ledger.
    this.write(() => this.db.exec(plans.FORGET_KIT));
    this.epoch = null;
    this.nextSeq = new Map();
  }

  storeId(): string | null {
    // Asked for with every message that is sent.
    if (this.boundTo === undefined) this.boundTo = this.look(() => this.reader.meta('store_id')) as string | null;
    return this.boundTo;
  }

  setStoreId(storeId: string | null): void {
    this.write(() => {
      if (storeId === null) {
        this.statements.run(plans.DELETE_META, 'store_id');
        return;
      }
      // In one go: bound and not taken back, it would never be sent to anybody.
      if (this.reader.meta('store_id') === null) this.handedOver.clear();
      this.statements.run(plans.PUT_META, 'store_id', storeId);
    });
    this.boundTo = storeId;
  }

  note(name: string): string | null {
    return this.look(() => this.reader.note(name));
  }

  setNote(name: string, text: string): void {
    this.write(() => this.statements.run(plans.PUT_META, `note ${name}`, text));
  }

  lastMark(rowClass: number, thing: string): string | null {
    return this.look(() => this.marks.last(rowClass, thing));
  }

  accept(rows: readonly NewRow[]): SpoolRow[] {
    const accepted: SpoolRow[] = [];
    for (const slice of this.room.slices(rows)) {
      try {
        accepted.push(...this.acceptSlice(slice));
      } catch (error: unknown) {
        if (accepted.length === 0) throw error;
        break;
      }
    }
    return accepted;
  }

  private acceptSlice(rows: readonly NewRow[]): SpoolRow[] {
    // Memory changes only after the commit: a failed one leaves everything as it was.
    const { epoch, nextSeq, written } = this.write(() => {
      this.room.make(rows);
      const current = this.epoch ?? this.beginEpoch();
      const next = new Map(this.nextSeq);
      return { epoch: current, nextSeq: next, written: this.insert(rows, current, next) };
    });
    this.epoch = epoch;
    this.nextSeq = nextSeq;
    this.highestId += written.length;
    return written;
  }

  private insert(rows: readonly NewRow[], epoch: string, nextSeq: Map<number, number>): SpoolRow[] {
    const acceptedAtMs = this.now();
    const perClass = new Map<number, number>();
    const written = rows.map(({ class: c, thing, mark, body }, i) => {
      const seq = nextSeq.get(c) ?? 1;
      nextSeq.set(c, seq + 1);
      perClass.set(c, (perClass.get(c) ?? 0) + 1);
      const id = this.highestId + 1 + i;
      const insert = this.inserts.get(c);
      if (insert === undefined) throw new RangeError(`this spool has no class ${c}`);
      insert.run(id, epoch, seq, acceptedAtMs, body);
      this.marks.put(c, thing, mark, id);
      return { id, class: c, epoch, seq, body, acceptedAtMs };
    });
    for (const [c, n] of perClass) {
      this.statements.run(plans.ADD_ACCEPTED, n, this.highestId + rows.length, c);
      this.statements.run(plans.PUT_STREAM, epoch, c, nextSeq.get(c) ?? 1);
    }
    this.marks.prune();
    return written;
  }

  private beginEpoch(): string {
    const counter = nextCounter(Number(this.reader.meta('epoch_counter') ?? 0), this.leastCounter);
    this.statements.run(plans.PUT_META, 'epoch_counter', counter);
    return epochOf(counter);
  }

  read(afterId: number, uptoId: number, limit: number, without?: ReadonlySet<number>): SpoolRow[] {
    return this.look(() => this.reader.read(afterId, uptoId, limit, without));
  }

  get(rowClass: number, id: number): SpoolRow | null {
    return this.look(() => this.statements.row<SpoolRow>(plans.readMessage(rowClass), id) ?? null);
  }

  lastId(): number {
    return this.highestId;
  }

  deliver(rows: readonly SpoolRow[]): void {
    const covered = rangesOf(rows).map(({ first, last, ...stream }) => ({
      ...stream,
      ranges: [[first, last] as const],
    }));
    while (this.release(covered).length === RELEASE_ROWS);
  }

  release(covered: readonly Covered[]): number[] {
    return this.write(() => {
      const ids: number[] = [];
      for (const { epoch, class: c, ranges } of covered) {
        const before = ids.length;
        for (const [first, last] of ranges) {
          if (ids.length === RELEASE_ROWS) break;
          ids.push(...this.deleteRange(c, epoch, first, last, RELEASE_ROWS - ids.length));
          const left = RELEASE_ROWS - ids.length;
          ids.push(...this.statements.values<number>(plans.RELEASE_QUARANTINED, c, epoch, first, last, left));
        }
        if (ids.length > before) this.statements.run(plans.ADD_DELIVERED, ids.length - before, c);
      }
      return ids;
    });
  }

  /** Within a transaction: deletes at most `limit` of the rows with these seqs; returns their ids. */
  private deleteRange(c: number, epoch: string, first: number, last: number, limit: number): number[] {
    const rows = this.search.rowsOf(c, epoch, first, last, limit);
    const [begin, end] = [rows[0], rows.at(-1)];
    if (begin === undefined || end === undefined) return [];
    if (this.search.isAll(c, begin.id, end.id)) this.statements.run(plans.deleteAll(c));
    else this.statements.run(plans.deleteBetween(c), begin.id, end.id);
    this.handedOver.remove({ class: c, epoch, first: begin.seq, last: end.seq });
    return rows.map(({ id }) => id);
  }

  handOver(rows: readonly SpoolRow[]): void {
    this.write(() => this.handedOver.add(rows));
  }

  takeBack(): void {
    this.write(() => this.handedOver.clear());
  }

  quarantine(row: SpoolRow, reason: string): void {
    this.write(() => {
      this.handedOver.remove({ ...row, first: row.seq, last: row.seq });
      this.statements.run(plans.moveToQuarantine(row.class), reason, this.now(), row.id);
      this.statements.run(plans.deleteMessage(row.class), row.id);
    });
  }

  quarantined(afterId: number, limit: number): QuarantinedRow[] {
    return this.look(() => this.reader.quarantined(afterId, limit));
  }

  retry(ids: readonly number[]): number {
    return this.fromQuarantine(ids, (row) => {
      this.statements.run(plans.putBack(row.class), row.id);
      this.statements.run(plans.DELETE_QUARANTINED, row.id);
    });
  }

  drop(ids: readonly number[]): number {
    return this.fromQuarantine(ids, (row) => this.eviction.giveUp(row));
  }

  private fromQuarantine(ids: readonly number[], work: (row: Numbered) => void): number {
    let count = 0;
    for (let i = 0; i < ids.length; i += RELEASE_ROWS) {
      count += this.write(() => {
        const found = ids
          .slice(i, i + RELEASE_ROWS)
          .map((id) => this.statements.row<Numbered>(plans.PLACE_QUARANTINED, id))
          .filter((row) => row !== undefined);
        for (const row of found) work(row);
        return found.length;
      });
    }
    return count;
  }

  maintain(): number {
    this.ballast.restore(this.options.limits.minFreeBytes);
    const aged = this.age?.isDue() === true ? this.evictAged(this.age) : 0;
    return aged + this.look(() => this.room.tidy((step) => this.write(step)));
  }

  /** What there is no time for is still too old a minute later. */
  private evictAged(age: Age): number {
    const until = performance.now() + EVICTING_MS;
    const uptoId = this.write(() => age.expired(this.highestId));
    let evicted = 0;
    while (uptoId !== null) {
      const some = this.write(() => this.eviction.evictUpTo(uptoId, RELEASE_ROWS));
      if (some === 0) break;
      evicted += some;
      if (performance.now() > until) return evicted;
    }
    this.write(() => age.forget(uptoId));
    return evicted;
  }

  ledger(): StreamLedger[] {
    return this.look(() => this.reader.ledger());
  }

  counts(): SpoolCounts {
    return this.look(() => this.reader.counts());
  }

  close(): void {
    try {
      if (this.age !== null) this.write(() => this.age?.save(this.highestId));
    } catch {
      // On a full disk this opening does not count into anybody's age.
    } finally {
      this.db.close();
      // The WAL is gone: on a full disk its room is what the next opening will need.
      this.ballast.restore(0);
      this.unlock();
    }
  }

  private look<T>(work: () => T): T {
    try {
      return explained(this.options.path, work);
    } catch (error: unknown) {
      if (error instanceof SpoolError && error.code === 'corrupt') noteDamage(this.options.path);
      throw error;
    }
  }

  /** One durable transaction; on a full disk the ballast makes way for it. */
  private write<T>(work: () => T): T {
    return this.look(() => {
      this.space.checkWal();
      const { path } = this.options;
      try {
        return explained(path, () => this.db.transaction(work).immediate());
      } catch (error: unknown) {
        // What is full by our own rules has no cause: there the disk is not to blame.
        const isDisk = error instanceof SpoolError && error.code === 'full' && error.cause !== undefined;
        if (!isDisk) throw error;
        this.ballast.drop();
        this.space.lookAgain();
        this.space.checkpoint(); // then the WAL begins anew, where it has room already
        return explained(path, () => this.db.transaction(work).immediate());
      }
    });
  }
}
