// The contract of a store on a TimescaleDB, whose raw rows lie in hypertables.
import { deepEqual } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { openStore } from '../../src/server/stores/open-store.js';
import { harnessOf, type PostgresHarness } from '../fixtures/postgres-harness.js';
import { useTimescale } from '../fixtures/timescale.js';
import { storeContract } from '../unit/server/store-contract.js';

const timescale = useTimescale();

test('an empty database is given the extension, where the server has it', async (t) => {
  const harness = harnessOf(t, timescale().url);
  const EXTENSION = "SELECT extname FROM pg_extension WHERE extname = 'timescaledb'";
  deepEqual(await harness.query(EXTENSION), []);
  const store = await harness.open();
  deepEqual(await harness.query(EXTENSION), [{ extname: 'timescaledb' }]);
  deepEqual(store.warnings, []);
  deepEqual(await harness.query('SELECT count(*)::int AS n FROM timescaledb_information.hypertables'), [{ n: 3 }]);
});

storeContract('TimescaleDB', newHarness, { inChunks: true });

/** As new: its tables are made by the first test, and emptied before each. */
async function newHarness(t: TestContext): Promise<PostgresHarness> {
  const harness = harnessOf(t, timescale().url);
  await (await openStore(harness.url)).close();
  const tables = await harness.query(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'ingest_meta'",
  );
  for (const { name } of tables) await harness.execute(`TRUNCATE ${name}`);
  await harness.execute(`UPDATE ingest_meta SET value = '${randomBytes(16).toString('hex')}' WHERE key = 'store_id'`);
  return harness;
}
