// What DATABASE_URL says beside the place of the database: whom TLS trusts, and how long a statement may take.
import { deepEqual, equal, match, ok, rejects as throws } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, suite, type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { Client } from 'pg';
import { openStore } from '../../src/server/stores/open-store.js';
import { freePort } from '../../src/simulate/ports.js';
import { makeCertificates } from '../fixtures/certificates.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { harnessOf, usePostgres } from '../fixtures/postgres-harness.js';
import { eventually, runDragonsink } from '../fixtures/processes.js';
import { dragonsink, dragonsinkWith } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { batch, drone } from '../unit/server/store-batches.js';

const SECRET = 'hunter2';

const postgres = usePostgres();

function withParameters(url: string, parameters: Record<string, string>): string {
  const changed = new URL(url);
  changed.password = SECRET;
  for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value);
  return changed.href;
}

suite('sslmode', () => {
  let database = '';
  before(() => {
    database = postgres().createDatabase();
  });
  const migrate = (parameters: Record<string, string>) =>
    dragonsink('migrate', '--database', withParameters(database, parameters));

  /** It is refused before anything is sent, and said with what to do. */
  async function refused(parameters: Record<string, string>, message: RegExp, hint: RegExp): Promise<void> {
    const { code, out, err } = await migrate(parameters);
    deepEqual([code, out], [1, '']);
    const [what = '', todo = '', ...more] = err.trimEnd().split('\n');
    match(what, message);
    match(todo, hint);
    deepEqual(more, [], 'no warning of pg beside it');
    ok(!err.includes(SECRET), err);
  }

  test('a database without TLS is refused, and not tried without it', async () => {
    for (const sslmode of ['verify-full', 'require']) {
      await refused({ sslmode }, /does not support SSL/, /switch TLS on in the database \(ssl = on/);
    }
  });

  test('verify-full takes the right CA and name alone, and every mode that checks is as strict', async (t) => {
    const [folder, other, foreign] = [tempFolder(t), tempFolder(t), tempFolder(t)];
    const { caFile, server } = makeCertificates(folder);
    const { caFile: wrongCa } = makeCertificates(other);
    await postgres().useTls(server);
    for (const sslmode of ['verify-full', 'verify-ca', 'require']) {
      const { code, err } = await migrate({ sslmode, sslrootcert: caFile });
      deepEqual([code, err], [0, ''], sslmode);
      await refused({ sslmode, sslrootcert: wrongCa }, /certificate/, /name the CA that signed .*sslrootcert=<file>/);
      await refused({ sslmode }, /certificate/, /name the CA that signed .*sslrootcert=<file>/);
    }
    const encrypted = harnessOf(t, withParameters(database, { sslmode: 'verify-full', sslrootcert: caFile }));
    deepEqual(await encrypted.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'), [{ ssl: true }]);
    const missing = join(folder, 'none.pem');
    await refused({ sslmode: 'verify-full', sslrootcert: missing }, /none\.pem/, /sslrootcert.* must be there/);

    const named = makeCertificates(foreign, 'client', 'DNS:db.example');
    await postgres().useTls(named.server);
    for (const sslmode of ['verify-full', 'verify-ca', 'require']) {
      const parameters = { sslmode, sslrootcert: named.caFile };
      await refused(parameters, /127\.0\.0\.1/, /name the host as its certificate does, .*subjectAltName/);
    }
    const { code } = await migrate({ sslmode: 'no-verify' });
    equal(code, 0, 'encrypted, and whoever answers is believed');
  });

  test('the setting that is wrong is named', async (t) => {
    const folder = tempFolder(t);
    const { server } = makeCertificates(folder);
    await postgres().useTls(server);
    const env = { DATABASE_URL: database, DATABASE_MAINTAIN_URL: withParameters(database, { sslmode: 'verify-full' }) };
    const { code, err } = await dragonsinkWith(env, 'migrate');
    equal(code, 1);
    match(err, /what to do: name the CA .* in DATABASE_MAINTAIN_URL/);
  });

  test('a password from a file, over TLS, is in no output of the server', async (t) => {
    const folder = tempFolder(t);
    const { caFile, server } = makeCertificates(folder);
    await postgres().useTls(server);
    const parameters = { sslmode: 'verify-full', sslrootcert: caFile };
    const file = join(folder, 'url');
    writeFileSync(file, withParameters(database, parameters), { mode: 0o600 });
    const env = { DATABASE_URL_FILE: file, DATABASE_MAINTAIN_URL_FILE: file, MQTT_INGEST_ENABLED: 'false' };
    const running = runDragonsink(t, ['server'], env);
    await eventually('the database is open', () => running.log().includes('the database is open'));
    equal(await running.end(), 0, running.log());
    ok(!running.log().includes(SECRET), running.log());
  });
});

suite('statement_timeout', () => {
  async function holding(t: TestContext, url: string): Promise<Client> {
    const client = new Client({ connectionString: url });
    await client.connect();
    t.after(() => client.end());
    await client.query('BEGIN; LOCK TABLE ingest_ledger');
    return client;
  }

  test('ends a statement that hangs: an outage, tried again, with nothing stored by halves', async (t) => {
    const database = postgres().createDatabase();
    const store = await openStore(withParameters(database, { statement_timeout: '300' }));
    t.after(() => store.close());
    const blocker = await holding(t, database);
    const startedMs = performance.now();
    await throws(store.commit(batch(drone())), { code: 'timeout', retryable: true, hint: /a lock is held/ });
    const tookMs = performance.now() - startedMs;
    ok(tookMs >= 250 && tookMs < 5_000, `${tookMs} ms`);
    await blocker.query('ROLLBACK');
    equal((await store.commit(batch(drone()))).counts.drone.stored, 1);
  });

  test('does not shorten a migration, which takes as long as it takes', async (t) => {
    const database = postgres().createDatabase();
    await (await openStore(database)).close();
    const { query } = harnessOf(t, database);
    await query("UPDATE ingest_meta SET value = '2' WHERE key = 'schema_version'; DROP TABLE audit_log");
    await query(`
      CREATE FUNCTION slowly() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); END $$;
      CREATE EVENT TRIGGER slowly ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION slowly()`);
    await (await openStore(withParameters(database, { statement_timeout: '300' }))).close();
    await query('DROP TABLE audit_log');
    await query("UPDATE ingest_meta SET value = '2' WHERE key = 'schema_version'");
    const limited = withParameters(database, { statement_timeout: '300' });
    const failure = { code: 'timeout', message: /on the way from version 2/ };
    await throws(openStore(database, { maintainUrl: limited }), failure);
  });

  test('that is no number of milliseconds is refused', async () => {
    const database = postgres().createDatabase();
    for (const statement_timeout of ['30s', '0', '-1', '', '1e9']) {
      const url = withParameters(database, { statement_timeout });
      await throws(openStore(url), { code: 'url', hint: /statement_timeout=30000/ }, statement_timeout);
    }
  });

  test('the server says it once, counts it as an outage, and stores what waited', async (t) => {
    const database = postgres().createDatabase();
    await (await openStore(database)).close();
    const { query } = harnessOf(t, database);
    const broker = await startMosquitto({}, t);
    const port = await freePort();
    const server = runDragonsink(t, ['server'], {
      DATABASE_URL: withParameters(database, { statement_timeout: '300' }),
      MQTT_BROKER_PORT: String(broker.port),
      SERVER_ID: 'test',
      HTTP_PORT: String(port),
    });
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => null);
      return { status: response?.status, text: (await response?.text()) ?? '' };
    };
    const failures = async (): Promise<number> =>
      Number(/^dragonsink_commit_failures_total (\d+)$/m.exec((await get('/metrics')).text)?.[1] ?? 0);
    await eventually('ready', async () => (await get('/readyz')).status === 200);
    const blocker = await holding(t, database);
    const client = await connectAsync(broker.url, { protocolVersion: 5 }, false);
    t.after(() => client.endAsync());
    const sink = { v: 1, epoch: '00000001abcdef01', seq: 1 };
    const observed_at = Math.floor(Date.now() / 1_000) - 10;
    const message = { id: 'drone-1', seen_by: 'wardragon-A', observed_at, lat: 1, lon: 2, sink };
    await client.publishAsync('wardragon/drones', JSON.stringify(message), { qos: 1 });
    await eventually('two tries', async () => (await failures()) >= 2);
    equal((await get('/readyz')).status, 503);
    equal(server.log().match(/statement timeout; trying again/g)?.length, 1, server.log());
    await blocker.query('ROLLBACK');
    await eventually('the row', async () => (await query('SELECT 1 FROM drones')).length === 1);
    await eventually('ready again', async () => (await get('/readyz')).status === 200);
    deepEqual(await query('SELECT 1 FROM ingest_rejects'), []);
  });
});
