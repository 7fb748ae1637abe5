// A commit's operations on SQLite, row by row: the database is in this process, so that a round trip costs nothing.
import type { Kind } from '../../schema/kinds.js';
import { isoMicros } from '../../schema/time.js';
import type { Minute } from '../minutes.js';
import type { ColumnValue } from '../store.js';
import { toMinuteRow } from './minutes-table.js';
import type { SqliteDatabase } from './sqlite-database.js';
import {
  microsOf,
  type StoredLedger,
  type StoredOpening,
  type StoredReport,
  type StoredStream,
  toLedger,
  toOpening,
  toReport,
  toStream,
} from './sqlite-ledger-rows.js';
import * as plans from './sqlite-plans.js';
import type { TableName } from './tables.js';
import type {
  DataRow,
  FoldKey,
  KeyRow,
  KitRow,
  LedgerRow,
  LedgerWithFloor,
  LookUp,
  OpeningRow,
  Place,
  ReceiverRow,
  RejectRow,
  ReplacedRow,
  ReportingKit,
  ReportRow,
  StreamId,
  Transaction,
} from './transaction.js';

export class SqliteTransaction implements Transaction {
  constructor(private readonly db: SqliteDatabase) {}

  /** The transaction itself is the lock: SQLite has one writer. */
  async lockKits(kitIds: readonly string[], registers: (kitId: string) => boolean = () => true): Promise<KitRow[]> {
    return kitIds.flatMap((kitId): KitRow[] => {
      const stored = this.db.statement(plans.GET_KIT).get(kitId) as StoredKit | undefined;
      if (stored !== undefined) return [toKitRow(stored)];
      if (!registers(kitId)) return [];
      this.db.statement(plans.ADD_KIT).run({ kitId });
      return [{ kitId, source: 'mqtt', status: 'offline', lastSeenUs: null }];
    });
  }

  async putKits(kits: readonly KitRow[]): Promise<void> {
    for (const { kitId, source, status, lastSeenUs } of kits) {
      const lastSeen = lastSeenUs === null ? null : isoMicros(lastSeenUs);
      this.db.statement(plans.PUT_KIT).run(source, status, lastSeen, kitId);
    }
  }

  async ledgers(streams: readonly StreamId[]): Promise<LedgerWithFloor[]> {
    const get = this.db.statement(plans.GET_LEDGER);
    const rows = streams.map(({ kitId, epoch, kind }) => get.get(kitId, epoch, kind) as StoredLedger | undefined);
    return rows.filter((row) => row !== undefined).map(toLedger);
  }

  async putLedgers(rows: readonly LedgerRow[]): Promise<void> {
    const put = this.db.statement(plans.PUT_LEDGER);
    for (const { kitId, epoch, kind, received, next, refused, merged, rejected, lastContactUs } of rows) {
      put.run(kitId, epoch, kind, JSON.stringify(received), next, refused, merged, rejected, isoMicros(lastContactUs));
    }
  }

  async openings(kitIds: readonly string[]): Promise<OpeningRow[]> {
    const get = this.db.statement(plans.GET_OPENING);
    const rows = kitIds.map((kitId) => get.get(kitId) as StoredOpening | undefined);
    return rows.filter((row) => row !== undefined).map(toOpening);
  }

  async putOpenings(rows: readonly OpeningRow[]): Promise<void> {
    const put = this.db.statement(plans.PUT_OPENING);
    for (const { kitId, opening, n, listing, listed, superseded, clockOffsets } of rows) {
      const told = [
        listing && JSON.stringify(listing),
        Number(listed),
        JSON.stringify(superseded),
        JSON.stringify(clockOffsets),
      ];
      put.run(kitId, opening, n, ...told);
    }
  }

  async reports(streams: readonly StreamId[]): Promise<ReportRow[]> {
    const get = this.db.statement(plans.GET_REPORT);
    const rows = streams.map(({ kitId, epoch, kind }) => get.get(kitId, epoch, kind) as StoredReport | undefined);
    return rows.filter((row) => row !== undefined).map(toReport);
  }

  async putReports(rows: readonly ReportRow[]): Promise<void> {
    const put = this.db.statement(plans.PUT_REPORT);
    for (const { kitId, epoch, kind, opening, floor, next, examined, evicted, quarantined, missing } of rows) {
      const lists = [evicted, quarantined, missing].map((list) => JSON.stringify(list));
      put.run(kitId, epoch, kind, opening, floor, next, examined, ...lists);
    }
  }

  async putReceivers(rows: readonly ReceiverRow[]): Promise<void> {
    const put = this.db.statement(plans.PUT_RECEIVER);
    for (const { kitId, name, enabled, state, lastMessageUs, messages, errors, dropped, reportedUs } of rows) {
      const lastMessage = lastMessageUs === null ? null : isoMicros(lastMessageUs);
      put.run(kitId, name, Number(enabled), state, lastMessage, messages, errors, dropped, isoMicros(reportedUs));
    }
  }

  async unexamined(kits: readonly ReportingKit[]): Promise<StreamId[]> {
    const find = this.db.statement(plans.UNEXAMINED);
    const rows = kits.flatMap((kit) => find.all({ ...kit, listingEnds: Number(kit.listingEnds) })) as StoredStream[];
    return rows.map(toStream);
  }

