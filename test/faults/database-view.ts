// What the server's database holds, read beside the server, in the terms of the outside ledger.
import Database, { type Statement } from 'better-sqlite3';
import pg from 'pg';
import type { Kind } from '../../src/schema/kinds.js';
import { KIT_ID } from './kit-config.js';
import { contentHash, type Observation } from './observations.js';

export interface StoredRow {
  readonly id: string;
  readonly kind: Kind;
  readonly hash: string;
}

export interface DatabaseView {
  rows(): Promise<StoredRow[]>;
  /** Those that are there, by their natural keys: quick, also with many rows. */
  has(observations: readonly Observation[]): Promise<Observation[]>;
  /** A cheap sign of whether anything still moves. */
  count(): Promise<number>;
  close(): Promise<void>;
}

type Columns = Record<string, string | number | null>;

const TABLES = ['drones', 'signals', 'system_health'] as const;
const COUNT = `SELECT ${TABLES.map((table) => `(SELECT count(*) FROM ${table})`).join(' + ')} AS n`;
const HAS_KEY = 'SELECT 1 FROM ingest_keys WHERE kit_id = ? AND kind = ? AND thing = ? AND key_us = ?';
/** Of a clock that was never set the thing has its epoch behind it (server/times.ts). */
const HAS_SYSTEM_KEY = "SELECT 1 FROM ingest_keys WHERE kit_id = ? AND kind = 'system' AND key_us = ?";
const HAS_KEYS = `
  SELECT i::int AS i FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY AS wanted (kind, thing, key_us, i)
  WHERE EXISTS (SELECT 1 FROM ingest_keys AS k WHERE k.kit_id = $1
    AND k.kind = wanted.kind AND k.thing = wanted.thing AND k.key_us = wanted.key_us)`;

export function sqliteView(path: string): DatabaseView {
  // Made by the server, at its first start.
  let db: Database.Database | null = null;
  const open = (): Database.Database => {
    db ??= new Database(path, { readonly: true, fileMustExist: true, timeout: 5_000 });
    return db;
  };
  return {
    rows: async () => TABLES.flatMap((t) => (open().prepare(`SELECT * FROM ${t}`).all() as Columns[]).map(FROM[t])),
    has: async (observations) => {
      const [key, systemKey] = [HAS_KEY, HAS_SYSTEM_KEY].map((sql) => open().prepare(sql)) as [Statement, Statement];
      return observations.filter(({ kind, thing, keyUs }) => {
        const found = kind === 'system' ? systemKey.get(KIT_ID, keyUs) : key.get(KIT_ID, kind, thing, keyUs);
        return found !== undefined;
      });
    },
    count: async () => open().prepare(COUNT).pluck().get() as number,
    close: async () => void db?.close(),
  };
}

/** Connects again by itself, whatever happens to the server; while it is away, a look at it fails. */
export function postgresView(url: string): DatabaseView {
  const client = new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {}); // ended with the server: the next look connects anew
  return {
    rows: async () => {
      const found: StoredRow[] = [];
      for (const table of TABLES) {
        const { rows } = await client.query<Columns>(`SELECT * FROM ${table}`);
        found.push(...rows.map(FROM[table]));
      }
      return found;
    },
    has: async (observations) => {
      const column = <T>(pick: (observation: Observation) => T): T[] => observations.map(pick);
      const keys = [column(({ kind }) => kind), column(({ thing }) => thing), column(({ keyUs }) => keyUs)];
      const { rows } = await client.query<{ i: number }>(HAS_KEYS, [KIT_ID, ...keys]);
      return rows.map(({ i }) => observations[i - 1]).filter((observation) => observation !== undefined);
    },
    count: async () => Number((await client.query<{ n: string }>(COUNT)).rows[0]?.n ?? 0),
    close: () => client.end(),
  };
}

/** The same values, in the same order, as `Observations` hashed them. */
const FROM: Record<(typeof TABLES)[number], (row: Columns) => StoredRow> = {
  drones: (row) => (row['track_type'] === 'aircraft' ? aircraft(row) : drone(row)),
  signals: ({ uid, freq_mhz, pal_conf, lat, lon }) => ({
    id: String(uid),
    kind: 'signal',
    hash: contentHash([freq_mhz, pal_conf, lat, lon]),
  }),
  system_health: ({ gpsd_time_utc: utc, cpu_percent, uptime_hours }) => ({
    id: `system ${utc}`,
    kind: 'system',
    hash: contentHash([utc, cpu_percent, uptime_hours]),
  }),
};

function drone({ drone_id, description, mac, operator_id, lat, lon, alt, height, speed, rssi }: Columns): StoredRow {
  return {
    id: String(description),
    kind: 'drone',
    hash: contentHash([drone_id, mac, operator_id, lat, lon, alt, height, speed, rssi]),
  };
}

function aircraft({ drone_id, description, lat, alt, speed }: Columns): StoredRow {
  return { id: String(drone_id), kind: 'aircraft', hash: contentHash([description, lat, alt, speed]) };
}
