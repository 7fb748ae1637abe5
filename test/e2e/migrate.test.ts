// `dragonsink migrate` as its user runs it: from nothing, from half of it, and from what it must not touch.
import { deepEqual, equal, match, ok, rejects as throws } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { Client } from 'pg';
import { MIGRATIONS } from '../../src/server/stores/migrations.js';
import { openExistingStore, openStore } from '../../src/server/stores/open-store.js';
import { TABLES } from '../../src/server/stores/tables.js';
import { harnessOf, type PostgresHarness, usePostgres } from '../fixtures/postgres-harness.js';
import { eventually, runDragonsink } from '../fixtures/processes.js';
import { dragonsink, dragonsinkJson, dragonsinkWith } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const ANALYTICS = readFileSync(join(import.meta.dirname, '../fixtures/analytics-schema.sql'), 'utf8');
const NEWEST = MIGRATIONS.at(-1)?.version ?? 0;
const SECRET = 'hunter2';

const postgres = usePostgres();

interface Migrated {
  readonly database: string;
  readonly from: number;
  readonly to: number;
}

/** The cluster trusts its user, whatever the password. */
function newDatabase(t: TestContext): PostgresHarness {
  const url = new URL(postgres().createDatabase());
  url.password = SECRET;
  return harnessOf(t, url.href);
}

const migrate = (url: string) => dragonsinkJson<Migrated>('migrate', '--database', url);

const tablesOf = async ({ query }: PostgresHarness): Promise<string[]> =>
  (await query("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")).map(({ name }) =>
    String(name),
  );

const versionOf = async ({ query }: PostgresHarness): Promise<unknown> =>
  (await query("SELECT value FROM ingest_meta WHERE key = 'schema_version'"))[0]?.['value'];

/** What happens in PostgreSQL when a statement of the second step comes. */
async function atSecondStep({ query }: PostgresHarness, happens: string): Promise<() => Promise<unknown>> {
  await query(`
    CREATE FUNCTION at_second_step() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
      IF current_query() LIKE '%ingest_reports%' THEN ${happens}; END IF;
    END $$;
    CREATE EVENT TRIGGER at_second_step ON ddl_command_start WHEN TAG IN ('CREATE TABLE')
      EXECUTE FUNCTION at_second_step()`);
  return () => query('DROP EVENT TRIGGER at_second_step');
}

async function holdingLock(t: TestContext, { url }: PostgresHarness, sql: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  t.after(() => client.end());
  await client.query(sql);
  return client;
}

const waitsForLock = (database: PostgresHarness): Promise<true> =>
  eventually('it waits for the lock', async () => {
    const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    return (await database.query(waiting)).length > 0;
  });

