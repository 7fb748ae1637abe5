// The table of what came in each minute (server/minutes.ts), written with the rows that it counts. Both databases take
// these statements.
import { BOUNDS_MS, type Minute } from '../minutes.js';

/** In this order: a kind has its retention, and a timeline of all kits is a range of each kind. */
const KEY = ['kind', 'minute_s', 'kit_id'] as const;
/** A column for each class. */
const TOOK: readonly string[] = [...BOUNDS_MS.map((bound) => `took_${bound}`), 'took_more'];
/** What is added up; `longest_ms` alone is not. */
export const SUMS: readonly string[] = ['messages', 'late', ...TOOK];
export const MINUTE_KEY = KEY.join(', ');
export const MINUTE_COLUMNS: readonly string[] = [...KEY, ...SUMS, 'longest_ms'];

export function typeOfMinute(column: string, { text, whole } = { text: 'text', whole: 'bigint' }): string {
  return column === 'kit_id' || column === 'kind' ? text : whole;
}

const ALL = `(${TOOK.join(' + ')})`;
const UP_TO = BOUNDS_MS.map((bound, i) => `WHEN 2 * (${TOOK.slice(0, i + 1).join(' + ')}) >= ${ALL} THEN ${bound}`);
/** Of any number of minutes together: half took no longer, as far as the classes tell; null when none is known of. */
export const P50 = `CASE WHEN ${ALL} = 0 THEN NULL ${UP_TO.join(' ')} ELSE longest_ms END`;

export function createMinutes(types: { readonly text: string; readonly whole: string }): string {
  const columns = MINUTE_COLUMNS.map((name) => {
    const isKey = (KEY as readonly string[]).includes(name);
    return `${name} ${typeOfMinute(name, types)} NOT NULL${isKey ? '' : ' DEFAULT 0'}`;
  });
  return `CREATE TABLE IF NOT EXISTS ingest_minutes (${columns.join(', ')}, PRIMARY KEY (${MINUTE_KEY}))`;
}

/** For the timeline of one kit, and for its removal. */
export const INDEX_MINUTES = 'CREATE INDEX IF NOT EXISTS ingest_minutes_kit ON ingest_minutes (kit_id, minute_s)';

/** Counts what is there already; done a second time it counts the same. */
export const COUNT_MINUTES = `
  INSERT INTO ingest_minutes (${MINUTE_KEY}, messages)
  SELECT kind, time_us / 60000000 * 60, kit_id, count(*) FROM ingest_keys WHERE true GROUP BY 1, 2, 3
  ON CONFLICT (${MINUTE_KEY}) DO NOTHING`;

/** Before and behind the new rows. */
export const PUT_MINUTES = {
  into: `INSERT INTO ingest_minutes AS m (${MINUTE_COLUMNS.join(', ')})`,
  onConflict: `ON CONFLICT (${MINUTE_KEY}) DO UPDATE SET
    ${SUMS.map((name) => `${name} = m.${name} + excluded.${name}`).join(', ')},
    longest_ms = CASE WHEN excluded.longest_ms > m.longest_ms THEN excluded.longest_ms ELSE m.longest_ms END`,
} as const;

export function toMinuteRow({ atMs, kitId, kind, messages, late, took, longestMs }: Minute): Record<string, unknown> {
  const classes = Object.fromEntries(TOOK.map((name, i) => [name, took[i] ?? 0]));
  return { minute_s: atMs / 1_000, kit_id: kitId, kind, messages, late, ...classes, longest_ms: longestMs };
}
