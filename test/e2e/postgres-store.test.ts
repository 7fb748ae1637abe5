// The store on PostgreSQL: the contract, and what only a server, its network and its other users can do to it.
import { deepEqual, equal, match, ok, rejects as throws } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, suite, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { openStore } from '../../src/server/stores/open-store.js';
import { GET_KEYS, GET_KEYS_BEFORE, TABLE_PLANS } from '../../src/server/stores/postgres-plans.js';
import { type Postgres, startPostgres } from '../fixtures/postgres.js';
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
} from '../unit/server/store-batches.js';
import { type Row, type StoreHarness, storeContract } from '../unit/server/store-contract.js';

let postgres: Postgres;
let failed = false;

before(async () => {
  postgres = await startPostgres();
});

afterEach((t) => {
  if ('passed' in t && t.passed === false) failed = true;
});

after(async () => {
  await postgres.stop({ keep: failed });
});

interface PostgresHarness extends StoreHarness {
  readonly url: string;
  query(sql: string): Promise<Row[]>;
}

async function newHarness(t: TestContext): Promise<PostgresHarness> {
  return harnessOf(t, postgres.createDatabase());
}

function harnessOf(t: TestContext, url: string): PostgresHarness {
  const query = async (sql: string): Promise<Row[]> => {
    const client = new Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  return {
    url,
    query,
    open: async () => {
      const store = await openStore(url);
      t.after(() => store.close());
      return store;
    },
    rows: async (table) => (await query(await readablePlan(query, table))).map(numbers).sort(byTime),
    execute: async (sql) => {
      await query(sql);
    },
  };
}

/** Times as microseconds; everything else as it is. */
async function readablePlan(query: PostgresHarness['query'], table: string): Promise<string> {
  const columns = await query(
    `SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_name = '${table}'`,
  );
  const selected = columns.map(({ name, type }) =>
    type === 'timestamp with time zone' ? `(extract(epoch FROM ${name}) * 1000000)::bigint AS ${name}` : name,
  );
  return `SELECT ${selected.join(', ')} FROM ${table}`;
}

const BIGINTS = new Set([
  'time',
  'last_seen',
  'received',
  'created_at',
  'sink_seq',
  'observed_raw',
  'kit_updated_epoch',
  'seq',
]);

function numbers(row: Row): Row {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === 'string' && BIGINTS.has(name) ? Number(value) : value,
  ]);
  return Object.fromEntries(entries);
}

function byTime(a: Row, b: Row): number {
  return Number(a['time'] ?? 0) - Number(b['time'] ?? 0);
}

storeContract('PostgreSQL', newHarness);

