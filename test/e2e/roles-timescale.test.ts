// config/roles.sql on a TimescaleDB that WarDragon Analytics has set up: rights on chunks, compressed ones too, and on
// aggregates.
import { deepEqual, equal, match } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import { Client } from 'pg';
import { psql } from '../fixtures/postgres.js';
import { useTimescale } from '../fixtures/timescale.js';

const ROLES = join(import.meta.dirname, '../../config/roles.sql');
const fixture = (name: string): string => readFileSync(join(import.meta.dirname, '../fixtures', name), 'utf8');

const timescale = useTimescale();

/** There is one session for all: a role is taken for one statement. The SQLSTATE with which it is refused, or 'allowed'. */
async function outcome(role: string, sql: string): Promise<string> {
  const client = new Client({ connectionString: timescale().url });
  await client.connect();
  try {
    await client.query(`SET ROLE ${role}`);
    await client.query(sql);
    return 'allowed';
  } catch (thrown: unknown) {
    return (thrown as { code?: string }).code ?? String(thrown);
  } finally {
    await client.query('RESET ROLE');
    await client.end();
  }
}

suite('config/roles.sql on TimescaleDB', () => {
  /** What psql connects with: its one user takes any password. */
  let url = '';
  before(async () => {
    const withPassword = new URL(timescale().url);
    withPassword.password = 'any';
    withPassword.searchParams.set('sslmode', 'disable');
    url = withPassword.href;
    const client = new Client({ connectionString: timescale().url });
    await client.connect();
    try {
      for (const sql of [
        'CREATE EXTENSION timescaledb',
        fixture('analytics-schema.sql'),
        fixture('analytics-timescale.sql'),
        `INSERT INTO drones (time, kit_id, drone_id)
          SELECT now() - interval '20 days' + i * interval '1 min', 'kit', 'drone-' || i % 3 FROM generate_series(1, 500) i`,
        "SELECT compress_chunk(c) FROM show_chunks('drones', older_than => interval '7 days') c",
      ]) {
        await client.query(sql);
      }
    } finally {
      await client.end();
    }
  });

  test('what it says to run hands tables, chunks and aggregates over, and nothing is left to be said', () => {
    const said = psql(url, '-f', ROLES);
    match(said, /^ALTER TABLE public\.drones OWNER TO dragonsink_maintain;$/m);
    match(said, /^ALTER MATERIALIZED VIEW public\.drones_hourly OWNER TO dragonsink_maintain;$/m);
    psql(url, '-c', said);
    equal(psql(url, '-f', ROLES), '');
  });

  test('the ingest role adds and changes rows of every chunk, and can do nothing else to them', async () => {
    const row = (age: string): string =>
      `INSERT INTO drones (time, kit_id, drone_id) VALUES (now() - interval '${age}', 'kit', 'new')`;
    const outcomes: [string, string][] = [
      [row('0 s'), 'allowed'],
      [row('100 days'), 'allowed'],
      [row('20 days'), 'allowed'],
      ["UPDATE drones SET lat = 1 WHERE drone_id = 'drone-1' AND time < now() - interval '18 days'", 'allowed'],
      ['DELETE FROM drones', '42501'],
      ['TRUNCATE drones', '42501'],
      ["SELECT drop_chunks('drones', older_than => interval '1 day')", '42501'],
      ["SELECT decompress_chunk(c) FROM show_chunks('drones', older_than => interval '7 days') c", '42501'],
      ["SELECT remove_retention_policy('drones')", '42501'],
      ["CALL refresh_continuous_aggregate('drones_hourly', NULL, now())", '42501'],
    ];
    for (const [sql, expected] of outcomes) equal(await outcome('dragonsink_ingest', sql), expected, sql);
  });

  test('the owner refreshes, drops, deletes and alters', async () => {
    for (const sql of [
      "CALL refresh_continuous_aggregate('drones_hourly', now() - interval '25 days', now())",
      "DELETE FROM drones WHERE drone_id = 'drone-2'",
      "SELECT drop_chunks('drones', older_than => interval '90 days')",
      'ALTER TABLE drones ADD COLUMN IF NOT EXISTS extra jsonb',
    ]) {
      equal(await outcome('dragonsink_maintain', sql), 'allowed', sql);
    }
    const client = new Client({ connectionString: timescale().url });
    await client.connect();
    const { rows } = await client.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM drones_hourly WHERE kit_id = 'kit'",
    );
    await client.end();
    deepEqual(
      rows.map(({ n }) => n > 0),
      [true],
    );
  });
});
