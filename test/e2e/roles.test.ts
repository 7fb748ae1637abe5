// config/roles.sql as psql applies it, and what the real program can do, and can't, with the two roles it makes.
import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { Client } from 'pg';
import { MIGRATIONS } from '../../src/server/stores/migrations.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { psql } from '../fixtures/postgres.js';
import { harnessOf, usePostgres } from '../fixtures/postgres-harness.js';
import { eventually, type Running, runDragonsink } from '../fixtures/processes.js';
import { dragonsinkJson, dragonsinkWith } from '../fixtures/run-command.js';

const ROLES = join(import.meta.dirname, '../../config/roles.sql');
const ANALYTICS = readFileSync(join(import.meta.dirname, '../fixtures/analytics-schema.sql'), 'utf8');
const NEWEST = MIGRATIONS.at(-1)?.version;
const SECRET = 'hunter2';
const KIT = 'wardragon-A';
const DAY_S = 86_400;

const postgres = usePostgres();

/** A database, and its URL for each of three users; the cluster trusts them, whatever the password. */
function newDatabase(t: TestContext) {
  const url = postgres().createDatabase();
  const as = (user: string): string => {
    const one = new URL(url);
    one.username = user;
    one.password = SECRET;
    return one.href;
  };
  const applyRoles = (...args: string[]): string => psql(url, ...args, '-f', ROLES);
  return {
    ...harnessOf(t, url),
    url,
    as,
    ingest: as('dragonsink_ingest'),
    maintain: as('dragonsink_maintain'),
    applyRoles,
  };
}

type Database = ReturnType<typeof newDatabase>;

async function migrated(t: TestContext): Promise<Database> {
  const database = newDatabase(t);
  database.applyRoles();
  await dragonsinkJson('migrate', '--database', database.maintain);
  return database;
}

/** The SQLSTATE with which it is refused, or what went wrong. */
async function refusal(url: string, sql: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
    return 'allowed';
  } catch (thrown: unknown) {
    return (thrown as { code?: string }).code ?? String(thrown);
  } finally {
    await client.end();
  }
}

const DENIED = '42501';

async function startServer(t: TestContext, env: NodeJS.ProcessEnv) {
  const broker = await startMosquitto({}, t);
  const start = (): Running =>
    runDragonsink(t, ['server'], { MQTT_BROKER_PORT: String(broker.port), SERVER_ID: 'test', ...env });
  const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
  t.after(() => client.endAsync());
  let online = 0;
  client.on('message', (_, payload) => {
    if ((JSON.parse(payload.toString()) as { online: boolean }).online) online += 1;
  });
  await client.subscribeAsync('wardragon/ingest/test/hello');
  const ready = async (server: Running, times = 1): Promise<void> => {
    await eventually("the server's hello", () => online >= times || server.child.exitCode !== null);
    equal(server.child.exitCode, null, server.log());
  };
  const server = start();
  await ready(server);
  const publish = async (seq: number, fields: object = {}): Promise<void> => {
    const observed_at = Math.floor(Date.now() / 1_000) - 100 + seq;
    const sink = { v: 1, epoch: '00000001abcdef01', seq };
    const message = { id: `drone-${seq}`, seen_by: KIT, observed_at, lat: 1, lon: 2, sink, ...fields };
    await client.publishAsync('wardragon/drones', JSON.stringify(message), { qos: 1 });
  };
  return { server, start, ready, publish };
}

const countOf = async ({ query }: Database, table: string): Promise<number> =>
  Number((await query(`SELECT count(*) AS n FROM ${table}`))[0]?.['n']);

