// The statements that make our tables in PostgreSQL, or add what an existing database of WarDragon Analytics lacks.
import { createIndex, INDEXES, indexForeign, indexUntimed } from './indexes.js';
import { COUNT_MINUTES, createMinutes, INDEX_MINUTES } from './minutes-table.js';
import { COLUMNS, POSTGRES_TYPES } from './postgres-plans.js';
import type { Query } from './postgres-pool.js';
import {
  type Column,
  DATA_TABLES,
  type DataTable,
  KITS,
  keyColumns,
  REPLAYED,
  TABLES,
  valueColumns,
} from './tables.js';

// Uniqueness lives in this plain table: on a hypertable a unique index must contain `time`, and a row's time may move.
const INGEST_KEYS = `
  CREATE TABLE IF NOT EXISTS ingest_keys (
    kit_id text NOT NULL, kind text NOT NULL, thing text NOT NULL, key_us bigint NOT NULL,
    time_us bigint NOT NULL, part text NOT NULL, epoch text, seq bigint,
    PRIMARY KEY (kit_id, kind, thing, key_us))`;
const INGEST_KEYS_AGE = 'CREATE INDEX IF NOT EXISTS ingest_keys_age ON ingest_keys (kind, time_us)';

const INGEST_LEDGER = `
  CREATE TABLE IF NOT EXISTS ingest_ledger (
    kit_id text NOT NULL, epoch text NOT NULL, kind text NOT NULL,
    received jsonb NOT NULL, next bigint NOT NULL,
    refused bigint NOT NULL DEFAULT 0, merged bigint NOT NULL DEFAULT 0, rejected bigint NOT NULL DEFAULT 0,
    last_contact timestamptz NOT NULL,
    PRIMARY KEY (kit_id, epoch, kind))`;

const INGEST_REJECTS = `
  CREATE TABLE IF NOT EXISTS ingest_rejects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received timestamptz NOT NULL, topic text NOT NULL, kit_id text, kind text, epoch text, seq bigint,
    reason text NOT NULL, detail text NOT NULL, payload bytea NOT NULL, digest text NOT NULL UNIQUE)`;
const INGEST_REJECTS_AGE = 'CREATE INDEX IF NOT EXISTS ingest_rejects_received ON ingest_rejects (received)';

const INGEST_META = 'CREATE TABLE IF NOT EXISTS ingest_meta (key text PRIMARY KEY, value text NOT NULL)';

export async function makePostgresTables(query: Query): Promise<void> {
  const found = new Set((await query<{ name: string }>(COLUMNS)).map(({ name }) => name));
  const statements = [
    ...makeTable('kits', KITS, ['kit_id'], found),
    // Its early versions knew no kit without an API.
    'ALTER TABLE kits ALTER COLUMN api_url DROP NOT NULL',
    ...Object.values(DATA_TABLES).flatMap((table) => makeDataTable(table, found)),
    ...INDEXES.map(createIndex),
    INGEST_KEYS,
    INGEST_KEYS_AGE,
    INGEST_LEDGER,
    INGEST_REJECTS,
    INGEST_REJECTS_AGE,
    INGEST_META,
  ];
  for (const statement of statements) await query(statement);
}

const INGEST_OPENINGS = `
  CREATE TABLE IF NOT EXISTS ingest_openings (
    kit_id text PRIMARY KEY, opening text NOT NULL, n bigint NOT NULL,
    listing jsonb, listed boolean NOT NULL, superseded jsonb NOT NULL)`;

// Beside the ledger and not in it: the ledger is written with every batch, this only when a kit says something.
const INGEST_REPORTS = `
  CREATE TABLE IF NOT EXISTS ingest_reports (
    kit_id text NOT NULL, epoch text NOT NULL, kind text NOT NULL,
    opening text NOT NULL, floor bigint NOT NULL, next bigint NOT NULL, examined bigint NOT NULL,
    evicted jsonb NOT NULL, quarantined jsonb NOT NULL, missing jsonb NOT NULL,
    PRIMARY KEY (kit_id, epoch, kind))`;

/** The kits' half of the ledger. */
export async function makePostgresReports(query: Query): Promise<void> {
  await query(INGEST_OPENINGS);
  await query(INGEST_REPORTS);
}

