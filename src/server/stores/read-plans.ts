// The statements of whoever looks, the same on both databases but for their dialect.
import { KINDS } from '../../schema/kinds.js';
import { HEALTH_COLUMNS, SIGNAL_COLUMNS, TRACK_COLUMNS } from '../../schema/web/shapes.js';
import type {
  RejectsOf,
  RowOf,
  SignalFilter,
  SignalKey,
  Thing,
  ThingKey,
  TimeRange,
  TrackFilter,
  TrackKey,
} from '../reads.js';
import { IS_FOREIGN } from './indexes.js';
import { P50, SUMS } from './minutes-table.js';
import { Binder, type Dialect, type ReadValue } from './read-dialect.js';
import { REPLAYED } from './tables.js';

export interface Plan {
  readonly sql: string;
  readonly values: readonly ReadValue[];
}

const KIND = "CASE d.track_type WHEN 'aircraft' THEN 'aircraft' ELSE 'drone' END";

/** Of other programs' rows nobody knows: they are taken as of then. */
const isLate = (alias: string): string => `coalesce(${alias}.${REPLAYED}, false)`;

const isPlacedIn = (alias: string): string => `${alias}.lat IS NOT NULL AND ${alias}.lon IS NOT NULL`;

const of = (alias: string, columns: readonly string[]): string => columns.map((name) => `${alias}.${name}`).join(', ');

export class ReadPlans {
  constructor(private readonly dialect: Dialect) {}

  kits(): Plan {
    const { iso } = this.dialect;
    return this.plan(
      () => `SELECT kit_id, name, location, api_url, source, status, enabled, ${iso('last_seen')} AS last_seen,
        ${iso('created_at')} AS created_at FROM kits ORDER BY kit_id`,
    );
  }

  latestHealth(): Plan {
    return this.plan(
      () => `SELECT ${this.health()} FROM kits k JOIN system_health h ON h.kit_id = k.kit_id
        AND h.time = (SELECT max(time) FROM system_health WHERE kit_id = k.kit_id)`,
    );
  }

  latestPositions(since: string): Plan {
    return this.plan((bind) => {
      const newest = (condition: string): string => `(SELECT max(s.time) FROM system_health s WHERE s.kit_id = k.kit_id
        AND s.time > ${bind.instant(since)} AND ${isPlacedIn('s')} AND ${condition})`;
      return `SELECT ${this.health()} FROM kits k JOIN system_health h ON h.kit_id = k.kit_id
        AND h.time = coalesce(${newest(`NOT ${isLate('s')}`)}, ${newest(isLate('s'))})`;
    });
  }

  healthOf(kitId: string, range: TimeRange, limit: number, isPlaced: boolean): Plan {
    return this.plan(
      (bind) => `SELECT ${this.health()} FROM (
          SELECT s.*, row_number() OVER (ORDER BY s.time DESC) - 1 AS n, count(*) OVER () AS total FROM system_health s
          WHERE s.kit_id = ${bind.value(kitId)} AND ${inRange(bind, 's', range)}${isPlaced ? ` AND ${isPlacedIn('s')}` : ''}) h
        WHERE h.n % ((h.total + ${bind.whole(limit)} - 1) / ${bind.whole(limit)}) = 0 ORDER BY h.time`,
    );
  }

  things(filter: TrackFilter, limit: number, after: ThingKey | null): Plan {
    return this.plan((bind) => {
      const where = tracks(bind, filter);
      const behind = after === null ? '' : `HAVING ${behindThing(bind, after)}`;
      return `SELECT ${KIND} AS kind, d.drone_id AS id, ${this.dialect.iso('min(d.time)')} AS first_at,
          ${this.dialect.iso('max(d.time)')} AS last_at,
          ${this.dialect.iso(`max(d.time) FILTER (WHERE NOT ${isLate('d')})`)} AS live_at, count(*) AS points
        FROM drones d WHERE ${where} GROUP BY ${KIND}, d.drone_id ${behind}
        ORDER BY max(d.time) DESC, d.drone_id, ${KIND} LIMIT ${bind.whole(limit)}`;
    });
  }

  rowsAt(wanted: readonly RowOf[], filter: TrackFilter): Plan {
    return this.plan((bind) => {
      const rows = wanted.map(({ id, kind, time }) => [bind.value(id), bind.value(kind), bind.instant(time)]);
      return `${listed('id, kind, time', rows)} SELECT ${KIND} AS kind, d.drone_id AS id, ${this.track()}
        FROM v JOIN drones d ON d.drone_id = v.id AND d.time = v.time AND ${KIND} = v.kind
        WHERE ${tracks(bind, closed(filter))}`;
    });
  }

  heardBy(things: readonly Thing[], range: TimeRange): Plan {
    return this.plan((bind) => {
      const wanted = things.map(({ id, kind }) => [bind.value(id), bind.value(kind)]);
      return `${listed('id, kind', wanted)} SELECT v.kind, v.id, d.kit_id, max(d.rssi) AS rssi,
          max(d.freq_mhz) AS freq_mhz, count(*) AS points, ${this.dialect.iso('max(d.time)')} AS last_at
        FROM v JOIN drones d ON d.drone_id = v.id AND ${KIND} = v.kind WHERE ${inRange(bind, 'd', range)}
        GROUP BY v.kind, v.id, d.kit_id`;
    });
  }

