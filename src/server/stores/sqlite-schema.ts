// The statements that make the same tables in SQLite: STRICT, so that a value of the wrong type is refused as in
// PostgreSQL; times as ISO 8601 text with six decimals, booleans as 0 and 1, JSON as text.
import { createIndex, INDEXES, indexForeign } from './indexes.js';
import { COUNT_MINUTES, createMinutes, INDEX_MINUTES } from './minutes-table.js';
import {
  type Column,
  type ColumnType,
  DATA_TABLES,
  type DataTable,
  KITS,
  keyColumns,
  REPLAYED,
  TABLES,
  valueColumns,
} from './tables.js';

const SQLITE_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'TEXT',
  real: 'REAL',
  integer: 'INTEGER',
  bigint: 'INTEGER',
  boolean: 'INTEGER',
  json: 'TEXT',
  time: 'TEXT',
};

const INGEST = [
  `CREATE TABLE IF NOT EXISTS ingest_keys (
    kit_id TEXT NOT NULL, kind TEXT NOT NULL, thing TEXT NOT NULL, key_us INTEGER NOT NULL,
    time_us INTEGER NOT NULL, part TEXT NOT NULL, epoch TEXT, seq INTEGER,
    PRIMARY KEY (kit_id, kind, thing, key_us)) STRICT, WITHOUT ROWID`,
  'CREATE INDEX IF NOT EXISTS ingest_keys_age ON ingest_keys (kind, time_us)',
  `CREATE TABLE IF NOT EXISTS ingest_ledger (
    kit_id TEXT NOT NULL, epoch TEXT NOT NULL, kind TEXT NOT NULL,
    received TEXT NOT NULL, next INTEGER NOT NULL,
    refused INTEGER NOT NULL DEFAULT 0, merged INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0,
    last_contact TEXT NOT NULL,
    PRIMARY KEY (kit_id, epoch, kind)) STRICT, WITHOUT ROWID`,
  // AUTOINCREMENT: without it the id of a deleted reject would be given to another one.
  `CREATE TABLE IF NOT EXISTS ingest_rejects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received TEXT NOT NULL, topic TEXT NOT NULL, kit_id TEXT, kind TEXT, epoch TEXT, seq INTEGER,
    reason TEXT NOT NULL, detail TEXT NOT NULL, payload BLOB NOT NULL, digest TEXT NOT NULL UNIQUE) STRICT`,
  'CREATE INDEX IF NOT EXISTS ingest_rejects_received ON ingest_rejects (received)',
  'CREATE TABLE IF NOT EXISTS ingest_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID',
];

/** The aircraft that came with a time and without one. SQLite can't be told to add a column only where it is missing. */
export function sqliteTwins(hasColumn: (table: string, column: string) => boolean): string[] {
  const column = hasColumn('ingest_keys', 'twin') ? [] : ['ALTER TABLE ingest_keys ADD COLUMN twin TEXT'];
  return [
    ...column,
    'CREATE INDEX IF NOT EXISTS ingest_keys_twin ON ingest_keys (kit_id, twin, key_us) WHERE twin IS NOT NULL',
  ];
}

/** By how much a kit said its clock is wrong. */
export function sqliteClockOffset(hasColumn: (table: string, column: string) => boolean): string[] {
  if (hasColumn('ingest_openings', 'clock_offsets')) return [];
  return ["ALTER TABLE ingest_openings ADD COLUMN clock_offsets TEXT NOT NULL DEFAULT '{}'"];
}

/** By the database's clock, in microseconds since 1970; rows of before do not know it. */
export function sqliteStored(hasColumn: (table: string, column: string) => boolean): string[] {
  return hasColumn('ingest_keys', 'stored_us') ? [] : ['ALTER TABLE ingest_keys ADD COLUMN stored_us INTEGER'];
}

/** The kits' radios, as they last were. */
export function sqliteReceivers(): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ingest_receivers (
      kit_id TEXT NOT NULL, name TEXT NOT NULL, enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)), state TEXT NOT NULL,
      last_message TEXT, messages INTEGER, errors INTEGER, dropped INTEGER, reported TEXT NOT NULL,
      PRIMARY KEY (kit_id, name)) STRICT, WITHOUT ROWID`,
  ];
}

/** Of rows of before nobody knows. */
export function sqliteReplayed(hasColumn: (table: string, column: string) => boolean): string[] {
  const lacking = TABLES.filter((table) => !hasColumn(table, REPLAYED));
  return lacking.map((table) => `ALTER TABLE ${table} ADD COLUMN ${define({ name: REPLAYED, type: 'boolean' })}`);
}

/** Rows of before are counted, and nothing else is known of them. */
export function sqliteMinutes(): string[] {
  return [
    `${createMinutes({ text: 'TEXT', whole: 'INTEGER' })} STRICT, WITHOUT ROWID`,
    INDEX_MINUTES,
    ...indexForeign(),
    COUNT_MINUTES,
  ];
}

/** The kits' half of the ledger. */
export function sqliteReports(): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ingest_openings (
      kit_id TEXT NOT NULL PRIMARY KEY, opening TEXT NOT NULL, n INTEGER NOT NULL,
      listing TEXT, listed INTEGER NOT NULL CHECK (listed IN (0, 1)), superseded TEXT NOT NULL) STRICT, WITHOUT ROWID`,
    `CREATE TABLE IF NOT EXISTS ingest_reports (
      kit_id TEXT NOT NULL, epoch TEXT NOT NULL, kind TEXT NOT NULL,
      opening TEXT NOT NULL, floor INTEGER NOT NULL, next INTEGER NOT NULL, examined INTEGER NOT NULL,
      evicted TEXT NOT NULL, quarantined TEXT NOT NULL, missing TEXT NOT NULL,
      PRIMARY KEY (kit_id, epoch, kind)) STRICT, WITHOUT ROWID`,
  ];
}

export function sqliteTables(): string[] {
  return [
    createTable('kits', KITS, ['kit_id']),
    ...Object.values(DATA_TABLES).map(dataTable),
    ...INDEXES.filter(({ sqlite }) => sqlite).map(createIndex),
    ...INGEST,
  ];
}

function dataTable(table: DataTable): string {
  const first: Column[] = [
    { name: 'time', type: 'time', required: true },
    { name: 'kit_id', type: 'text', required: true },
  ];
  return createTable(table.name, [...first, ...valueColumns(table)], keyColumns(table));
}

function createTable(name: string, columns: readonly Column[], key: readonly string[]): string {
  return `CREATE TABLE IF NOT EXISTS ${name} (${columns.map(define).join(', ')}, PRIMARY KEY (${key.join(', ')})) STRICT`;
}

function define({ name, type, required, default: value, check }: Column): string {
  const conditions = [...(check === undefined ? [] : [check]), ...(type === 'boolean' ? [`${name} IN (0, 1)`] : [])];
  return [
    name,
    SQLITE_TYPES[type],
    ...(required ? ['NOT NULL'] : []),
    ...(value === undefined ? [] : [`DEFAULT ${value.sqlite}`]),
    ...conditions.map((condition) => `CHECK (${condition})`),
  ].join(' ');
}
