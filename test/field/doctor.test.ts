// `dragonsink doctor` as it is used: on a kit that does not run yet, beside one that runs, and on the server.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { Check } from '../../src/base/check.js';
import { freePort } from '../../src/simulate/ports.js';
import { assertCheck } from '../fixtures/assert-check.js';
import { makeCertificates } from '../fixtures/certificates.js';
import { Heard } from '../fixtures/heard.js';
import { Listener } from '../fixtures/listener.js';
import { type Broker, type BrokerOptions, startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, type KitFiles, kitFiles, MAIN, type Running, runDragonsink } from '../fixtures/processes.js';
import { dragonsink, type Ended } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KIT = 'wardragon-LAB0001';

interface Report {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly not_tried: readonly string[];
  readonly asked_running_kit: boolean;
}

interface Setup {
  readonly folder: string;
  readonly broker: Broker;
  readonly files: KitFiles;
  /** What the doctor finds, and how it ended. */
  examine(): Promise<{ code: number; report: Report; check: (name: string) => Check | undefined }>;
  kit(): Running;
  server(): Promise<void>;
}

interface SetupOptions {
  readonly broker?: BrokerOptions;
  readonly mqtt?: string[];
  readonly kit?: string[];
  readonly server?: Record<string, string>;
}

async function setUp(t: TestContext, options: SetupOptions = {}): Promise<Setup> {
  const heard = new Heard();
  const api = await heard.start();
  t.after(() => heard.stop());
  heard.hear('drone-1');
  const broker = await startMosquitto(options.broker, t);
  const folder = tempFolder(t);
  const files = await kitFiles(folder, api, broker.port, options);
  return {
    folder,
    broker,
    files,
    examine: async () => {
      const { code, out, err } = await dragonsink('doctor', '--config', files.configFile, '--json');
      assert.equal(err, '');
      const report = JSON.parse(out) as Report;
      return { code, report, check: (name) => report.checks.find(({ check }) => check === name) };
    },
    kit: () => runDragonsink(t, ['kit', '--config', files.configFile]),
    server: async () => {
      const env = serverEnv(folder, broker.port, options.server);
      const server = runDragonsink(t, ['server'], env);
      await eventually('a server', () => server.log().includes('connected to the broker'));
    },
  };
}

function serverEnv(folder: string, port: number, more: Record<string, string> = {}): Record<string, string> {
  return {
    DATABASE_URL: `sqlite:${join(folder, 'server.db')}`,
    MQTT_BROKER_PORT: String(port),
    SERVER_ID: 'server-1',
    ...more,
  };
}

