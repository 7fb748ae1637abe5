// A commit's operations on PostgreSQL: one statement each, however many rows.

import type { Minute } from '../minutes.js';
import { toMinuteRow } from './minutes-table.js';
import { toArrays } from './postgres-arrays.js';
import * as plans from './postgres-plans.js';
import type { Query } from './postgres-pool.js';
import type { TableName } from './tables.js';
import { aggregateOf, lateHours, MARK_HOURS } from './timescale-refresh.js';
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

type StoredKey = Omit<KeyRow, 'identity'> & { readonly epoch: string | null; readonly seq: number | null };

export class PostgresTransaction implements Transaction {
  constructor(
    private readonly query: Query,
    private readonly nowUs: number,
  ) {}

  async lockKits(kitIds: readonly string[], registers: (kitId: string) => boolean = () => true): Promise<KitRow[]> {
    const locked = await this.lock(kitIds);
    const known = new Set(locked.map(({ kitId }) => kitId));
    const unknown = kitIds.filter((kitId) => !known.has(kitId) && registers(kitId));
    if (unknown.length === 0) return locked;
    await this.send(plans.ADD_KITS, unknown.map(toKit));
    return [...locked, ...(await this.lock(unknown))];
  }

  private async lock(kitIds: readonly string[]): Promise<KitRow[]> {
    return this.send<KitRow>(plans.LOCK_KITS, kitIds.map(toKit));
  }

  async putKits(kits: readonly KitRow[]): Promise<void> {
    await this.send(plans.PUT_KITS, kits);
  }

  async ledgers(streams: readonly StreamId[]): Promise<LedgerWithFloor[]> {
    return this.send<LedgerWithFloor>(plans.GET_LEDGERS, streams);
  }

  async putLedgers(rows: readonly LedgerRow[]): Promise<void> {
    await this.send(plans.PUT_LEDGERS, rows);
  }

  async openings(kitIds: readonly string[]): Promise<OpeningRow[]> {
    return this.send<OpeningRow>(plans.GET_OPENINGS, kitIds.map(toKit));
  }

  async putOpenings(rows: readonly OpeningRow[]): Promise<void> {
    await this.send(plans.PUT_OPENINGS, rows);
  }

  async reports(streams: readonly StreamId[]): Promise<ReportRow[]> {
    return this.send<ReportRow>(plans.GET_REPORTS, streams);
  }

  async putReports(rows: readonly ReportRow[]): Promise<void> {
    await this.send(plans.PUT_REPORTS, rows);
  }

  async putReceivers(rows: readonly ReceiverRow[]): Promise<void> {
    await this.send(plans.PUT_RECEIVERS, rows);
  }

  async unexamined(kits: readonly ReportingKit[]): Promise<StreamId[]> {
    return this.send<StreamId>(plans.UNEXAMINED, kits);
  }

  async keys(keys: readonly LookUp[]): Promise<KeyRow[]> {
    return (await this.send<StoredKey>(plans.GET_KEYS, keys.map(toLookUp))).map(toKeyRow);
  }

  async keysBefore(keys: readonly FoldKey[]): Promise<KeyRow[]> {
    const folds = keys.map((key) => ({ ...toLookUp(key), foldWithinUs: key.foldWithinUs }));
    return (await this.send<StoredKey>(plans.GET_KEYS_BEFORE, folds)).map(toKeyRow);
  }

  async insertKeys(rows: readonly KeyRow[]): Promise<void> {
    const values = rows.map(({ kitId, kind, thing, keyUs, timeUs, part, identity, twin }) => [
      kitId,
      kind,
      thing,
      keyUs,
      timeUs,
      part,
      identity?.epoch ?? null,
      identity?.seq ?? null,
      twin,
    ]);
    await this.query(plans.INSERT_KEYS, toArrays(values, 9));
  }

