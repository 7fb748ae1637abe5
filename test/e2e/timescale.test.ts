// The server's tables on a real TimescaleDB: as WarDragon Analytics has them, with a database of its own left as it is,
// and with what comes late, into aggregates and compressed chunks.
import { deepEqual, equal, match, ok, rejects as throws } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { type Catalogue, type Entry, readTimescaleCatalogue, within, withoutNumbers } from '../fixtures/catalogue.js';
import { harnessOf, type PostgresHarness } from '../fixtures/postgres-harness.js';
import { useTimescale } from '../fixtures/timescale.js';
import { at, batch, drone, KIT, reject, signal, system, whole } from '../unit/server/store-batches.js';

const fixture = (name: string): string => readFileSync(join(import.meta.dirname, '../fixtures', name), 'utf8');
const TABLES = fixture('analytics-schema.sql');
const TIMESCALE = fixture('analytics-timescale.sql');

const timescale = useTimescale();

async function newHarness(t: TestContext): Promise<PostgresHarness> {
  await timescale().clear();
  return harnessOf(t, timescale().url);
}

const catalogueOf = ({ query }: PostgresHarness): Promise<Catalogue> => readTimescaleCatalogue(query);

/** Columns, tables, indexes and the like that only we have. */
const OURS = /^ingest_|\.(extra|sink_epoch|sink_seq|sink_replay|observed_raw|uid)$/;
/** What of Analytics we do not make: nothing of ours reads or writes it. */
const THEIRS = /^(audit_log|idx_audit_log|active_threats|multi_kit_detections|security_alerts|calculate_distance_m)/;

function without(catalogue: Catalogue, left: RegExp): Catalogue {
  const kept = ({ name }: Entry): boolean => !left.test(name);
  return Object.fromEntries(Object.entries(catalogue).map(([part, entries]) => [part, entries.filter(kept)]));
}

/** From here on every session is one that may neither delete nor change a table: they all share one here. */
async function ingestOnly(t: TestContext, { query }: PostgresHarness): Promise<void> {
  await query(`CREATE ROLE ingest; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO ingest;
    SET ROLE ingest`);
  t.after(() => query('RESET ROLE; DROP OWNED BY ingest; DROP ROLE ingest'));
}