  paths(things: readonly Thing[], filter: TrackFilter, points: number): Plan {
    return this.plan((bind) => {
      const wanted = things.map(({ id, kind, points: rows }) => {
        return [bind.value(id), bind.value(kind), bind.whole(Math.max(1, Math.ceil(rows / points)))];
      });
      return `${listed('id, kind, step', wanted)}
        SELECT p.kind, p.id, ${this.dialect.iso('p.time')} AS time, p.lat, p.lon, p.alt, p.heading, p.late FROM (
          SELECT v.kind, v.id, v.step, d.time, d.lat, d.lon, d.alt, d.heading, ${isLate('d')} AS late,
            row_number() OVER (PARTITION BY v.kind, v.id ORDER BY d.time DESC) - 1 AS n
          FROM v JOIN drones d ON d.drone_id = v.id AND ${KIND} = v.kind
          WHERE ${tracks(bind, filter)} AND d.lat IS NOT NULL AND d.lon IS NOT NULL) p
        WHERE p.n % p.step = 0 ORDER BY p.kind, p.id, p.time`;
    });
  }

  countTracks(filter: TrackFilter, atMost: number): Plan {
    return this.plan(
      (bind) =>
        `SELECT count(*) AS n FROM (SELECT 1 FROM drones d WHERE ${tracks(bind, filter)} LIMIT ${bind.whole(atMost + 1)}) c`,
    );
  }

  trackRows(filter: TrackFilter, limit: number, after: TrackKey | null): Plan {
    return this.plan((bind) => {
      const behind = after
        ? ` AND (d.drone_id, d.time, d.kit_id)
          > (${bind.value(after.id)}, ${bind.instant(after.time)}, ${bind.value(after.kit_id)})`
        : '';
      return `SELECT ${KIND} AS kind, d.drone_id AS id, ${this.track()} FROM drones d
        WHERE ${tracks(bind, filter)}${behind} ORDER BY d.drone_id, d.time, d.kit_id LIMIT ${bind.whole(limit)}`;
    });
  }

  signals(filter: SignalFilter, limit: number, after: SignalKey | null): Plan {
    return this.plan((bind) => {
      const behind = after === null ? '' : ` AND ${behindSignal(bind, after)}`;
      return `SELECT ${this.dialect.iso('s.time')} AS time, s.kit_id, ${of('s', SIGNAL_COLUMNS)}, ${isLate('s')} AS late
        FROM signals s
        WHERE ${signalsOf(bind, filter)}${behind} ORDER BY s.time DESC, s.kit_id, s.freq_mhz LIMIT ${bind.whole(limit)}`;
    });
  }

  countSignals(filter: SignalFilter, atMost: number): Plan {
    return this.plan(
      (bind) =>
        `SELECT count(*) AS n FROM (SELECT 1 FROM signals s WHERE ${signalsOf(bind, filter)} LIMIT ${bind.whole(atMost + 1)}) c`,
    );
  }

  buckets(range: TimeRange, stepS: number, kitId: string | undefined, limit: number): Plan {
    return this.plan((bind) => {
      const ofKit = (alias: string): string =>
        kitId === undefined ? '' : ` AND ${alias}.kit_id = ${bind.value(kitId)}`;
      // Each by an index (minutes-table.ts): all kits by their kinds, one by itself.
      const minutesOf =
        kitId === undefined ? ` AND m.kind IN (${KINDS.map((kind) => `'${kind}'`).join(', ')})` : ofKit('m');
      const counted = `
        SELECT m.minute_s AS at, m.kit_id, m.kind, ${of('m', [...SUMS, 'longest_ms'])} FROM ingest_minutes m
        WHERE m.minute_s >= ${bind.whole(minuteOf(range.from))} AND m.minute_s < ${bind.whole(secondsOf(range.to))}${minutesOf}`;
      // Of what another program wrote nothing is known but that it is there.
      const foreign = (table: string, kind: string): string => `
        SELECT ${this.dialect.seconds('d.time')}, d.kit_id, ${kind}, 1, ${[...SUMS.slice(1), 0].map(() => '0').join(', ')}
        FROM ${table} d WHERE d.${IS_FOREIGN} AND ${inRange(bind, 'd', range)}${ofKit('d')}`;
      const every = [
        counted,
        foreign('drones', KIND),
        foreign('signals', "'signal'"),
        foreign('system_health', "'system'"),
      ];
      const sums = SUMS.map((name) => `CAST(sum(${name}) AS bigint) AS ${name}`);
      return `SELECT at, kit_id, kind, messages, late, longest_ms, ${P50} AS p50 FROM (
          SELECT at / ${bind.whole(stepS)} * ${bind.whole(stepS)} AS at, kit_id, kind, ${sums.join(', ')},
            max(longest_ms) AS longest_ms
          FROM (${every.join(' UNION ALL ')}) c GROUP BY 1, 2, 3) s
        ORDER BY at, kit_id, kind LIMIT ${bind.whole(limit)}`;
    });
  }

