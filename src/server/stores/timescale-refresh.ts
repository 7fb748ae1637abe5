// Hourly aggregates under rows that come late: TimescaleDB's own policy looks back for 3 hours, so that older hours are
// marked by the commit that changes them, and brought up to date here.
import { StoreError } from '../../base/errors.js';
import type { PostgresPool } from './postgres-pool.js';
import { RETENTION_DAYS } from './retention.js';
import type { TableName } from './tables.js';
import { hasTimescale } from './timescale.js';
import { AGGREGATES } from './timescale-plans.js';

const HOUR_US = 3600 * 1e6;
/**
 * Every hour from this age on was refreshed by the policy for the last time, or may have been: the policy runs each half
 * hour, and takes whole hours that begin at most 3 hours and end at least 1 hour before.
 */
const SETTLED_US = 2 * HOUR_US;
const PAGE_HOURS = 100;

const timeOf = (micros: string): string => `(timestamptz 'epoch' + ${micros} * interval '1 microsecond')`;

/** Only where somebody aggregates: looked up in the statement, for an aggregate may be made or dropped at any time. */
export const MARK_HOURS = `
  INSERT INTO ingest_refresh (aggregate, hour) SELECT $1::text, ${timeOf('hour_us')}
  FROM unnest($2::bigint[]) AS r(hour_us) WHERE to_regclass($1) IS NOT NULL`;

/** The hours of these times that the aggregate's own policy will not look at again, each once. */
export function lateHours(timesUs: Iterable<number>, nowUs: number): number[] {
  const hours = new Set<number>();
  for (const timeUs of timesUs) {
    const hourUs = Math.floor(timeUs / HOUR_US) * HOUR_US;
    if (hourUs < nowUs - SETTLED_US) hours.add(hourUs);
  }
  return [...hours];
}

export function aggregateOf(table: TableName): string | undefined {
  return AGGREGATES.find((aggregate) => aggregate.table === table)?.name;
}

/**
 * Never an hour whose raw rows may be gone: the refresh would make the aggregate forget what others had there. Where a
 * policy drops them sooner than we would, what counts is the policy.
 */
const KEPT_SINCE = `
  SELECT a.name, ${timeOf('$3::bigint')} + interval '1 hour' - least(a.retention, (
      SELECT min((j.config->>'drop_after')::interval) FROM timescaledb_information.jobs j
      WHERE j.proc_name = 'policy_retention' AND j.hypertable_schema = current_schema()
        AND j.hypertable_name = c.hypertable_name)) AS since
  FROM unnest($1::text[], $2::interval[]) AS a(name, retention)
  JOIN timescaledb_information.continuous_aggregates c
    ON c.view_schema = current_schema() AND c.view_name = a.name`;

const NEXT_HOURS = `
  WITH kept AS (${KEPT_SINCE})
  SELECT r.aggregate, (extract(epoch FROM r.hour) * 1000000)::bigint AS "hourUs", r.hour >= k.since AS kept,
    array_agg(r.id) AS ids
  FROM ingest_refresh r LEFT JOIN kept k ON k.name = r.aggregate
  WHERE (r.aggregate, r.hour) > ($4, ${timeOf('$5::bigint')})
  GROUP BY r.aggregate, r.hour, k.since ORDER BY r.aggregate, r.hour LIMIT ${PAGE_HOURS}`;
// A procedure with transactions of its own, so that it cannot run in one.
const REFRESH = `
  CALL refresh_continuous_aggregate($1::text::regclass, ${timeOf('$2::bigint')}, ${timeOf('$3::bigint')})`;
const ARE_ANY = 'SELECT EXISTS (SELECT FROM ingest_refresh) AS found';
const UNMARK = 'DELETE FROM ingest_refresh WHERE id = ANY ($1)';
const UNMARK_ALL = 'DELETE FROM ingest_refresh';

interface MarkedHour {
  readonly aggregate: string;
  readonly hourUs: number;
  /** Null where there is no such aggregate. */
  readonly kept: boolean | null;
  /** As text, which an array of bigint comes as. */
  readonly ids: readonly string[];
}

/**
 * Refreshes all that is marked, and returns how many hours.
 *
 * @throws StoreError what could not be refreshed stays marked, and does not keep the others from it.
 */
export async function refreshMarked(pool: PostgresPool, nowUs: number): Promise<number> {
  const [marks] = await pool.query<{ found: boolean }>(ARE_ANY);
  if (marks?.found !== true) return 0;
  if (!(await hasTimescale(pool))) {
    await pool.query(UNMARK_ALL);
    return 0;
  }
  let refreshed = 0;
  let failure: StoreError | null = null;
  for (let after = { aggregate: '', hourUs: 0 }; ; ) {
    const hours = await nextHours(pool, nowUs, after);
    const last = hours.at(-1);
    if (last === undefined) break;
    after = last;
    for (const { aggregate, hourUs, kept, ids } of hours) {
      try {
        if (kept === true) {
          await pool.query(REFRESH, [aggregate, hourUs, hourUs + HOUR_US]);
          refreshed += 1;
        }
        await pool.query(UNMARK, [ids]);
      } catch (error: unknown) {
        if (!(error instanceof StoreError) || error.code === 'unavailable') throw error;
        failure = error;
      }
    }
  }
  if (failure !== null) throw failure;
  return refreshed;
}

type Place = Pick<MarkedHour, 'aggregate' | 'hourUs'>;

function nextHours(pool: PostgresPool, nowUs: number, after: Place): Promise<MarkedHour[]> {
  const names = AGGREGATES.map(({ name }) => name);
  const retentions = AGGREGATES.map(({ table }) => `${RETENTION_DAYS[table]} days`);
  return pool.query<MarkedHour>(NEXT_HOURS, [names, retentions, nowUs, after.aggregate, after.hourUs]);
}