suite('TimescaleDB: the schema', () => {
  test('plain tables serve too, where the role may not create the extension', async (t) => {
    const harness = await newHarness(t);
    await harness.query('CREATE ROLE maker; GRANT ALL ON SCHEMA public TO maker; SET ROLE maker');
    t.after(() => harness.query('RESET ROLE; DROP OWNED BY maker; DROP ROLE maker'));
    const store = await harness.open();
    match(store.warnings.join(), /^TimescaleDB is not made use of: .*permission denied/);
    equal((await store.commit(batch(drone()))).counts.drone.stored, 1);
  });

  test('tables that were made without the extension become hypertables with all their rows, once it is there', async (t) => {
    const harness = await newHarness(t);
    await harness.query(TABLES);
    await harness.query(`INSERT INTO drones (time, kit_id, drone_id, alt)
      SELECT now() - i * interval '2 h', '${KIT}', 'drone-' || i, i FROM generate_series(1, 300) i`);
    const store = await harness.open();
    equal((await store.commit(batch(drone()))).counts.drone.stored, 1);
    await harness.query('CREATE EXTENSION timescaledb');
    const again = await harness.open();
    deepEqual(again.warnings, []);
    equal((await again.counts()).rows.drone, 301);
    equal((await again.commit(batch(drone()))).counts.drone.refused, 1);
    // Their hours are in the aggregate too, beginning with the hour of the first.
    ok((await again.refresh(Date.now() * 1e3)) >= 300);
    deepEqual(await harness.query('SELECT sum(total_detections)::int AS n FROM drones_hourly'), [{ n: 301 }]);
  });

  test('made by us, it is as Analytics has it', async (t) => {
    const ours = await newHarness(t);
    await ours.open();
    const made = await catalogueOf(ours);
    const theirs = await newHarness(t);
    await theirs.query(TABLES);
    await theirs.query(TIMESCALE);
    const [left, right] = [made, await catalogueOf(theirs)].map((catalogue) =>
      withoutNumbers(without(without(catalogue, OURS), THEIRS)),
    );
    deepEqual(left, right);
    deepEqual(
      made['jobs']?.map(({ name }) => name),
      [
        'drones: policy_compression',
        'drones: policy_retention',
        'drones_hourly: policy_refresh_continuous_aggregate',
        'signals: policy_compression',
        'signals: policy_retention',
        'signals_hourly: policy_refresh_continuous_aggregate',
        'system_health: policy_compression',
        'system_health: policy_retention',
      ],
    );
  });

  test('made by Analytics, it is added to, and nothing of it is touched', async (t) => {
    const harness = await newHarness(t);
    await harness.query(TABLES);
    await harness.query(TIMESCALE);
    await harness.query(`INSERT INTO drones (time, kit_id, drone_id) SELECT now() - i * interval '1 d', '${KIT}', 'd'
      FROM generate_series(1, 20) i; SELECT compress_chunk(c) FROM show_chunks('drones', older_than => interval '7 days') c`);
    // What its owner has decided is not decided anew.
    await harness.query("SELECT remove_retention_policy('signals')");
    const before = await catalogueOf(harness);
    const store = await harness.open();
    const after = await catalogueOf(harness);
    deepEqual(within(after, before), before);
    const added = without(after, OURS);
    deepEqual(added, before);
    deepEqual(store.warnings, []);
    await store.commit(whole({ observations: [drone(), signal(), system()], rejects: [reject({ identity: at(2) })] }));
    deepEqual((await store.counts()).rows, { drone: 21, aircraft: 0, signal: 1, system: 1 });
    deepEqual(await catalogueOf(harness), after);
    await harness.open();
    deepEqual(await catalogueOf(harness), after);
  });

  test('made by several servers that start at once, it is made once', async (t) => {
    const harness = await newHarness(t);
    const stores = await Promise.all([harness.open(), harness.open(), harness.open()]);
    deepEqual(
      stores.flatMap(({ warnings }) => warnings),
      [],
    );
    equal((await catalogueOf(harness))['jobs']?.length, 8);
  });

  test('what stands in the way of one table is said, keeps no other from it, and is done later', async (t) => {
    const harness = await newHarness(t);
    await harness.query(TABLES);
    await harness.query('CREATE UNIQUE INDEX mine ON signals (kit_id)');
    const { warnings } = await harness.open();
    match(warnings.join('\n'), /^signals stays a plain table: .*unique index/);
    const HYPERTABLES = 'SELECT hypertable_name AS name FROM timescaledb_information.hypertables ORDER BY 1';
    const names = async (): Promise<unknown[]> => (await harness.query(HYPERTABLES)).map(({ name }) => name);
    deepEqual(await names(), ['drones', 'system_health']);
    await harness.query('DROP INDEX mine');
    deepEqual((await harness.open()).warnings, []);
    deepEqual(await names(), ['drones', 'signals', 'system_health']);
  });

  test('whoever may not change tables says who may, and commits all the same', async (t) => {
    const harness = await newHarness(t);
    await harness.query(TABLES);
    await harness.query('CREATE UNIQUE INDEX mine ON signals (kit_id)');
    await (await harness.open()).close();
    await harness.query('DROP INDEX mine');
    await ingestOnly(t, harness);
    const store = await harness.open();
    deepEqual(store.warnings, ['signals is a plain table: its owner makes a hypertable of it with dragonsink migrate']);
    await store.commit(batch(drone(hoursAgo(30)), signal(hoursAgo(30))));
    equal((await harness.query('SELECT * FROM ingest_refresh')).length, 1);
  });
});

const HOUR_US = 3600 * 1e6;
const DAY_US = 24 * HOUR_US;

function hoursAgo(hours: number, more: object = {}): { keyUs: number; timeUs: number } {
  const timeUs = Date.now() * 1e3 - hours * HOUR_US;
  return { keyUs: timeUs, timeUs, ...more };
}

const HOURLY = `SELECT kit_id, sum(total_detections)::int AS n, max(max_altitude) AS highest FROM drones_hourly
  GROUP BY 1 ORDER BY 1`;