suite('config/roles.sql', () => {
  test('the ingest role can delete, empty, make, change and drop nothing, whoever made the tables', async (t) => {
    const database = await migrated(t);
    const tables = (await database.query("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")).map(
      ({ name }) => String(name),
    );
    ok(tables.length >= 11, tables.join());
    for (const table of tables) {
      for (const sql of [`DELETE FROM ${table}`, `TRUNCATE ${table}`, `DROP TABLE ${table}`]) {
        equal(await refusal(database.ingest, sql), DENIED, sql);
      }
    }
    for (const sql of [
      'CREATE TABLE mine (a int)',
      'CREATE INDEX mine ON drones (lat)',
      'ALTER TABLE drones ADD COLUMN mine int',
      'ALTER TABLE drones DISABLE TRIGGER ALL',
      'CREATE VIEW mine AS SELECT 1 AS a',
      'CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
      'CREATE SCHEMA mine',
      'CREATE ROLE mine',
      'DROP SCHEMA public',
      "INSERT INTO audit_log (action, result, username) VALUES ('a', 'b', 'c')",
      'SELECT * FROM audit_log',
      'SET ROLE dragonsink_maintain',
    ]) {
      equal(await refusal(database.ingest, sql), DENIED, sql);
    }
    equal(await refusal(database.maintain, 'CREATE TABLE later (a int)'), 'allowed');
    equal(await refusal(database.ingest, 'INSERT INTO later VALUES (1)'), 'allowed');
    equal(await refusal(database.ingest, 'DELETE FROM later'), DENIED);
  });

  test('applied again it changes nothing, also on a database that is in use', async (t) => {
    const database = await migrated(t);
    const rights = () =>
      database.query(`SELECT relname, relkind, relowner::regrole::text AS owner, acl.* FROM pg_class
        LEFT JOIN LATERAL aclexplode(relacl) AS acl ON true
        WHERE relnamespace = 'public'::regnamespace ORDER BY relname, grantee, privilege_type`);
    const before = await rights();
    equal(database.applyRoles(), '');
    deepEqual(await rights(), before);
  });

  test('passwords come from outside, or stay as they are', async (t) => {
    const database = newDatabase(t);
    database.applyRoles('-v', `ingest_password=it's`, '-v', 'maintain_password=b');
    const passwords = () =>
      database.query("SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'dragonsink%' ORDER BY 1");
    const set = await passwords();
    deepEqual(
      set.map(({ rolpassword }) => String(rolpassword).split('$')[0]),
      ['SCRAM-SHA-256', 'SCRAM-SHA-256'],
    );
    database.applyRoles();
    deepEqual(await passwords(), set);
    doesNotMatch(readFileSync(ROLES, 'utf8'), /PASSWORD '/);
  });

  for (const attribute of ['SUPERUSER', 'NOSUPERUSER']) {
    test(`tables of WarDragon Analytics whose owner is ${attribute}: what it says to run is enough`, async (t) => {
      const database = newDatabase(t);
      const owner = `analytics_${attribute.toLowerCase()}`;
      await database.query(`CREATE ROLE ${owner} LOGIN ${attribute}; GRANT CREATE ON SCHEMA public TO ${owner}`);
      psql(database.as(owner), '-c', ANALYTICS);
      const said = database.applyRoles();
      match(said, attribute === 'SUPERUSER' ? /ALTER TABLE public.drones OWNER/ : /GRANT analytics_nosuperuser TO/);
      const refused = await dragonsinkWith({}, 'migrate', '--database', database.maintain);
      deepEqual([refused.code, refused.out], [1, '']);
      match(refused.err, /must be owner of .*\nwhat to do: run: dragonsink migrate, .*config\/roles\.sql/);
      psql(database.url, '-c', said);
      equal(database.applyRoles(), '', 'nothing is left to be said');
      const { from, to } = await dragonsinkJson<{ from: number; to: number }>(
        'migrate',
        '--database',
        database.maintain,
      );
      deepEqual([from, to], [0, NEWEST]);
      const { publish } = await startServer(t, { DATABASE_URL: database.ingest });
      await publish(1);
      await eventually('its row', async () => (await countOf(database, 'drones')) === 1);
      // Analytics' own scripts go on as before.
      for (const sql of [
        'ALTER TABLE drones ADD COLUMN IF NOT EXISTS theirs int',
        'DELETE FROM drones',
        "INSERT INTO audit_log (action, result, username) VALUES ('a', 'b', 'c')",
      ]) {
        equal(await refusal(database.as(owner), sql), 'allowed', sql);
      }
      equal(await refusal(database.ingest, 'DELETE FROM drones'), DENIED);
      equal(await refusal(database.maintain, 'SET ROLE postgres'), DENIED);
    });
  }
});

suite('dragonsink server with two roles', () => {
  test('makes the tables as one, stores as the other, and deletes as the first', async (t) => {
    const database = newDatabase(t);
    database.applyRoles();
    const env = { DATABASE_URL: database.ingest, DATABASE_MAINTAIN_URL: database.maintain };
    const { server, start, ready, publish } = await startServer(t, env);
    await publish(1);
    await publish(2, { seen_by: 'wardragon-B' });
    await publish(3, { observed_at: 5 });
    await eventually('the rows', async () => (await countOf(database, 'drones')) === 2);
    await eventually('the reject', async () => (await countOf(database, 'ingest_rejects')) === 1);
    const owners = await database.query("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'");
    deepEqual(owners, [{ tableowner: 'dragonsink_maintain' }]);
    equal(await server.end(), 0, server.log());

    await database.query(
      `UPDATE drones SET time = time - interval '31 days' WHERE kit_id = 'wardragon-B';
       UPDATE ingest_keys SET time_us = time_us - ${31 * DAY_S}::bigint * 1000000 WHERE kit_id = 'wardragon-B'`,
    );
    const again = start();
    await ready(again, 2);
    await eventually('the old row is gone', async () => (await countOf(database, 'drones')) === 1);
    await eventually('its key too', async () => (await countOf(database, 'ingest_keys')) === 1);
    await eventually('it has said so', () => again.log().includes('deleted what is past its retention'));

    const failed = await dragonsinkWith(env, 'rejects', 'retry', '--all', '--json');
    deepEqual([failed.code, failed.err], [1, '']);
    await database.query(
      `UPDATE ingest_rejects SET payload = convert_to(replace(convert_from(payload, 'UTF8'), '"observed_at":5',
        '"observed_at":' || floor(extract(epoch FROM now()))::text), 'UTF8')`,
    );
    const retried = await dragonsinkWith(env, 'rejects', 'retry', '--all', '--json');
    equal(retried.code, 0, retried.err + retried.out);
    equal(await countOf(database, 'drones'), 2);
    const removed = await dragonsinkWith(env, 'kits', 'remove', KIT, '--data', '--yes', '--json');
    equal(removed.code, 0, removed.err);
    deepEqual((JSON.parse(removed.out) as { removed: { drones: number } }).removed.drones, 2);
    equal(await countOf(database, 'drones'), 0);
    for (const text of [server.log(), again.log(), removed.out, removed.err]) ok(!text.includes(SECRET), text);
  });

  test('works as the ingest role alone on a database of this version, and says once what it can not do', async (t) => {
    const database = await migrated(t);
    const env = { DATABASE_URL: database.ingest };
    const { server, publish } = await startServer(t, env);
    await publish(1);
    await eventually('the row', async () => (await countOf(database, 'drones')) === 1);
    const complaints = () => server.log().match(/what is past its retention stays: .*permission denied/g)?.length ?? 0;
    await eventually('its complaint', () => complaints() > 0);
    equal(complaints(), 1, server.log());
    match(server.log(), /name the role that owns the tables in DATABASE_MAINTAIN_URL/);
    for (const argv of [
      ['kits', 'remove', KIT, '--data', '--yes'],
      ['kits', 'remove', KIT, '--yes'],
    ]) {
      const { code, err } = await dragonsinkWith(env, ...argv);
      equal(code, 1);
      match(err, /permission denied.*\nwhat to do: name the role that owns the tables in DATABASE_MAINTAIN_URL/);
    }
    for (const argv of [['kits', 'list'], ['ledger'], ['rejects', 'list']]) {
      const { code, err } = await dragonsinkWith(env, ...argv, '--json');
      deepEqual([code, err], [0, '']);
    }
    await publish(2);
    await eventually('the next row', async () => (await countOf(database, 'drones')) === 2);
    equal(await server.end(), 0, server.log());
    ok(!server.log().includes(SECRET));
  });

  test('as the ingest role alone it ends where tables are missing, and says what makes them', async (t) => {
    const database = newDatabase(t);
    database.applyRoles();
    const { code, err } = await dragonsinkWith({ DATABASE_URL: database.ingest, HTTP_PORT: '0' }, 'server');
    equal(code, 1);
    match(err, /permission denied for schema public \(on the way from version 0 to \d+, at 1: /);
    match(err, /what to do: run: dragonsink migrate, with the owner of the tables in DATABASE_MAINTAIN_URL/);
    ok(!err.includes(SECRET), err);
    deepEqual(await database.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'"), []);
  });

  test('an owner who can not log in keeps nobody from storing', async (t) => {
    const database = await migrated(t);
    const env = { DATABASE_URL: database.ingest, DATABASE_MAINTAIN_URL: database.as('nobody_here') };
    const { server, publish } = await startServer(t, env);
    await publish(1);
    await eventually('the row', async () => (await countOf(database, 'drones')) === 1);
    await eventually('its complaint', () => /stays: .*role .*nobody_here.* does not exist/.test(server.log()));
    match(server.log(), /check the user and the password in DATABASE_MAINTAIN_URL/);
    ok(!server.log().includes(SECRET));
  });
});
