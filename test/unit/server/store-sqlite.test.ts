// The store on SQLite: the contract, and what only a file can get wrong.
import { deepEqual, equal, match, ok, rejects as throws } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { isoMicros } from '../../../src/schema/time.js';
import { openExistingStore, openStore } from '../../../src/server/stores/open-store.js';
import { ReadPlans } from '../../../src/server/stores/read-plans.js';
import { removeRows } from '../../../src/server/stores/sqlite-kits.js';
import * as plans from '../../../src/server/stores/sqlite-plans.js';
import { SqliteReader } from '../../../src/server/stores/sqlite-reader.js';
import { DATA_TABLES, KITS, TABLES, valueColumns } from '../../../src/server/stores/tables.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { batch, drone, KIT, T0_US } from './store-batches.js';
import { storeContract } from './store-contract.js';
import type { Row, StoreHarness } from './store-harness.js';

storeContract('SQLite', async (t) => sqliteHarness(t, join(tempFolder(t), 'server.db')));

function sqliteHarness(t: TestContext, path: string): StoreHarness {
  return {
    open: async (nowUs) => {
      const store = await openStore(`sqlite:${path}`, { nowUs });
      t.after(() => store.close());
      return store;
    },
    rows: async (table) => {
      const db = new Database(path, { readonly: true });
      const rows = db.prepare(`SELECT * FROM ${table}`).all() as Row[];
      db.close();
      return rows.map(readable).sort((a, b) => Number(a['time'] ?? 0) - Number(b['time'] ?? 0));
    },
    execute: async (sql) => {
      const db = new Database(path);
      db.exec(sql);
      db.close();
    },
  };
}

const BOOLEANS = new Set(
  [...KITS, ...Object.values(DATA_TABLES).flatMap(valueColumns)]
    .filter(({ type }) => type === 'boolean')
    .map(({ name }) => name),
);
const TIMES = new Set(['time', 'last_seen', 'received', 'created_at']);

function readable(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (value === null) return [name, null];
      if (BOOLEANS.has(name)) return [name, value === 1];
      if (name === 'extra') return [name, JSON.parse(String(value))];
      return [name, TIMES.has(name) ? micros(String(value)) : value];
    }),
  );
}