suite('PostgreSQL: outages', () => {
  test('a backend killed in the middle of a commit leaves nothing of it, and the same batch goes in afterwards', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    const blocker = new Client({ connectionString: harness.url });
    await blocker.connect();
    t.after(() => blocker.end());
    // The ledger is written last: the rows and their keys are in by then.
    await blocker.query('BEGIN; LOCK TABLE ingest_ledger IN EXCLUSIVE MODE');
    const committing = store.commit(batch(drone(), signal())).catch((error: unknown) => error);
    const waiting = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO ingest_ledger%'
      AND datname = current_database()`;
    while ((await harness.query(waiting)).length === 0) await delay(10);
    await harness.query(`SELECT pg_terminate_backend(pid) FROM (${waiting}) AS w`);
    const { name, code, retryable } = (await committing) as { name: string; code: string; retryable: boolean };
    deepEqual([name, code, retryable], ['StoreError', 'unavailable', true]);
    await blocker.query('ROLLBACK');
    const { rows } = await store.counts();
    deepEqual(rows, { drone: 0, aircraft: 0, signal: 0, system: 0 });
    deepEqual([(await harness.rows('ingest_keys')).length, (await harness.rows('kits')).length], [0, 0]);
    equal((await store.commit(batch(drone(), signal()))).drone.stored, 1);
  });

  test('a server that is down is said to be away, and the same store goes on when it is back', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await store.commit(batch(drone()));
    postgres.pgCtl('stop', '-m', 'immediate');
    const down = { name: 'StoreError', code: 'unavailable', retryable: true, hint: /is PostgreSQL running/ };
    await throws(store.commit(batch(drone({ identity: at(2) }))), down);
    await throws(store.ledger(), down);
    await throws(openStore(harness.url), down);
    postgres.pgCtl('start');
    const { drone: counts } = await store.commit(batch(drone(), drone({ identity: at(2) })));
    deepEqual([counts.refused, counts.merged], [1, 1]);
  });

  test('backends that are killed all the time cost only retries: every message is there once', async (t) => {
    const harness = await newHarness(t);
    const stores = [await harness.open(), await harness.open()];
    const MESSAGES = 900;
    const sent = Array.from({ length: MESSAGES }, (_, i) =>
      drone({
        kitId: `wardragon-${i % 3}`,
        thing: `d-${i % 5}`,
        keyUs: T0_US + i,
        timeUs: T0_US + i,
        identity: at(Math.floor(i / 3) + 1),
      }),
    );
    let killed = 0;
    let done = false;
    const killing = (async () => {
      while (!done) {
        const rows = await harness.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE pid <> pg_backend_pid() AND datname = current_database() AND state <> 'idle'`,
        );
        killed += rows.length;
        await delay(10);
      }
    })();
    let retries = 0;
    await Promise.all(
      stores.map(async (store, lane) => {
        for (let i = 0; i < MESSAGES; i += 9) {
          // Both send everything, so that a message whose commit was lost to one may be a resend to the other.
          const some = batch(...sent.slice(i, i + 9 + lane));
          for (;;) {
            const error = await store.commit(some).then(
              () => null,
              (thrown: unknown) => thrown as { retryable: boolean },
            );
            if (error === null) break;
            ok(error.retryable, String(error));
            retries += 1;
          }
        }
      }),
    );
    done = true;
    await killing;
    ok(killed > 0 && retries > 0, `${killed} killed, ${retries} retries`);
    const [store] = stores;
    const { rows, doubled } = (await store?.counts()) ?? {};
    deepEqual([rows?.drone, doubled, (await harness.rows('ingest_keys')).length], [MESSAGES, 0, MESSAGES]);
    deepEqual(
      (await store?.ledger())?.map(({ received }) => received),
      [[[1, 300]], [[1, 300]], [[1, 300]]],
    );
  });

  test('another writer that is first at a primary key costs a second try, and its row stays', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    const collector = new Client({ connectionString: harness.url });
    await collector.connect();
    t.after(() => collector.end());
    // Uncommitted, so that it is not seen when places are looked for, and met when the row is written.
    await collector.query(
      `BEGIN; INSERT INTO system_health (time, kit_id) SELECT timestamptz 'epoch' + ${T0_US} * interval '1 us', '${KIT}'`,
    );
    const committing = store.commit(batch(system()));
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    while ((await harness.query(waiting)).length === 0) await delay(10);
    await collector.query('COMMIT');
    equal((await committing).system.stored, 1);
    deepEqual(
      (await harness.rows('system_health')).map((row) => [Number(row['time']) - T0_US, row['observed_raw']]),
      [
        [0, null],
        [1, T0_US],
      ],
    );
  });

  test('a read-only server is waited for', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await harness.query(
      "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_read_only = on'; END $$",
    );
    await store.close();
    const again = await harness.open();
    await throws(again.commit(batch(drone())), { code: 'read-only', retryable: true, hint: /primary/ });
  });

  test('a text too long for an index is the row’s fault, not the database’s', async (t) => {
    const store = await (await newHarness(t)).open();
    const description = randomBytes(8_000).toString('hex');
    await throws(store.commit(batch(drone({ columns: { description } }))), { code: 'data', retryable: false });
  });

  test('a NUL that slipped through is the row’s fault', async (t) => {
    const store = await (await newHarness(t)).open();
    await throws(store.commit(batch(drone({ columns: { description: 'a\0b' } }))), { code: 'data' });
    await throws(store.commit(batch(drone({ extra: { a: '\0' } }))), { code: 'data' });
  });
});

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

  test('a role that may only read and write rows can serve a database that its owner made', async (t) => {
    const harness = await newHarness(t);
    await (await harness.open()).close();
    await harness.query(`DROP ROLE IF EXISTS ingest; CREATE ROLE ingest LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ingest`);
    const url = new URL(harness.url);
    url.username = 'ingest';
    const store = await harnessOf(t, url.href).open();
    equal((await store.commit(batch(drone()))).drone.stored, 1);
    const empty = new URL(postgres.createDatabase());
    empty.username = 'ingest';
    await throws(openStore(empty.href), { code: 'privilege', retryable: false, hint: /dragonsink migrate/ });
  });
});

const ANALYTICS = readFileSync(join(import.meta.dirname, '../fixtures/analytics-schema.sql'), 'utf8');
const SHAPE = {
  columns: `SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
    WHERE table_name IN ('kits', 'drones', 'signals', 'system_health')
      AND column_name NOT IN ('extra', 'sink_epoch', 'sink_seq', 'observed_raw', 'uid')
    ORDER BY table_name, ordinal_position`,
  constraints: `SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE conrelid::regclass::text IN ('kits', 'drones', 'signals', 'system_health') ORDER BY conname`,
  indexes: `SELECT indexname, indexdef FROM pg_indexes
    WHERE tablename IN ('kits', 'drones', 'signals', 'system_health') ORDER BY indexname`,
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
    await store.commit({
      observations: [drone(), signal(), system()],
      rejects: [reject({ identity: at(2) })],
      contacts: [],
    });
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
      [TABLE_PLANS.drones.occupied, BY_TIME, ['[]']],
      [TABLE_PLANS.drones.occupiedAfter, BY_TIME, ['[]', '1000']],
      [TABLE_PLANS.drones.deleteRows, BY_TIME, ['[]', '0', '1']],
    ];
    const client = new Client({ connectionString: harness.url });
    await client.connect();
    t.after(() => client.end());
    for (const [sql, expected, values] of plans) {
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, values);
      match(rows.map((row) => row['QUERY PLAN']).join('\n'), expected);
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
    const logOf = () => readFileSync(join(postgres.pgdata, '../log'), 'utf8').length;
    const some = (count: number, first: number) =>
      batch(
        ...Array.from({ length: count }, (_, i) =>
          drone({ identity: at(first + i), keyUs: T0_US + first + i, timeUs: T0_US + first + i }),
        ),
      );
    const statements = async (count: number, first: number): Promise<number> => {
      const from = logOf();
      await fresh.commit(some(count, first));
      const lines = readFileSync(join(postgres.pgdata, '../log'), 'utf8').slice(from).split('\n');
      return lines.filter((line) => /LOG: {2}(execute|statement)/.test(line)).length;
    };
    const forOne = await statements(1, 1);
    ok(forOne > 5 && forOne < 20, `${forOne} statements`);
    equal(await statements(500, 1000), forOne);
  });
});