/** By how much a kit said its clock is wrong. */
export async function makePostgresClockOffset(query: Query): Promise<void> {
  await query("ALTER TABLE ingest_openings ADD COLUMN IF NOT EXISTS clock_offsets jsonb NOT NULL DEFAULT '{}'");
}

// Only ever added to by commits, so that none waits for another: an hour may be there many times.
const INGEST_REFRESH = `
  CREATE TABLE IF NOT EXISTS ingest_refresh (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, aggregate text NOT NULL, hour timestamptz NOT NULL)`;

/** Which hours of an aggregate have got rows that its own policy does not see any more. */
export async function makePostgresRefresh(query: Query): Promise<void> {
  await query(INGEST_REFRESH);
}

/** The aircraft that came with a time and without one. */
export async function makePostgresTwins(query: Query): Promise<void> {
  await query('ALTER TABLE ingest_keys ADD COLUMN IF NOT EXISTS twin text');
  await query(
    'CREATE INDEX IF NOT EXISTS ingest_keys_twin ON ingest_keys (kit_id, twin, key_us) WHERE twin IS NOT NULL',
  );
}

export async function makePostgresUntimed(query: Query): Promise<void> {
  for (const statement of indexUntimed()) await query(statement);
}

/** By the database's clock, in microseconds since 1970; rows of before do not know it. */
export async function makePostgresStored(query: Query): Promise<void> {
  await query('ALTER TABLE ingest_keys ADD COLUMN IF NOT EXISTS stored_us bigint');
}

// Nobody who ingests may delete: what a kit no longer names stays, and is told by its older time.
const INGEST_RECEIVERS = `
  CREATE TABLE IF NOT EXISTS ingest_receivers (
    kit_id text NOT NULL, name text NOT NULL, enabled boolean NOT NULL, state text NOT NULL,
    last_message timestamptz, messages bigint, errors bigint, dropped bigint, reported timestamptz NOT NULL,
    PRIMARY KEY (kit_id, name))`;

/** The kits' radios, as they last were. */
export async function makePostgresReceivers(query: Query): Promise<void> {
  await query(INGEST_RECEIVERS);
}

/**
 * Of rows of before nobody knows. A step of its own: nobody reads a table until the transaction that adds a column to it
 * ends.
 */
export async function makePostgresReplayed(query: Query): Promise<void> {
  for (const table of TABLES) await query(`ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${REPLAYED} boolean`);
}

/** Rows of before are counted, and nothing else is known of them. May take minutes: writers wait, readers do not. */
export async function makePostgresMinutes(query: Query): Promise<void> {
  await query(createMinutes({ text: 'text', whole: 'bigint' }));
  for (const statement of [INDEX_MINUTES, ...indexForeign(), COUNT_MINUTES]) await query(statement);
}

function makeDataTable(table: DataTable, found: ReadonlySet<string>): string[] {
  const columns: Column[] = [
    { name: 'time', type: 'time', required: true },
    { name: 'kit_id', type: 'text', required: true },
    ...valueColumns(table),
  ];
  return makeTable(table.name, columns, keyColumns(table), found);
}

/**
 * The table, or the columns that an existing one lacks. Not with ADD COLUMN IF NOT EXISTS: TimescaleDB refuses a
 * column with a check on a compressed hypertable before it looks whether the column is there.
 */
function makeTable(
  name: string,
  columns: readonly Column[],
  key: readonly string[],
  found: ReadonlySet<string>,
): string[] {
  const missing = columns.filter((column) => !found.has(`${name}.${column.name}`));
  if (missing.length === columns.length) return [createTable(name, columns, key)];
  return missing.map((column) => `ALTER TABLE ${name} ADD COLUMN ${define(column)}`);
}

function createTable(name: string, columns: readonly Column[], key: readonly string[]): string {
  return `CREATE TABLE ${name} (${columns.map(define).join(', ')}, PRIMARY KEY (${key.join(', ')}))`;
}

function define({ name, type, required, default: value, check }: Column): string {
  return [
    name,
    POSTGRES_TYPES[type],
    ...(required ? ['NOT NULL'] : []),
    ...(value === undefined ? [] : [`DEFAULT ${value.postgres}`]),
    ...(check === undefined ? [] : [`CHECK (${check})`]),
  ].join(' ');
}