  async updateKeys(rows: readonly KeyRow[]): Promise<void> {
    await this.send(plans.UPDATE_KEYS, rows.map(fromKeyRow));
  }

  async addMinutes(minutes: readonly Minute[]): Promise<void> {
    await this.send(plans.ADD_MINUTES, minutes.map(toMinuteRow));
  }

  async occupied(table: TableName, from: readonly Place[], spanUs: number): Promise<Place[]> {
    const places = JSON.stringify(from.map(toPlace));
    const { occupied, occupiedAfter } = plans.TABLE_PLANS[table];
    return spanUs === 0 ? this.query(occupied, [places]) : this.query(occupiedAfter, [places, spanUs]);
  }

  async updateRows(table: TableName, rows: readonly ReplacedRow[]): Promise<ReplacedRow[]> {
    const times = rows.map(({ from }) => from.timeUs);
    const kits = [...new Set(rows.map(({ kitId }) => kitId))];
    const parts = [...new Set(rows.map(({ from }) => from.part))];
    const bounds = [Math.min(...times), Math.max(...times), kits, parts];
    const values = rows.map(({ from, kitId, timeUs, values: others }, n) => [
      n,
      from.timeUs,
      from.part,
      kitId,
      timeUs,
      ...others,
    ]);
    const arrays = toArrays(values, values[0]?.length ?? 0);
    await this.markLate(table, [...times, ...rows.map(({ timeUs }) => timeUs)]);
    const updated = await this.query<{ n: number }>(plans.TABLE_PLANS[table].updateRows, [...bounds, ...arrays]);
    const found = new Set(updated.map(({ n }) => n));
    return rows.filter((_, n) => !found.has(n));
  }

  async insertRows(table: TableName, rows: readonly DataRow[]): Promise<void> {
    const values = rows.map(({ timeUs, kitId, values: others }) => [timeUs, kitId, ...others]);
    await this.markLate(
      table,
      rows.map(({ timeUs }) => timeUs),
    );
    await this.query(plans.TABLE_PLANS[table].insertRows, toArrays(values, values[0]?.length ?? 0));
  }

  async insertRejects(rows: readonly RejectRow[]): Promise<string[]> {
    const inserted = await this.send<RejectRow>(plans.INSERT_REJECTS, rows.map(fromReject));
    return inserted.map(({ digest }) => digest);
  }

  /** What changes in an hour that its aggregate's policy no longer looks at is not seen there unless it is said. */
  private async markLate(table: TableName, timesUs: readonly number[]): Promise<void> {
    const aggregate = aggregateOf(table);
    const hours = lateHours(timesUs, this.nowUs);
    if (aggregate !== undefined && hours.length > 0) await this.query(MARK_HOURS, [aggregate, hours]);
  }

  private send<R extends object>(sql: string, rows: readonly object[]): Promise<R[]> {
    return this.query<R>(sql, [JSON.stringify(rows)]);
  }
}

function toKit(kitId: string): object {
  return { kit_id: kitId };
}

function toLookUp({ kitId, kind, thing, keyUs, twin }: LookUp): object {
  const key = { kitId, kind, thing, keyUs };
  return twin === undefined ? key : { ...key, twin: twin.name, twinThing: twin.thing, withinUs: twin.withinUs };
}

function toPlace({ kitId, part, timeUs }: Place): object {
  return { kitId, part, timeUs };
}

function toKeyRow({ epoch, seq, ...row }: StoredKey): KeyRow {
  return { ...row, identity: epoch === null || seq === null ? null : { epoch, seq } };
}

function fromKeyRow({ kitId, kind, thing, keyUs, timeUs, part, identity }: KeyRow): object {
  return { kitId, kind, thing, keyUs, timeUs, part, epoch: identity?.epoch, seq: identity?.seq };
}

function fromReject({ identity, payload, ...row }: RejectRow): object {
  return { ...row, epoch: identity?.epoch, seq: identity?.seq, payload: payload.toString('base64') };
}