suite('TimescaleDB: rows that come late', () => {
  test('are in the hourly aggregates after the next round, merged ones and those of a retry too', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    const refresh = (): Promise<number> => store.refresh(Date.now() * 1e3);
    const late = [5, 6, 200, 600].map((hours, i) =>
      drone({ ...hoursAgo(hours), identity: at(i + 1), columns: { alt: 100 } }),
    );
    await store.commit(batch(...late, signal(hoursAgo(50)), system(hoursAgo(50))));
    deepEqual(await harness.query(HOURLY), []);
    equal(await refresh(), 5);
    deepEqual(await harness.query(HOURLY), [{ kit_id: KIT, n: 4, highest: 100 }]);
    deepEqual(await harness.query('SELECT total_detections::int AS n FROM signals_hourly'), [{ n: 1 }]);
    equal(await refresh(), 0);

    const [, , third] = late;
    ok(third !== undefined);
    await store.commit(batch({ ...third, identity: at(9), columns: { alt: 500 } }));
    equal(await refresh(), 1);
    deepEqual(await harness.query(HOURLY), [{ kit_id: KIT, n: 4, highest: 500 }]);

    await store.commit(whole({ rejects: [reject({ identity: at(10) })] }));
    const [rejected] = await store.rejects.newest({}, 1);
    ok(rejected !== undefined);
    equal(await store.rejects.store(rejected, [drone({ ...hoursAgo(7), identity: at(10) })]), 'stored');
    equal(await refresh(), 1);
    deepEqual(await harness.query(HOURLY), [{ kit_id: KIT, n: 5, highest: 500 }]);
    deepEqual(await harness.query('SELECT * FROM ingest_refresh'), []);
  });

  test('are marked when the policy has had its last look at their hour, or may have had, and no sooner', async (t) => {
    const harness = await newHarness(t);
    const hourUs = Math.floor(Date.now() / 3.6e6) * HOUR_US;
    const store = await harness.open(() => hourUs + HOUR_US / 2);
    const inHour = (hours: number, seq: number) =>
      drone({ timeUs: hourUs - hours * HOUR_US + 1, keyUs: hourUs - hours * HOUR_US + 1, identity: at(seq) });
    await store.commit(batch(inHour(0, 1), inHour(1, 2)));
    deepEqual(await harness.query('SELECT * FROM ingest_refresh'), []);
    await store.commit(batch(inHour(2, 3), inHour(3, 4), inHour(3, 5)));
    const hours = (await harness.rows('ingest_refresh')).map((row) => Number(row['hour'])).sort();
    deepEqual(hours, [hourUs - 3 * HOUR_US, hourUs - 2 * HOUR_US]);
  });

  test('do not make an hour forget what its dropped rows had left there', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    const old = hoursAgo(20 * 24);
    await store.commit(batch(drone({ ...old, kitId: 'other', columns: { alt: 100 } })));
    await store.refresh(Date.now() * 1e3);
    // Whoever runs this database keeps raw rows for less than we do.
    await harness.query(`SELECT remove_retention_policy('drones'); SELECT add_retention_policy('drones', interval '5 days');
      SELECT drop_chunks('drones', older_than => interval '5 days')`);
    equal((await store.counts()).rows.drone, 0);
    await store.commit(batch(drone({ ...old, columns: { alt: 200 } })));
    equal(await store.refresh(Date.now() * 1e3), 0);
    deepEqual(await harness.query(HOURLY), [{ kit_id: 'other', n: 1, highest: 100 }]);
    deepEqual(await harness.query('SELECT * FROM ingest_refresh'), []);
  });

  test('are left out where the hour may be on the edge of what is kept', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await store.commit(batch(drone(hoursAgo(30 * 24 - 0.5)), drone({ ...hoursAgo(30 * 24 - 2.1), identity: at(2) })));
    equal(await store.refresh(Date.now() * 1e3), 1);
    deepEqual(await harness.query('SELECT * FROM ingest_refresh'), []);
  });

  test('wait for a later round where an hour cannot be aggregated, and keep no other from it', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await harness.query(`DROP MATERIALIZED VIEW drones_hourly;
      CREATE MATERIALIZED VIEW drones_hourly WITH (timescaledb.continuous) AS
      SELECT time_bucket('1 hour', time) AS bucket, kit_id, count(*) AS total_detections, max(100 / alt::int) AS max_altitude
      FROM drones GROUP BY 1, 2 WITH NO DATA`);
    const bad = drone({ ...hoursAgo(48), columns: { alt: 0 } });
    await store.commit(
      batch(bad, drone({ ...hoursAgo(24), identity: at(2), columns: { alt: 1 } }), signal(hoursAgo(24))),
    );
    await throws(store.refresh(Date.now() * 1e3), { message: /division by zero/ });
    deepEqual(await harness.query(HOURLY), [{ kit_id: KIT, n: 1, highest: 100 }]);
    deepEqual(await harness.query('SELECT total_detections::int AS n FROM signals_hourly'), [{ n: 1 }]);
    await harness.query('UPDATE drones SET alt = 2 WHERE alt = 0');
    equal(await store.refresh(Date.now() * 1e3), 1);
    deepEqual(await harness.query(HOURLY), [{ kit_id: KIT, n: 2, highest: 100 }]);
  });

  test('are marked for nothing where somebody has dropped the aggregates', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await store.commit(batch(drone(hoursAgo(30))));
    await harness.query('DROP MATERIALIZED VIEW drones_hourly');
    equal(await store.refresh(Date.now() * 1e3), 0);
    await store.commit(batch(drone({ ...hoursAgo(31), identity: at(2) })));
    deepEqual(await harness.query('SELECT * FROM ingest_refresh'), []);
  });
});

