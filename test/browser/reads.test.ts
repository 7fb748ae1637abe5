// What is read for whoever looks, on every database. Of the built program, as tsx reads no TypeScript in the thread that
// SQLite is read in.
import { deepEqual, doesNotMatch, equal, match, rejects as throws } from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Client } from 'pg';
import { isoMicros } from '../../src/schema/time.js';
import type { Store } from '../../src/server/store.js';
import type { openStore } from '../../src/server/stores/open-store.js';
import { PostgresReader } from '../../src/server/stores/postgres-reader.js';
import { ReadPlans } from '../../src/server/stores/read-plans.js';
import { harnessOf, usePostgres } from '../fixtures/postgres-harness.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { useTimescale } from '../fixtures/timescale.js';
import { at, batch, drone, KIT, T0_US } from '../unit/server/store-batches.js';
import { readContract } from '../unit/server/store-read-cases.js';

const postgres = usePostgres();
const timescale = useTimescale();
const BUILT = join(import.meta.dirname, '../../dist/server/stores/open-store.js');

async function open(t: TestContext, url: string, nowUs?: () => number): Promise<Store> {
  const built = (await import(BUILT)) as { openStore: typeof openStore };
  const store = await built.openStore(url, { nowUs });
  t.after(() => store.close());
  return store;
}

const sqliteUrl = (t: TestContext): string => `sqlite:${join(tempFolder(t), 'server.db')}`;

readContract('SQLite', async (t) => {
  const url = sqliteUrl(t);
  return { open: (nowUs) => open(t, url, nowUs) };
});

readContract('PostgreSQL', async (t) => {
  const url = postgres().createDatabase();
  return { open: (nowUs) => open(t, url, nowUs) };
});

readContract('TimescaleDB', async (t) => {
  const { url, execute } = harnessOf(t, timescale().url);
  await (await open(t, url)).close();
  await execute(
    'TRUNCATE kits, drones, signals, system_health, ingest_keys, ingest_minutes, ingest_ledger, ingest_rejects',
  );
  return { open: (nowUs) => open(t, url, nowUs) };
});

test('a thread that is gone fails what it was asked, and the next question has a new one', async (t) => {
  const store = await open(t, sqliteUrl(t));
  const failed = throws(store.reads.kits(), { code: 'read', retryable: true });
  await store.reads.close();
  await failed;
  await store.reads.kits();
});

test('a commit waits for nobody who looks, however many and however long', async (t) => {
  const url = postgres().createDatabase();
  const store = await open(t, url);
  const blocker = new Client({ connectionString: url });
  await blocker.connect();
  t.after(() => blocker.end());
  await blocker.query('BEGIN; LOCK TABLE ingest_rejects IN ACCESS EXCLUSIVE MODE');
  let answered = 0;
  const looking = Array.from({ length: 20 }, async () => {
    await store.reads.rejectCounts({});
    answered += 1;
  });
  for (let seq = 1; seq <= 5; seq += 1) {
    const { counts } = await store.commit(batch(drone({ thing: `drone-${seq}`, identity: at(seq) })));
    equal(counts.drone.stored, 1);
  }
  equal(answered, 0);
  await blocker.query('COMMIT');
  await Promise.all(looking);
});

test('the rows of another program are counted too, and found without a look at ours', async (t) => {
  const { url, execute, query } = harnessOf(t, postgres().createDatabase());
  const store = await open(t, url, () => T0_US);
  await store.commit(batch(drone({ identity: at(1) })));
  const from = isoMicros(T0_US - 3_600e6);
  const to = isoMicros(T0_US + 60e6);
  // Ours, which are counted in their minutes; a crowd, so that reading them all would be dear.
  await execute(`INSERT INTO drones (time, kit_id, drone_id, track_type, observed_raw)
    SELECT timestamptz '${from}' + i * interval '10 ms', 'k', 'd' || i, 'drone', i FROM generate_series(1, 50000) i`);
  await execute(
    `INSERT INTO drones (time, kit_id, drone_id, track_type) VALUES ('${from}', 'collected', 'x', 'aircraft')`,
  );
  await execute(`INSERT INTO signals (time, kit_id, freq_mhz) VALUES ('${from}', 'collected', 5800)`);
  await execute('ANALYZE');
  const buckets = await store.reads.buckets({ from, to }, 86_400, undefined, 10);
  deepEqual(
    buckets.map(({ kit_id, kind, messages, late }) => [kit_id, kind, messages, late]),
    [
      ['collected', 'aircraft', 1, 0],
      ['collected', 'signal', 1, 0],
      [KIT, 'drone', 1, 0],
    ],
  );
  const reader = new PostgresReader(url);
  t.after(() => reader.close());
  const { sql, values } = new ReadPlans(reader.dialect).buckets({ from, to }, 60, undefined, 10);
  const literal = values.reduceRight<string>((text, value, i) => text.replaceAll(`$${i + 1}`, `'${value}'`), sql);
  const plan = (await query(`EXPLAIN ${literal}`)).map((row) => String(row['QUERY PLAN'])).join('\n');
  match(plan, /ingest_foreign_drones/);
  doesNotMatch(plan, /Seq Scan on drones/);
});