function serverDoctor(env: Record<string, string>): Promise<Ended> {
  return new Promise((resolve) => {
    const all = { ...process.env, ...env };
    execFile(process.execPath, [MAIN, 'doctor', '--server', '--json'], { env: all }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const NAMES = [
  'config',
  'disk',
  'spool',
  'dragonsync',
  'kit id',
  'clock',
  'double publishing',
  'name',
  'tcp',
  'login',
  'limits',
  'publishing',
  'hearing',
];

/** Once it runs, and is connected. */
async function running({ files, kit }: Setup): Promise<Running> {
  const started = kit();
  await eventually('a connected kit', async () => {
    try {
      const response = await fetch(`http://127.0.0.1:${files.statusPort}/status`);
      return ((await response.json()) as { link: { connected: boolean } }).link.connected;
    } catch {
      return false;
    }
  });
  return started;
}

describe('dragonsink doctor, while no kit runs,', () => {
  test('finds a kit that was never started well, and does not make its spool', async (t) => {
    const setup = await setUp(t);
    const { code, report } = await setup.examine();
    assert.deepEqual(report.checks.map(({ check, status }) => [check, status]), NAMES.map((name) => [name, 'ok'])); // biome-ignore format: short
    assert.deepEqual(report.not_tried, ['round trip'], 'there is no spool yet to speak for');
    assert.deepEqual([code, report.ok, report.asked_running_kit], [0, true, false]);
    assert.deepEqual(readdirSync(setup.folder), ['config.ini'], 'what root makes, the kit could not write to');
  });

  test('has the server answer, and the ledger is as if a kit had started and stopped', async (t) => {
    const setup = await setUp(t);
    await setup.server();
    const kit = await running(setup);
    await eventually('a row', async () => (await ledger(setup)).rows > 0);
    assert.equal(await kit.end('SIGTERM'), 0);
    for (let i = 0; i < 3; i += 1) {
      const { code, check } = await setup.examine();
      assertCheck(check('round trip'), 'ok', /and back in \d+ ms/);
      assert.equal(code, 0);
    }
    const again = await running(setup);
    const { check } = await setup.examine();
    assertCheck(check('round trip'), 'ok', /ms/);
    await again.end('SIGTERM');
    assert.equal((await ledger(setup)).missing, 0);
  });

  test('says what to do when no server has ever been there', async (t) => {
    const setup = await setUp(t);
    const kit = await running(setup);
    await kit.end('SIGTERM');
    const { code, report, check } = await setup.examine();
    assertCheck(check('round trip'), 'fail', /no server/, /start dragonsink server/);
    assert.deepEqual([code, report.ok], [3, false]);
  });

  test('says what to do about a wrong password', async (t) => {
    const broker = { users: { kit: 'right' } };
    const setup = await setUp(t, { broker, mqtt: ['mqtt_username = kit', 'mqtt_password = wr0ng-s3cret'] });
    const { code, report, check } = await setup.examine();
    assertCheck(check('login'), 'fail', /refused the credentials/, /user name and password/);
    assert.deepEqual(report.not_tried, ['limits', 'publishing', 'hearing', 'round trip']);
    assert.equal(code, 3);
    assert.ok(!JSON.stringify(report).includes('wr0ng-s3cret'));
  });

  test('says when nobody listens, and does not try what needs somebody', async (t) => {
    const setup = await setUp(t);
    await setup.broker.stop();
    const { code, report, check } = await setup.examine();
    assertCheck(check('tcp'), 'fail', /nothing listens/, /start the broker/);
    assert.deepEqual(report.not_tried, ['login', 'limits', 'publishing', 'hearing', 'round trip']);
    assert.equal(code, 3);
  });

  test('goes through TLS, and stops at a CA that is not trusted', async (t) => {
    const folder = tempFolder(t);
    const { caFile, server } = makeCertificates(folder);
    const tls = ['mqtt_tls = true', `mqtt_ca_file = ${caFile}`];
    const good = await setUp(t, { broker: { tls: { caFile, ...server } }, mqtt: tls });
    const { code, check } = await good.examine();
    assertCheck(check('tls'), 'warn', /days? only/);
    assertCheck(check('login'), 'ok', new RegExp(KIT));
    assert.equal(code, 0, 'a warning alone');

    const other = makeCertificates(tempFolder(t));
    const bad = await setUp(t, {
      broker: { tls: { caFile, ...server } },
      mqtt: ['mqtt_tls = true', `mqtt_ca_file = ${other.caFile}`],
    });
    const found = await bad.examine();
    assertCheck(found.check('tls'), 'fail', /not trusted/, /mqtt_ca_file/);
    assert.equal(found.check('login'), undefined);
    assert.equal(found.code, 3);
  });

  test('prints lines for people, with the fix below each that needs one', async (t) => {
    const setup = await setUp(t);
    await setup.broker.stop();
    const { code, out } = await dragonsink('doctor', '--config', setup.files.configFile);
    assert.equal(code, 3);
    assert.match(out, /^ok {4}config {13}\S+config\.ini$/m);
    assert.match(out, /^fail {2}tcp {16}nothing listens at .*\n {25}fix: start the broker/m);
    assert.match(
      out,
      /\n8 ok, 0 to look at, 1 failed\nnot tried, .*: login, limits, publishing, hearing, round trip\n$/,
    );
  });

  test('says all that is wrong with the configuration, and ends with 3', async (t) => {
    const config = join(tempFolder(t), 'config.ini');
    writeFileSync(config, '[MQTT]\nmqtt_hots = x\nmqtt_port = none\n');
    const { code, out } = await dragonsink('doctor', '--config', config, '--json');
    const { checks } = JSON.parse(out) as Report;
    assert.deepEqual(checks.map(({ check, status }) => [check, status]), [
      ['config', 'fail'],
      ['config', 'warn'],
      ['config', 'fail'],
    ]); // biome-ignore format: a table
    assert.equal(code, 3);
  });
});

async function ledger({ folder }: Setup): Promise<{ rows: number; missing: number }> {
  const database = `sqlite:${join(folder, 'server.db')}`;
  const { out } = await dragonsink('ledger', '--database', database, '--json');
  const { rows, entries } = JSON.parse(out) as { rows: Record<string, number>; entries: { missing: unknown[] }[] };
  const sum = Object.values(rows).reduce((a, b) => a + b, 0);
  return { rows: sum, missing: entries.reduce((count, { missing }) => count + missing.length, 0) };
}

describe('dragonsink doctor, while a kit runs,', () => {
  test('asks it, and does not push it off', async (t) => {
    const setup = await setUp(t);
    const listener = await Listener.on(setup.broker.port);
    t.after(() => listener.stop());
    await setup.server();
    const kit = await running(setup);
    const { code, report, check } = await setup.examine();
    assertCheck(check('login'), 'ok', /is connected/);
    assertCheck(check('round trip'), 'ok', /and back in \d+ ms/);
    assert.deepEqual(report.checks.map((one) => one.check), [...NAMES, 'round trip']); // biome-ignore format: short
    assert.deepEqual([code, report.not_tried, report.asked_running_kit], [0, [], true]);
    const status = (await (await fetch(`http://127.0.0.1:${setup.files.statusPort}/status`)).json()) as {
      link: { reconnects: number };
    };
    assert.equal(status.link.reconnects, 0);
    assert.ok(!setup.broker.log().includes('already connected'), 'no second client of this name');
    assert.deepEqual(listener.on(`wardragon/service/${KIT}/availability`).map(({ payload }) => payload), ['online', '']); // biome-ignore format: short
    assert.equal(await kit.end('SIGTERM'), 0);
  });

  test('lets it say what the broker does not allow it', async (t) => {
    const acl = [
      'user kit',
      'topic write wardragon/sink/#',
      'topic write wardragon/system/#',
      'topic write wardragon/service/#',
      'topic read wardragon/ingest/#',
      'user server',
      'topic readwrite wardragon/#',
    ];
    const setup = await setUp(t, {
      broker: { users: { kit: 'secret', server: 'secret' }, acl: `${acl.join('\n')}\n` },
      mqtt: ['mqtt_username = kit', 'mqtt_password = secret'],
      server: { MQTT_USERNAME: 'server', MQTT_PASSWORD: 'secret' },
    });
    await setup.server();
    await running(setup);
    const { code, check } = await setup.examine();
    assertCheck(
      check('publishing'),
      'fail',
      /not allowed on wardragon\/drones, wardragon\/aircraft, wardragon\/signals/,
    );
    assertCheck(check('round trip'), 'fail', /says that it is there/, /wardragon\/sink\/wardragon-LAB0001\/ack/);
    assert.equal(code, 3);
  });

  test('lets it say why it is not connected', async (t) => {
    const broker = { users: { kit: 'right' } };
    const setup = await setUp(t, { broker, mqtt: ['mqtt_username = kit', 'mqtt_password = wrong'] });
    const kit = setup.kit();
    await eventually('a refusal', () => kit.log().includes('refused the credentials'));
    const { code, report, check } = await setup.examine();
    assertCheck(check('login'), 'fail', /refused the credentials/, /user name and password/);
    assert.deepEqual([code, report.asked_running_kit], [3, true]);
    const { out } = await dragonsink('status', '--config', setup.files.configFile);
    assert.match(out, /^problem {4}not connected to the broker: .*refused the credentials/m);
  });

  test('does not log in beside one that serves no status', async (t) => {
    const setup = await setUp(t);
    writeFileSync(
      setup.files.configFile,
      readFileSync(setup.files.configFile, 'utf8').replace(/status_port = \d+/, 'status_port = 0'),
    );
    const kit = setup.kit();
    await eventually('a connected kit', () => kit.log().includes('connected to the broker'));
    const { code, check } = await setup.examine();
    assertCheck(check('login'), 'fail', /would be pushed off/, /status_port/);
    assert.equal(code, 3);
    assert.ok(!setup.broker.log().includes('already connected'));
  });
});

describe('dragonsink doctor --server', () => {
  test('looks at database, broker and rights while none runs, and harms no session', async (t) => {
    const { folder, broker } = await setUp(t);
    const env = serverEnv(folder, broker.port, { HTTP_PORT: String(await freePort()) });
    const none = await serverDoctor(env);
    assert.equal(none.code, 0, none.out);
    assert.match(none.out, /"database","status":"warn"/);
    const server = runDragonsink(t, ['server'], env);
    await eventually('a server', () => server.log().includes('connected to the broker'));
    const beside = JSON.parse((await serverDoctor(env)).out) as Report;
    assertCheck(beside.checks.find(({ check }) => check === 'login'), 'ok', /running server is connected/); // biome-ignore format: short
    assertCheck(beside.checks.find(({ check }) => check === 'database'), 'ok', /schema version \d+, store [0-9a-f]{32}/); // biome-ignore format: short
    assert.ok(!broker.log().includes('already connected'));
    await server.end('SIGTERM');
    const after = JSON.parse((await serverDoctor(env)).out) as Report;
    assert.deepEqual(after.checks.filter(({ status }) => status !== 'ok').map(({ check }) => check), ['http']); // biome-ignore format: short
    assertCheck(after.checks.find(({ check }) => check === 'login'), 'ok', /, with a session/); // biome-ignore format: short
  });

  test('says what is wrong: a database that is away, a wrong password', async (t) => {
    const { broker, folder } = await setUp(t, { broker: { users: { server: 'right' } } });
    const env = serverEnv(folder, broker.port, {
      HTTP_PORT: String(await freePort()),
      DATABASE_URL: `postgres://dragonsink:wr0ng-s3cret@127.0.0.1:${await freePort()}/wardragon`,
      MQTT_USERNAME: 'server',
      MQTT_PASSWORD: 'wr0ng-s3cret',
    });
    const { code, out } = await serverDoctor(env);
    const { checks } = JSON.parse(out) as Report;
    assertCheck(checks.find(({ check }) => check === 'login'), 'fail', /refused the credentials/, /user name/); // biome-ignore format: short
    assertCheck(checks.find(({ check }) => check === 'database'), 'fail', /127\.0\.0\.1/, /./); // biome-ignore format: short
    assert.equal(code, 3);
    assert.ok(!out.includes('wr0ng-s3cret'));
  });
});