function micros(iso: string): number {
  match(iso, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  return Date.parse(`${iso.slice(0, 19)}Z`) * 1000 + Number(iso.slice(20, 26));
}

suite('SQLite: the file', () => {
  test('a database of a newer dragonsink is refused, with what to do', async (t) => {
    const harness = sqliteHarness(t, join(tempFolder(t), 'server.db'));
    await (await harness.open()).close();
    await harness.execute("UPDATE ingest_meta SET value = '99' WHERE key = 'schema_version'");
    await throws(harness.open(), { name: 'StoreError', code: 'version', hint: /install that dragonsink/ });
  });

  test('a migration that died before its end is done again', async (t) => {
    const harness = sqliteHarness(t, join(tempFolder(t), 'server.db'));
    const store = await harness.open();
    await store.commit(batch(drone()));
    await store.close();
    await harness.execute("DROP TABLE signals; DELETE FROM ingest_meta WHERE key = 'schema_version'");
    const again = await harness.open();
    equal(again.storeId, store.storeId);
    deepEqual((await again.counts()).rows, { drone: 1, aircraft: 0, signal: 0, system: 0 });
  });

  test('a file of something else is refused', async (t) => {
    const harness = sqliteHarness(t, join(tempFolder(t), 'spool.db'));
    await harness.execute('CREATE TABLE message_1 (id INTEGER)');
    await throws(harness.open(), { name: 'StoreError', code: 'foreign', retryable: false });
  });

  test('a folder that is missing or not writable is said to be so', async (t) => {
    const folder = tempFolder(t);
    await throws(openStore(`sqlite:${join(folder, 'none', 'server.db')}`), {
      code: 'missing',
      hint: /mkdir/,
      retryable: false,
    });
    mkdirSync(join(folder, 'server.db'));
    await throws(openStore(`sqlite:${join(folder, 'server.db')}`), { code: 'io' });
  });

  test('a URL of neither kind is refused without repeating it, for it may hold a password', async () => {
    const failure = await openStore('mysql://user:secret@host/name').catch((error: unknown) => error);
    equal((failure as { code: string }).code, 'url');
    ok(!String(failure).includes('secret'));
    await throws(openStore('sqlite:'), { code: 'url' });
  });

  test('sqlite:///path is the same as sqlite:/path', async (t) => {
    const path = join(tempFolder(t), 'server.db');
    const store = await openStore(`sqlite:${path}`);
    t.after(() => store.close());
    const other = await openStore(`sqlite://${path}`);
    t.after(() => other.close());
    equal(other.storeId, store.storeId);
  });

  test('a server on SQLite never loads pg', (t) => {
    const script = `
      import { createRequire } from 'node:module';
      import { openExistingStore, openStore } from ${JSON.stringify(join(import.meta.dirname, '../../../src/server/stores/open-store.ts'))};
      const store = await openStore('sqlite:' + process.argv[1]);
      await store.close();
      const loaded = Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes('/node_modules/pg'));
      process.stdout.write(JSON.stringify(loaded));`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', script, join(tempFolder(t), 'server.db')];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    equal(stdout, '[]', stderr);
  });

  test('a writer in another process is waited for, without standing still', async (t) => {
    const path = join(tempFolder(t), 'server.db');
    const store = await sqliteHarness(t, path).open();
    const other = new Database(path);
    t.after(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    const waiting = store.commit(batch(drone()));
    let turns = 0;
    for (; turns < 50; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    other.exec('COMMIT');
    equal((await waiting).counts.drone.stored, 1);
    equal(turns, 50);
  });

  test('what a commit looks up is found by index', async (t) => {
    const path = join(tempFolder(t), 'server.db');
    await (await sqliteHarness(t, path).open()).close();
    const db = new Database(path, { readonly: true });
    t.after(() => db.close());
    const { drones, signals, system_health } = plans.TABLE_PLANS;
    const reports = [plans.GET_OPENING, plans.GET_REPORT, plans.UNEXAMINED.replaceAll(/:\w+/g, '1')];
    const keys = [plans.GET_KEY, plans.GET_KEY_BEFORE];
    const twins = [plans.GET_UNTIMED_TWINS, plans.GET_TIMED_TWINS].map((sql) => sql.replaceAll(/:\w+/g, '1'));
    const lookups = [plans.GET_KIT, plans.GET_LEDGER, ...keys, ...twins, ...reports];
    for (const sql of [...lookups, drones.occupied, signals.occupied, system_health.occupied, drones.updateRow]) {
      const unbound = sql.replaceAll('?', String(T0_US));
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${unbound}`).all() as { detail: string }[];
      for (const { detail } of plan)
        match(detail, /^SEARCH .*(PRIMARY KEY|sqlite_autoindex|time|ingest_keys_untimed)/, `${sql}: ${detail}`);
    }
  });

  test('what came in each minute is read by index, and the rows of others besides', async (t) => {
    const path = join(tempFolder(t), 'server.db');
    await (await sqliteHarness(t, path).open()).close();
    const db = new Database(path, { readonly: true });
    t.after(() => db.close());
    const range = { from: isoMicros(T0_US - 86_400e6), to: isoMicros(T0_US) };
    const planOf = (sql: string, values: readonly unknown[]): string => {
      const bound = Object.fromEntries(values.map((value, i) => [String(i + 1), value]));
      const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(bound) as { detail: string }[];
      return plan.map(({ detail }) => detail).join('\n');
    };
    const bucketsOf = (kitId?: string): string => {
      const { sql, values } = new ReadPlans(new SqliteReader(path).dialect).buckets(range, 60, kitId, 100);
      return planOf(sql, values);
    };
    const details = bucketsOf();
    match(details, /SEARCH m USING PRIMARY KEY \(kind=\? AND minute_s>\? AND minute_s<\?\)/);
    match(bucketsOf(KIT), /SEARCH m USING INDEX ingest_minutes_kit \(kit_id=\? AND minute_s>\? AND minute_s<\?\)/);
    const pruned = planOf(plans.PRUNE_MINUTES.replaceAll('?', '1'), []);
    match(pruned, /SEARCH ingest_minutes USING PRIMARY KEY \(kind=\? AND minute_s<\?\)/);
    const removed = planOf(removeRows('ingest_minutes').replaceAll('?', '1'), []);
    match(removed, /SEARCH k USING COVERING INDEX ingest_minutes_kit \(kit_id=\?\)/);
    // And then each row by itself.
    for (const plan of [pruned, removed])
      match(plan, /SEARCH ingest_minutes USING PRIMARY KEY \(kind=\? AND minute_s=\? AND kit_id=\?\)/);
    for (const table of TABLES)
      match(details, new RegExp(`SEARCH d USING INDEX ingest_foreign_${table} \\(time>\\? AND time<\\?\\)`));
  });
});

test('who only looks at a database of before changes nothing in it, and says who does', async (t) => {
  const path = join(tempFolder(t), 'server.db');
  await (await openStore(`sqlite:${path}`)).close();
  const db = new Database(path);
  t.after(() => db.close());
  db.exec("UPDATE ingest_meta SET value = '8' WHERE key = 'schema_version'");
  await throws(openExistingStore(`sqlite:${path}`), { code: 'version', hint: /restart dragonsink server/ });
  deepEqual(db.prepare("SELECT value FROM ingest_meta WHERE key = 'schema_version'").get(), { value: '8' });
});
