// The store on PostgreSQL: the contract, and what only a server, its network and its other users can do to it.
import { deepEqual, doesNotMatch, equal, match, ok, rejects as throws } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { Client } from 'pg';
import { isoMicros } from '../../src/schema/time.js';
import { openStore } from '../../src/server/stores/open-store.js';
import { removeRows } from '../../src/server/stores/postgres-kits.js';
import { GET_KEYS, GET_KEYS_BEFORE, PRUNE_MINUTES, TABLE_PLANS } from '../../src/server/stores/postgres-plans.js';
import { PostgresReader } from '../../src/server/stores/postgres-reader.js';
import { ReadPlans } from '../../src/server/stores/read-plans.js';
import { readCatalogue, within } from '../fixtures/catalogue.js';
import { harnessOf, type PostgresHarness, usePostgres } from '../fixtures/postgres-harness.js';
import {
  at,
  batch,
  contact,
  contacts,
  drone,
  KIT,
  reject,
  signal,
  system,
  T0_US,
  whole,
} from '../unit/server/store-batches.js';
import { storeContract } from '../unit/server/store-contract.js';

const postgres = usePostgres();

async function newHarness(t: TestContext): Promise<PostgresHarness> {
  return harnessOf(t, postgres().createDatabase());
}

storeContract('PostgreSQL', newHarness);

suite('PostgreSQL: opening', () => {
  test('what stands in the way is said with what to do, without the password', async (t) => {
    const { url } = await newHarness(t);
    const missing = new URL(url);
    missing.pathname = '/nothing';
    missing.password = 'secret';
    const failure = (await openStore(missing.href).catch((error: unknown) => error)) as Error & {
      hint: string;
      code: string;
    };
    deepEqual([failure.code, failure.hint], ['missing', 'make the database first: createdb <name>']);
    ok(!failure.message.includes('secret'));
    const nobody = new URL(url);
    nobody.username = 'nobody';
    await throws(openStore(nobody.href), { code: 'credentials', retryable: false, hint: /user and the password/ });
    await throws(openStore('postgres://user@/name'), { code: 'url' });
    await throws(openStore('postgres://postgres@127.0.0.1:1/x'), { code: 'unavailable', retryable: true });
  });

  test('synchronous_commit off is refused', async (t) => {
    const harness = await newHarness(t);
    await harness.query(
      "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET synchronous_commit = off'; END $$",
    );
    await throws(harness.open(), { code: 'not-durable', retryable: false, hint: /synchronous_commit = on/ });
  });

  test('a database of a newer dragonsink is refused', async (t) => {
    const harness = await newHarness(t);
    await (await harness.open()).close();
    await harness.execute("UPDATE ingest_meta SET value = '99' WHERE key = 'schema_version'");
    await throws(harness.open(), { code: 'version', retryable: false });
  });

  test('two servers that open an empty database at once make it once', async (t) => {
    const harness = await newHarness(t);
    const stores = await Promise.all([harness.open(), harness.open(), harness.open()]);
    equal(new Set(stores.map(({ storeId }) => storeId)).size, 1);
  });

  test('a role that may neither delete nor make tables can serve a database that its owner made', async (t) => {
    const harness = await newHarness(t);
    await (await harness.open()).close();
    await harness.query(`DROP ROLE IF EXISTS ingest; CREATE ROLE ingest LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
      GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO ingest`);
    const url = new URL(harness.url);
    url.username = 'ingest';
    const store = await harnessOf(t, url.href).open();
    equal((await store.commit(batch(drone(), signal({ identity: at(1) })))).counts.drone.stored, 1);
    // A later state, and one whose row moves to another primary key.
    const later = batch(drone({ identity: at(2) }), signal({ identity: at(2), columns: { freq_mhz: 433 } }));
    const { counts } = await store.commit(later);
    deepEqual([counts.drone.merged, counts.signal.merged], [1, 1]);
    const empty = new URL(postgres().createDatabase());
    empty.username = 'ingest';
    await throws(openStore(empty.href), { code: 'privilege', retryable: false, hint: /dragonsink migrate/ });
  });
});