  rejects(of: RejectsOf, limit: number, before: number | null): Plan {
    return this.plan((bind) => {
      const below = before === null ? [] : [`id < ${bind.whole(before)}`];
      return `SELECT id, ${this.dialect.iso('received')} AS received_at, topic, kit_id, kind, epoch, seq, reason, detail, payload
        FROM ingest_rejects WHERE ${all([...rejected(bind, of), ...below])} ORDER BY id DESC LIMIT ${bind.whole(limit)}`;
    });
  }

  rejectCounts(of: RejectsOf): Plan {
    return this.plan(
      (bind) =>
        `SELECT reason, count(*) AS n FROM ingest_rejects WHERE ${all(rejected(bind, of))} GROUP BY reason ORDER BY 2 DESC, 1`,
    );
  }

  private health(): string {
    return `h.kit_id, ${this.dialect.iso('h.time')} AS time, ${of('h', HEALTH_COLUMNS)}, ${isLate('h')} AS late`;
  }

  private track(): string {
    return `${this.dialect.iso('d.time')} AS time, d.kit_id, ${of('d', TRACK_COLUMNS)}, ${isLate('d')} AS late`;
  }

  private plan(write: (bind: Binder) => string): Plan {
    const bind = new Binder(this.dialect);
    return { sql: write(bind), values: bind.values };
  }
}

function all(conditions: readonly string[]): string {
  return conditions.length === 0 ? '1 = 1' : conditions.join(' AND ');
}

function inRange(bind: Binder, alias: string, { from, to }: TimeRange): string {
  return `${alias}.time >= ${bind.instant(from)} AND ${alias}.time < ${bind.instant(to)}`;
}

/** A thing is looked for by its newest row: what else it was found by need not be true of that one. */
function closed({ from, to, kitId }: TrackFilter): TrackFilter {
  return { from, to, kitId };
}

function tracks(bind: Binder, { kinds, kitId, thing, text, ...range }: TrackFilter): string {
  const like = (column: string): string => `${column} ${bind.like} ${bind.value(containing(text ?? ''))} ESCAPE '\\'`;
  const columns = ['d.drone_id', 'd.description', 'd.mac', 'd.operator_id'];
  return all([
    inRange(bind, 'd', range),
    ...(kinds?.length === 1 ? [`${KIND} = ${bind.value(kinds[0] ?? '')}`] : []),
    ...(kitId === undefined ? [] : [`d.kit_id = ${bind.value(kitId)}`]),
    ...(thing === undefined ? [] : [`d.drone_id = ${bind.value(thing)}`]),
    ...(text === undefined ? [] : [`(${columns.map(like).join(' OR ')})`]),
  ]);
}

function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}

function signalsOf(bind: Binder, { kitId, types, ...range }: SignalFilter): string {
  const known = types?.filter((type) => type !== 'other').map((type) => `s.detection_type = ${bind.value(type)}`) ?? [];
  const other = types?.includes('other') ? ['s.detection_type IS NULL'] : [];
  return all([
    inRange(bind, 's', range),
    ...(kitId === undefined ? [] : [`s.kit_id = ${bind.value(kitId)}`]),
    ...(types === undefined ? [] : [`(${[...known, ...other].join(' OR ')})`]),
  ]);
}

function rejected(bind: Binder, { kitId, reason }: RejectsOf): string[] {
  return [
    ...(kitId === undefined ? [] : [`kit_id = ${bind.value(kitId)}`]),
    ...(reason === undefined ? [] : [`reason = ${bind.value(reason)}`]),
  ];
}

function behindThing(bind: Binder, { last_at, id, kind }: ThingKey): string {
  const sameTime = `max(d.time) = ${bind.instant(last_at)}`;
  const later = `d.drone_id > ${bind.value(id)} OR (d.drone_id = ${bind.value(id)} AND ${KIND} > ${bind.value(kind)})`;
  return `max(d.time) < ${bind.instant(last_at)} OR (${sameTime} AND (${later}))`;
}

function behindSignal(bind: Binder, { time, kit_id, freq_mhz }: SignalKey): string {
  const sameTime = `s.time = ${bind.instant(time)}`;
  const later = `(s.kit_id, s.freq_mhz) > (${bind.value(kit_id)}, ${bind.real(freq_mhz)})`;
  return `(s.time < ${bind.instant(time)} OR (${sameTime} AND ${later}))`;
}

function secondsOf(iso: string): number {
  return Math.ceil(Date.parse(iso) / 1_000);
}

function minuteOf(iso: string): number {
  return Math.floor(Date.parse(iso) / 60_000) * 60;
}

/** Rows to join with. */
function listed(columns: string, rows: readonly (readonly string[])[]): string {
  return `WITH v (${columns}) AS (VALUES ${rows.map((row) => `(${row.join(', ')})`).join(', ')})`;
}
