// What is read for whoever looks, on every database. Of the built program, as tsx reads no TypeScript in the thread that
// SQLite is read in.
import { equal, rejects as throws } from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Client } from 'pg';
import type { Store } from '../../src/server/store.js';
import type { openStore } from '../../src/server/stores/open-store.js';
import { harnessOf, usePostgres } from '../fixtures/postgres-harness.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { useTimescale } from '../fixtures/timescale.js';
import { at, batch, drone } from '../unit/server/store-batches.js';
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
  await execute('TRUNCATE kits, drones, signals, system_health, ingest_keys, ingest_ledger, ingest_rejects');
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