const ANALYTICS = readFileSync(join(import.meta.dirname, '../fixtures/analytics-schema.sql'), 'utf8');
const SHAPE = {
  columns: `SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
    WHERE table_name IN ('kits', 'drones', 'signals', 'system_health', 'audit_log')
      AND column_name NOT IN ('extra', 'sink_epoch', 'sink_seq', 'sink_replay', 'observed_raw', 'uid')
    ORDER BY table_name, ordinal_position`,
  constraints: `SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE conrelid::regclass::text IN ('kits', 'drones', 'signals', 'system_health', 'audit_log') ORDER BY conname`,
  indexes: `SELECT indexname, indexdef FROM pg_indexes
    WHERE tablename IN ('kits', 'drones', 'signals', 'system_health', 'audit_log') AND indexname NOT LIKE 'ingest\\_%'
    ORDER BY indexname`,
};

suite('PostgreSQL: a database of WarDragon Analytics', () => {
  for (const [what, sql] of Object.entries(SHAPE)) {
    test(`the tables we make have the ${what} of its own`, async (t) => {
      const [ours, theirs] = [await newHarness(t), await newHarness(t)];
      await ours.open();
      await theirs.query(ANALYTICS);
      deepEqual(await ours.query(sql), await theirs.query(sql));
    });
  }

  test('only what is ours is added, and nothing of it is touched', async (t) => {
    const harness = await newHarness(t);
    await harness.query(ANALYTICS);
    await harness.query(
      'CREATE VIEW active_threats AS SELECT time, kit_id, drone_id, speed FROM drones WHERE speed > 30',
    );
    const before = await readCatalogue(harness.query);
    await harness.open();
    const after = await readCatalogue(harness.query);
    deepEqual(within(after, before), before);
    const known = new Set(Object.values(before).flatMap((entries) => entries.map(({ name }) => name)));
    const added = Object.values(after).flatMap((entries) =>
      entries.map(({ name }) => name).filter((name) => !known.has(name)),
    );
    ok(added.length > 50);
    deepEqual(
      added.filter((name) => !/^ingest_|\.(extra|sink_epoch|sink_seq|sink_replay|observed_raw|uid)$/.test(name)),
      [],
    );
    await harness.open();
    deepEqual(await readCatalogue(harness.query), after);
  });

  test('what it lacks is added, and its rows stay as they are', async (t) => {
    const harness = await newHarness(t);
    await harness.query(ANALYTICS);
    await harness.query(`
      INSERT INTO kits (kit_id, name, api_url, status) VALUES ('${KIT}', 'Roof', 'http://kit', 'online');
      INSERT INTO drones (time, kit_id, drone_id, lat, track_type) SELECT now(), '${KIT}', 'drone-' || i, i, 'drone' FROM generate_series(1, 50) i;
      INSERT INTO signals (time, kit_id, freq_mhz) VALUES (now(), '${KIT}', 5800);
      INSERT INTO system_health (time, kit_id, cpu_percent) VALUES (now(), '${KIT}', 50)`);
    const theirs = 'SELECT time, kit_id, drone_id, lat, track_type, ctid FROM drones ORDER BY drone_id';
    const before = await harness.query(theirs);
    const store = await harness.open();
    deepEqual(await harness.query(theirs), before);
    deepEqual((await store.counts()).rows, { drone: 50, aircraft: 0, signal: 1, system: 1 });
    await store.commit(whole({ observations: [drone(), signal(), system()], rejects: [reject({ identity: at(2) })] }));
    const { rows, doubled } = await store.counts();
    deepEqual([rows, doubled], [{ drone: 51, aircraft: 0, signal: 2, system: 2 }, 0]);
    deepEqual(
      (await harness.rows('kits')).map((kit) => [kit['name'], kit['source']]),
      [['Roof', 'both']],
    );
  });

  test('one of its early versions is given the columns of the later ones', async (t) => {
    const harness = await newHarness(t);
    await harness.query(ANALYTICS);
    await harness.query(`ALTER TABLE kits DROP COLUMN source; ALTER TABLE kits ALTER COLUMN api_url SET NOT NULL;
      ALTER TABLE drones DROP COLUMN description, DROP COLUMN observed_at, DROP COLUMN track_type`);
    const store = await harness.open();
    await store.commit(batch(drone({ columns: { description: 'DJI' } })));
    deepEqual(
      (await harness.rows('drones')).map((row) => [row['description'], row['track_type']]),
      [['DJI', 'drone']],
    );
  });

  test('a migration that died before its end is done again', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await store.commit(batch(drone()));
    await harness.query(
      "DROP TABLE ingest_rejects; DROP INDEX idx_drones_mac; DELETE FROM ingest_meta WHERE key = 'schema_version'",
    );
    const again = await harness.open();
    deepEqual([again.storeId, (await again.counts()).rejects], [store.storeId, 0]);
    equal((await again.counts()).rows.drone, 1);
  });

  test('an aggregate that is none of TimescaleDB’s is nobody’s to refresh', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open(() => T0_US);
    await harness.query('CREATE TABLE drones_hourly (bucket timestamptz)');
    await store.commit(batch(drone({ keyUs: T0_US - 1e12, timeUs: T0_US - 1e12 })));
    equal((await harness.rows('ingest_refresh')).length, 1);
    equal(await store.refresh(T0_US), 0);
    deepEqual(await harness.rows('ingest_refresh'), []);
  });

  test('the raw rows of a hypertable are left to TimescaleDB, our keys are not', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    // All that we ask of the extension, which is not needed to ask it.
    await harness.query(`CREATE SCHEMA timescaledb_information; CREATE TABLE timescaledb_information.hypertables AS
      SELECT name AS hypertable_schema, 'drones'::name AS hypertable_name FROM (VALUES ('public'::name)) AS v (name)`);
    const old = { keyUs: T0_US, timeUs: T0_US };
    await store.commit(batch(drone(old), signal(old)));
    equal(await store.prune(T0_US + 31 * 24 * 3600 * 1e6), 1);
    deepEqual((await store.counts()).rows, { drone: 1, aircraft: 0, signal: 0, system: 0 });
    equal((await harness.rows('ingest_keys')).length, 0);
  });
});