  async keys(keys: readonly LookUp[]): Promise<KeyRow[]> {
    const get = this.db.statement(plans.GET_KEY);
    const rows = keys.map(({ kitId, kind, thing, keyUs }) => get.get(kitId, kind, thing, keyUs));
    return [...found(rows), ...this.twins(keys, false)];
  }

  async keysBefore(keys: readonly FoldKey[]): Promise<KeyRow[]> {
    const get = this.db.statement(plans.GET_KEY_BEFORE);
    const rows = keys.map(({ kitId, kind, thing, keyUs, foldWithinUs }) =>
      get.get(kitId, kind, thing, keyUs - foldWithinUs, keyUs),
    );
    return [...found(rows), ...this.twins(keys, true)];
  }

  private twins(keys: readonly LookUp[], isTimed: boolean): KeyRow[] {
    const find = this.db.statement(isTimed ? plans.GET_TIMED_TWINS : plans.GET_UNTIMED_TWINS);
    const rows = keys.flatMap(({ kitId, kind, keyUs, twin }) => {
      if (twin === undefined) return [];
      const around = { kitId, twin: twin.name, fromUs: keyUs - twin.withinUs, toUs: keyUs + twin.withinUs };
      return find.all(isTimed ? { ...around, kind, thing: twin.thing } : around);
    });
    return (rows as StoredKey[]).map(toKeyRow);
  }

  async insertKeys(rows: readonly KeyRow[]): Promise<void> {
    const insert = this.db.statement(plans.INSERT_KEY);
    for (const row of rows) insert.run(...keyValues(row), row.twin);
  }

  async updateKeys(rows: readonly KeyRow[]): Promise<void> {
    const update = this.db.statement(plans.UPDATE_KEY);
    for (const row of rows) update.run(...keyValues(row));
  }

  async addMinutes(minutes: readonly Minute[]): Promise<void> {
    const add = this.db.statement(plans.ADD_MINUTE);
    for (const minute of minutes) add.run(toMinuteRow(minute));
  }

  async occupied(table: TableName, from: readonly Place[], spanUs: number): Promise<Place[]> {
    const find = this.db.statement(plans.TABLE_PLANS[table].occupied).pluck();
    return from.flatMap(({ kitId, part, timeUs }) => {
      const times = find.all(isoMicros(timeUs), isoMicros(timeUs + spanUs), kitId, ...partValues(table, part));
      return (times as string[]).map((time) => ({ kitId, part, timeUs: microsOf(time) }));
    });
  }

  async updateRows(table: TableName, rows: readonly ReplacedRow[]): Promise<ReplacedRow[]> {
    const update = this.db.statement(plans.TABLE_PLANS[table].updateRow);
    return rows.filter(({ timeUs, kitId, values, from }) => {
      const place = [isoMicros(from.timeUs), kitId, ...partValues(table, from.part)];
      return update.run(isoMicros(timeUs), kitId, ...values.map(bindable), ...place).changes === 0;
    });
  }

  async insertRows(table: TableName, rows: readonly DataRow[]): Promise<void> {
    const insert = this.db.statement(plans.TABLE_PLANS[table].insertRow);
    for (const { timeUs, kitId, values } of rows) insert.run(isoMicros(timeUs), kitId, ...values.map(bindable));
  }

  async insertRejects(rows: readonly RejectRow[]): Promise<string[]> {
    const insert = this.db.statement(plans.INSERT_REJECT);
    const inserted = rows.filter(({ receivedUs, topic, kitId, kind, identity, reason, detail, payload, digest }) => {
      const { epoch, seq } = identity ?? { epoch: null, seq: null };
      const values = [isoMicros(receivedUs), topic, kitId, kind, epoch, seq, reason, detail, payload, digest];
      return insert.run(...values).changes > 0;
    });
    return inserted.map(({ digest }) => digest);
  }
}

interface StoredKit {
  readonly kit_id: string;
  readonly source: string | null;
  readonly status: string | null;
  readonly last_seen: string | null;
}

function toKitRow({ kit_id: kitId, source, status, last_seen: lastSeen }: StoredKit): KitRow {
  return { kitId, source, status, lastSeenUs: lastSeen === null ? null : microsOf(lastSeen) };
}

interface StoredKey {
  readonly kit_id: string;
  readonly kind: Kind;
  readonly thing: string;
  readonly key_us: number;
  readonly time_us: number;
  readonly part: string;
  readonly epoch: string | null;
  readonly seq: number | null;
  readonly twin: string | null;
}

function found(rows: readonly unknown[]): KeyRow[] {
  return (rows as (StoredKey | undefined)[]).filter((row) => row !== undefined).map(toKeyRow);
}

function toKeyRow({ kit_id: kitId, key_us: keyUs, time_us: timeUs, epoch, seq, ...row }: StoredKey): KeyRow {
  return { ...row, kitId, keyUs, timeUs, identity: epoch === null || seq === null ? null : { epoch, seq } };
}

function keyValues({ kitId, kind, thing, keyUs, timeUs, part, identity }: KeyRow): unknown[] {
  return [timeUs, part, identity?.epoch ?? null, identity?.seq ?? null, kitId, kind, thing, keyUs];
}

function partValues(table: TableName, part: string): (string | number)[] {
  if (table === 'system_health') return [];
  return [table === 'signals' ? Number(part) : part];
}

function bindable(value: ColumnValue): string | number | null {
  return typeof value === 'boolean' ? Number(value) : value;
}