suite('dragonsink migrate', () => {
  test('makes an empty database, says from which version to which, and does nothing again', async (t) => {
    const database = newDatabase(t);
    const { host, pathname } = new URL(database.url);
    const where = `postgres://${host}${pathname}`;
    deepEqual(await migrate(database.url), { database: where, from: 0, to: NEWEST });
    const before = await database.query('SELECT relname, relfilenode, xmin::text FROM pg_class ORDER BY relname');
    deepEqual(await migrate(database.url), { database: where, from: NEWEST, to: NEWEST });
    deepEqual(await database.query('SELECT relname, relfilenode, xmin::text FROM pg_class ORDER BY relname'), before);
    const { out, err } = await dragonsink('migrate', '--database', database.url);
    deepEqual([out, err], [`${where}: at version ${NEWEST} already\n`, '']);
  });

  test('works as the owner where one is named, and on SQLite too', async (t) => {
    const database = newDatabase(t);
    const nobody = new URL(database.url);
    nobody.username = 'nobody';
    const owned = await dragonsinkWith(
      { DATABASE_URL: nobody.href, DATABASE_MAINTAIN_URL: database.url },
      'migrate',
      '--json',
    );
    equal((JSON.parse(owned.out) as Migrated).to, NEWEST, owned.err);
    const file = join(tempFolder(t), 'server.db');
    deepEqual(await migrate(`sqlite:${file}`), { database: file, from: 0, to: NEWEST });
    deepEqual(await migrate(`sqlite:${file}`), { database: file, from: NEWEST, to: NEWEST });
    await (await openExistingStore(`sqlite:${file}`)).close();
  });

  test('a step that fails leaves those before it, and the next call goes on from there', async (t) => {
    const database = newDatabase(t);
    const mend = await atSecondStep(database, "RAISE EXCEPTION 'no'");
    const failed = await dragonsink('migrate', '--database', database.url, '--json');
    deepEqual([failed.code, failed.out], [1, '']);
    match(
      failed.err,
      new RegExp(`: no \\(on the way from version 0 to ${NEWEST}, at 2: the kits' half of the ledger\\)`),
    );
    ok(!failed.err.includes(SECRET), failed.err);
    equal(await versionOf(database), '1');
    ok(!(await tablesOf(database)).includes('ingest_openings'), 'nothing of the second step');
    await mend();
    const { from, to } = await migrate(database.url);
    deepEqual([from, to], [1, NEWEST]);
  });

  test('one that is killed in the middle of a step is resumed', async (t) => {
    const database = newDatabase(t);
    const mend = await atSecondStep(database, 'PERFORM pg_advisory_xact_lock(42)');
    const blocker = await holdingLock(t, database, 'SELECT pg_advisory_lock(42)');
    const killed = runDragonsink(t, ['migrate', '--database', database.url]);
    await waitsForLock(database);
    equal(await killed.end('SIGKILL'), 'SIGKILL');
    await blocker.query('SELECT pg_advisory_unlock(42)');
    const { from, to } = await migrate(database.url);
    deepEqual([from, to], [1, NEWEST]);
    await mend();
  });

  test('killed in the middle of WarDragon Analytics’ tables it has changed none of them', async (t) => {
    const database = newDatabase(t);
    await database.query(ANALYTICS);
    const columns = () =>
      database.query(`SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`);
    const before = await columns();
    const blocker = await holdingLock(t, database, 'BEGIN; LOCK TABLE system_health');
    const killed = runDragonsink(t, ['migrate', '--database', database.url]);
    await waitsForLock(database);
    await killed.end('SIGKILL');
    await blocker.query('ROLLBACK');
    await eventually('its session is gone', async () => {
      const own = "application_name = 'dragonsink' AND datname = current_database()";
      return (await database.query(`SELECT 1 FROM pg_stat_activity WHERE ${own}`)).length === 0;
    });
    deepEqual(await columns(), before);
    const { from, to } = await migrate(database.url);
    deepEqual([from, to], [0, NEWEST]);
  });

  test('keeps nobody from reading while it counts what is there, and whoever writes goes on behind it', async (t) => {
    const database = newDatabase(t);
    await (await openStore(database.url)).close();
    await database.query(`
      DROP TABLE ingest_minutes; UPDATE ingest_meta SET value = '9' WHERE key = 'schema_version';
      ${TABLES.map((table) => `DROP INDEX ingest_foreign_${table}; ALTER TABLE ${table} DROP COLUMN sink_replay;`).join('')}`);
    const counted = await holdingLock(t, database, 'BEGIN; LOCK TABLE ingest_keys');
    const opening = openStore(database.url);
    await waitsForLock(database);
    const reader = await holdingLock(t, database, "SET statement_timeout = '5s'");
    for (const table of TABLES)
      deepEqual((await reader.query(`SELECT count(*)::int AS n FROM ${table}`)).rows, [{ n: 0 }]);
    // A server of before, in the middle of a commit.
    const writer = await holdingLock(t, database, 'BEGIN; SELECT * FROM drones');
    const written = writer.query("INSERT INTO drones (time, kit_id, drone_id) VALUES (now(), 'k', 'd'); COMMIT");
    await eventually('it waits too', async () => {
      const waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'drones'::regclass";
      return (await database.query(waiting)).length > 0;
    });
    await counted.query('COMMIT');
    await (await opening).close();
    await written;
    equal(await versionOf(database), String(NEWEST));
  });

  test('an owner of another database is found out', async (t) => {
    const [one, other] = [newDatabase(t), newDatabase(t)];
    const hint = /let DATABASE_MAINTAIN_URL name the same database as DATABASE_URL/;
    await throws(openStore(one.url, { maintainUrl: other.url }), { code: 'schema', hint });
  });

  test('two at once make it once', async (t) => {
    const database = newDatabase(t);
    const both = await Promise.all([migrate(database.url), migrate(database.url)]);
    deepEqual(
      both.map(({ to }) => to),
      [NEWEST, NEWEST],
    );
    equal((await database.query("SELECT 1 FROM ingest_meta WHERE key = 'store_id'")).length, 1);
  });

  test('ends with 1 for a database that is away, not there or newer, and with 78 for a wrong setting', async (t) => {
    const database = newDatabase(t);
    await migrate(database.url);
    await database.query("UPDATE ingest_meta SET value = '99' WHERE key = 'schema_version'");
    const missing = new URL(database.url);
    missing.pathname = '/nothing';
    const cases: [number, RegExp, string][] = [
      [1, /made by a newer dragonsink \(version 99/, database.url],
      [1, /what to do: make the database first: createdb/, missing.href],
      [1, /what to do: is PostgreSQL running/, `postgres://u:${SECRET}@127.0.0.1:1/d`],
      [1, /is not a URL/, `postgres://u/1:${SECRET}@h/d`],
    ];
    for (const [code, expected, url] of cases) {
      const ended = await dragonsink('migrate', '--database', url);
      equal(ended.code, code, ended.err);
      match(ended.err, expected);
      ok(!`${ended.out}${ended.err}`.includes(SECRET), ended.err);
    }
    const wrong = await dragonsinkWith({ DATABASE_MAINTAIN_URL: `mysql://u:${SECRET}@h/d` }, 'migrate');
    equal(wrong.code, 78);
    match(wrong.err, /env DATABASE_MAINTAIN_URL: .*, expected postgres:/);
    ok(!wrong.err.includes(SECRET), wrong.err);
    equal((await dragonsink('migrate', '--nonsense')).code, 2);
  });
});