suite('TimescaleDB: compressed chunks', () => {
  const DRONES = 40;
  const EACH = 50;
  const LIMIT = 'timescaledb.max_tuples_decompressed_per_dml_transaction';

  /** Two weeks old, `EACH` observations of each of `DRONES` drones and of as many signals, compressed. */
  async function compressed(t: TestContext) {
    const harness = await newHarness(t);
    const store = await harness.open();
    const first = hoursAgo(14 * 24).timeUs;
    const many = (kind: typeof drone, over: (i: number) => object) =>
      Array.from({ length: DRONES * EACH }, (_, n) => {
        const timeUs = first + n * 1e6;
        return kind({ keyUs: timeUs, timeUs, identity: at(n + 1), ...over(n % DRONES) });
      });
    const drones = many(drone, (i) => ({ thing: `drone-${i}` }));
    const signals = many(signal, (i) => ({ thing: `signal-${i}`, columns: { freq_mhz: 5700 + i } }));
    await store.commit(batch(...drones, ...signals));
    const chunks = await harness.query(
      "SELECT compress_chunk(c) FROM (SELECT show_chunks('drones') UNION SELECT show_chunks('signals')) AS s (c)",
    );
    ok(chunks.length >= 2);
    // All connections share one session here: what is set holds for the store too.
    await harness.query(`SET ${LIMIT} = 10`);
    t.after(() => harness.query(`RESET ${LIMIT}`));
    await throws(harness.query('UPDATE drones SET alt = 1'), { code: '53400' });
    return { harness, store, drones, signals };
  }

  test('take new rows, later states and moved ones, however many have to be unpacked for it', async (t) => {
    const { harness, store, drones, signals } = await compressed(t);
    await ingestOnly(t, harness);
    const later = (n: number) => at(n + 1, '00000002aaaaaaaa');
    const inBetween = drones.map((one, n) => ({ ...one, keyUs: one.keyUs + 1, identity: later(n) }));
    const stored = await store.commit(batch(...inBetween));
    equal(stored.counts.drone.stored, drones.length);
    const states = drones.map((one, n) => ({ ...one, identity: later(10_000 + n), columns: { alt: 77 } }));
    equal((await store.commit(batch(...states))).counts.drone.merged, drones.length);
    const moved = signals.map((one, n) => ({ ...one, identity: later(n), columns: { freq_mhz: 1200 + (n % DRONES) } }));
    equal((await store.commit(batch(...moved))).counts.signal.merged, signals.length);
    const { rows, doubled } = await store.counts();
    deepEqual([rows.drone, rows.signal, doubled], [2 * drones.length, signals.length, 0]);
    deepEqual(await harness.query('SELECT count(*)::int AS n FROM drones WHERE alt = 77'), [{ n: drones.length }]);
    deepEqual(await harness.query('SELECT count(*)::int AS n FROM signals WHERE freq_mhz < 1300'), [
      { n: signals.length },
    ]);
    // What was lifted was lifted for those transactions alone.
    deepEqual(await harness.query(`SELECT current_setting('${LIMIT}') AS value`), [{ value: '10' }]);
  });

  test('lose the rows of a kit that is removed', async (t) => {
    const { store } = await compressed(t);
    let gone = 0;
    for (let n = -1; n !== 0; gone += n) n = await store.kits.removeRows('drones', KIT, 500);
    equal(gone, DRONES * EACH);
    equal((await store.counts()).rows.drone, 0);
  });

  test('a limit that stays in the way is the data’s fault, after one more try', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await harness.query(`CREATE SEQUENCE tries; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM nextval('tries'); RAISE 'too much' USING ERRCODE = '53400'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON ingest_ledger FOR EACH ROW EXECUTE FUNCTION refuse()`);
    t.after(() => harness.query('DROP FUNCTION refuse CASCADE; DROP SEQUENCE tries'));
    await throws(store.commit(batch(drone())), { code: 'data', retryable: false });
    deepEqual(await harness.query('SELECT last_value::int AS n FROM tries'), [{ n: 2 }]);
  });
});