suite('PostgreSQL: a kit that is removed with its data', () => {
  test('a key that a commit under way gives its row again stays with it', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await store.commit(batch(drone()));
    equal(await store.kits.removeRows('drones', KIT, 10), 1);
    const committing = new Client({ connectionString: harness.url });
    await committing.connect();
    t.after(() => committing.end());
    await committing.query(`BEGIN; SELECT 1 FROM kits WHERE kit_id = '${KIT}' FOR UPDATE; SELECT * FROM ingest_keys`);
    const removing = store.kits.removeRows('ingest_keys', KIT, 10);
    const early = await Promise.race([removing, new Promise((resolve) => setTimeout(resolve, 200, 'waits'))]);
    await committing.query(`
      INSERT INTO drones (time, kit_id, drone_id, observed_raw)
        SELECT timestamptz 'epoch' + ${T0_US} * interval '1 microsecond', '${KIT}', 'drone-1', ${T0_US};
      UPDATE ingest_keys SET seq = 2; COMMIT`);
    deepEqual([early, await removing], ['waits', 0]);
    equal((await harness.rows('ingest_keys')).length, 1);
  });
});

suite('PostgreSQL: what a commit looks up', () => {
  test('is found by index among many rows of the same drone, also before any ANALYZE', async (t) => {
    const harness = await newHarness(t);
    await harness.open();
    await harness.query(`
      ALTER TABLE drones SET (autovacuum_enabled = off); ALTER TABLE ingest_keys SET (autovacuum_enabled = off);
      INSERT INTO drones (time, kit_id, drone_id) SELECT timestamptz '2026-01-01' + i * interval '1 s', '${KIT}', 'drone-1' FROM generate_series(1, 50000) i;
      INSERT INTO ingest_keys (kit_id, kind, thing, key_us, time_us, part) SELECT '${KIT}', 'drone', 'drone-1', i, i, 'drone-1' FROM generate_series(1, 50000) i`);
    const BY_TIME = /Index (Only )?Scan (using|on) drones_(pkey|time_idx)/;
    const plans: [string, RegExp, string[]][] = [
      [GET_KEYS, /Index (Only )?Scan using ingest_keys_pkey/, ['[]']],
      [GET_KEYS_BEFORE, /Index (Only )?Scan( Backward)? using ingest_keys_pkey/, ['[]']],
      [GET_KEYS, /Index (Only )?Scan using ingest_keys_untimed/, ['[]']],
      [TABLE_PLANS.drones.occupied, BY_TIME, ['[]']],
      [TABLE_PLANS.drones.occupiedAfter, BY_TIME, ['[]', '1000']],
      [
        TABLE_PLANS.drones.updateRows,
        BY_TIME,
        ['0', '9000000000000000', `{${KIT}}`, '{drone-1}', '{0}', ...Array<string>(49).fill('{}')],
      ],
    ];
    const client = new Client({ connectionString: harness.url });
    await client.connect();
    t.after(() => client.end());
    for (const [sql, expected, values] of plans) {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, values);
      match(rows.map((row) => row['QUERY PLAN']).join('\n'), expected);
    }
  });

  test('and so are the minutes: by time, by kit, and what is past its retention', async (t) => {
    const harness = await newHarness(t);
    await harness.open();
    await harness.query(`
      INSERT INTO ingest_minutes (kind, minute_s, kit_id)
        SELECT kind, i * 60, 'kit-' || k FROM generate_series(1, 2000) i, generate_series(1, 10) k,
          unnest('{drone,aircraft,signal,system}'::text[]) kind;
      ANALYZE ingest_minutes`);
    const reader = new PostgresReader(harness.url);
    t.after(() => reader.close());
    const range = { from: isoMicros(60e6), to: isoMicros(600e6) };
    const bucketsOf = (kitId?: string) => new ReadPlans(reader.dialect).buckets(range, 60, kitId, 10);
    const BY_KIND = /ingest_minutes_pkey[\s\S]*?Index Cond: \(\(kind = ANY .* AND \(minute_s /;
    const plans: [string, RegExp, readonly unknown[]][] = [
      [bucketsOf().sql, BY_KIND, bucketsOf().values],
      [bucketsOf('kit-1').sql, /ingest_minutes_kit/, bucketsOf('kit-1').values],
      [PRUNE_MINUTES, BY_KIND, [600, 2000, ['drone', 'aircraft']]],
      [removeRows('ingest_minutes'), /ingest_minutes_kit/, ['kit-0', 2000]],
    ];
    const client = new Client({ connectionString: harness.url });
    await client.connect();
    t.after(() => client.end());
    for (const [sql, expected, values] of plans) {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, [...values]);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      match(plan, expected);
      doesNotMatch(plan, /Seq Scan on ingest_minutes/);
    }
  });

  test('takes as many statements for 500 rows as for one', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await store.commit(contacts(contact()));
    await harness.query(
      "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET log_statement = ''all'''; END $$",
    );
    const fresh = await harness.open();
    const logOf = () => readFileSync(join(postgres().pgdata, '../log'), 'utf8').length;
    const some = (count: number, first: number) =>
      batch(
        ...Array.from({ length: count }, (_, i) =>
          drone({ identity: at(first + i), keyUs: T0_US + first + i, timeUs: T0_US + first + i }),
        ),
      );
    const statements = async (count: number, first: number): Promise<number> => {
      const from = logOf();
      await fresh.commit(some(count, first));
      const lines = readFileSync(join(postgres().pgdata, '../log'), 'utf8').slice(from).split('\n');
      return lines.filter((line) => /LOG: {2}(execute|statement)/.test(line)).length;
    };
    const forOne = await statements(1, 1);
    ok(forOne > 5 && forOne < 20, `${forOne} statements`);
    equal(await statements(500, 1000), forOne);
  });
});