suite('TimescaleDB: retention', () => {
  test('is the policies’ for raw rows, and ours for the rest', async (t) => {
    const harness = await newHarness(t);
    const store = await harness.open();
    await store.commit(batch(drone(hoursAgo(50 * 24)), drone({ ...hoursAgo(29 * 24), identity: at(2) })));
    equal(await store.prune(Date.now() * 1e3), 0);
    equal((await store.counts()).rows.drone, 2);
    equal((await harness.rows('ingest_keys')).length, 1);
    await harness.query(`DO $$ DECLARE j int; BEGIN
      FOR j IN SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention' AND hypertable_name = 'drones'
      LOOP CALL run_job(j); END LOOP; END $$`);
    equal((await store.counts()).rows.drone, 1);
    // Somebody keeps everything.
    await harness.query("SELECT remove_retention_policy('drones')");
    equal(await store.prune(Date.now() * 1e3 + 60 * DAY_US), 0);
    equal((await store.counts()).rows.drone, 1);
  });

  test('is ours too where there is only what is under the Apache licence, of which nothing else is used', async (t) => {
    const harness = await newHarness(t);
    // This build has the other licence, and its setting cannot be changed: another function of that name answers.
    await harness.query(`CREATE FUNCTION public.current_setting(text, boolean) RETURNS text LANGUAGE sql AS
      $$ SELECT CASE $1 WHEN 'timescaledb.license' THEN 'apache' ELSE pg_catalog.current_setting($1, $2) END $$;
      SET search_path = public, pg_catalog`);
    t.after(() => harness.query('RESET search_path; DROP FUNCTION public.current_setting(text, boolean)'));
    const store = await harness.open();
    match(store.warnings.join('\n'), /^this TimescaleDB has only what is under the Apache licence.*$/);
    const { dimensions, jobs, compression, aggregates } = await catalogueOf(harness);
    deepEqual([dimensions?.length, jobs, compression, aggregates], [3, [], [], []]);
    const ago = (days: number, seq: number) => ({ ...hoursAgo(days * 24), identity: at(seq) });
    await store.commit(batch(drone(ago(50, 1)), drone(ago(20, 2)), signal(ago(50, 1)), system(ago(50, 1))));
    await store.prune(Date.now() * 1e3);
    deepEqual((await store.counts()).rows, { drone: 1, aircraft: 0, signal: 0, system: 1 });
    deepEqual(await harness.query('SELECT * FROM ingest_refresh'), []);
    equal(await store.refresh(Date.now() * 1e3), 0);
  });
});
