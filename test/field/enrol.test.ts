// From `dragonsink enrol` on a server to a kit's detections in the database, and what an intruder gets in: nothing.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { renewDueCommand } from '../../src/cli/enrol-renew.js';
import type { KitStatus } from '../../src/schema/status.js';
import { encodeFrame } from '../../src/schema/stream-frame.js';
import { streamTopic } from '../../src/schema/topics.js';
import { makeChain } from '../fixtures/certificates.js';
import { type Enrolled, type Kind, startFleet, type TestFleet } from '../fixtures/fleet.js';
import { Heard } from '../fixtures/heard.js';
import { eventually, type KitFiles, kitFiles, type Running, runDragonsink } from '../fixtures/processes.js';
import { dragonsink, dragonsinkJson, dragonsinkWith } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KIT = 'wardragon-LAB0001';
const DAY_MS = 86_400_000;

interface Setup {
  readonly fleet: TestFleet;
  readonly heard: Heard;
  readonly kit: KitFiles;
  readonly database: string;
  /** Where the server's settings and credential are. */
  readonly serverFolder: string;
  startKit(env?: NodeJS.ProcessEnv): Running;
  startServer(env?: NodeJS.ProcessEnv): Running;
  drones(): Promise<number>;
}

/** A fleet with a server and a kit, each with what `enrol --apply` wrote. */
async function setUp(t: TestContext, fleet: TestFleet, credential?: Enrolled): Promise<Setup> {
  const heard = new Heard();
  const api = await heard.start();
  t.after(() => heard.stop());
  const folder = tempFolder(t);
  const kit = await kitFiles(join(folder, 'kit'), api, 1);
  const database = `sqlite:${join(folder, 'server.db')}`;
  const serverFolder = join(folder, 'server');
  await apply(await fleet.enrol('--server', 'main'), serverFolder);
  await apply(credential ?? (await fleet.enrol(KIT)), dirname(kit.configFile));
  const variables = readFileSync(join(serverFolder, 'server.env'), 'utf8').matchAll(/^(\w+)=(.*)$/gm);
  const env = Object.fromEntries([...variables].map(([, name, value]) => [name, value]));
  return {
    fleet,
    heard,
    kit,
    database,
    serverFolder,
    startKit: (more = {}) => runDragonsink(t, ['kit', '--config', kit.configFile], more),
    startServer: (more = {}) =>
      runDragonsink(t, ['server'], { ...env, DATABASE_URL: database, FLEET_DIR: fleet.folder, ...more }),
    drones: async () => {
      const { code, out } = await dragonsink('ledger', '--database', database, '--json');
      return code === 0 ? (JSON.parse(out) as { rows: { drone: number } }).rows.drone : 0;
    },
  };
}

async function apply({ file }: Enrolled, folder: string): Promise<void> {
  const { code, err } = await dragonsink('enrol', '--apply', file, '--config-dir', folder);
  assert.equal(code, 0, err);
}

for (const kind of ['password', 'mtls'] as Kind[]) {
  test(`a kit enrolled with ${kind} is connected, its detections are stored, and revoked it stays out`, async (t) => {
    const { fleet, heard, kit, startKit, startServer, drones } = await setUp(t, await startFleet(t, kind));
    const server = startServer();
    const running = startKit();
    for (let i = 0; i < 5; i += 1) heard.hear(`drone-${i}`);
    await eventually('stored', async () => (await drones()) === 5);
    assert.doesNotMatch(running.log() + server.log(), /not allowed/, 'the rules leave out nothing that is used');
    const { code, err } = await fleet.revoke(KIT);
    assert.equal(code, 0, err);
    heard.hear('drone-late');
    await eventually('a kit that is shut out', async () => {
      const { code: degraded, out } = await dragonsink('status', '--config', kit.configFile);
      return degraded === 3 && /not connected to the broker/.test(out) && /waiting +[1-9]/.test(out);
    });
    // The server was let in again; the kit waits with what it has.
    await apply(await fleet.enrol(KIT), dirname(kit.configFile));
    assert.equal(await running.end(), 0, running.log());
    startKit();
    await eventually('stored after all', async () => (await drones()) === 6, 60_000);
    assert.equal(await server.end(), 0, server.log());
  });
}

test('a kit trusts a broker by a well-known CA through an intermediate one', async (t) => {
  let root = '';
  const prepare = (folder: string): void => {
    const chain = makeChain(tempFolder(t));
    root = chain.rootFile;
    writeFileSync(join(folder, 'broker.crt'), readFileSync(chain.chainFile));
    writeFileSync(join(folder, 'broker.key'), readFileSync(chain.keyFile), { mode: 0o644 });
  };
  const fleet = await startFleet(t, 'mtls', { init: ['--public-ca'], prepare });
  const { heard, kit, startKit, startServer, drones } = await setUp(t, fleet);
  const wellKnown = { NODE_EXTRA_CA_CERTS: root };
  startServer(wellKnown);
  const stranger = startKit();
  await eventually('a chain that is not known', () => /unable to get local issuer certificate/.test(stranger.log()));
  await stranger.end();
  startKit(wellKnown);
  heard.hear('drone-1');
  await eventually('stored', async () => (await drones()) === 1, 60_000);
  const { code, out } = await dragonsinkWith(wellKnown, 'doctor', '--config', kit.configFile);
  assert.equal(code, 0, out);
  // The fixture's chain is for two days: it is trusted, and its end is near.
  assert.match(out, /^warn +tls +the certificate of CN=(localhost|between) is good until .* only$/m);
  assert.match(out, /^ok +certificate +ours is /m);
  assert.match(out, /^ok +round trip /m);
});

test('a certificate is renewed before it ends: the kit is handed the next one, and connects with it', async (t) => {
  const fleet = await startFleet(t, 'mtls');
  const { heard, kit, serverFolder, startKit, startServer, drones } = await setUp(t, fleet);
  const server = startServer();
  const running = startKit();
  heard.hear('drone-1');
  await eventually('stored', async () => (await drones()) === 1);
  const endsAt = async (): Promise<string> => {
    const { out } = await dragonsink('status', '--json', '--config', kit.configFile);
    return (JSON.parse(out) as KitStatus).link.certificate_ends_at ?? '';
  };
  const folder = dirname(kit.configFile);
  const serialOf = (file: string): string => new X509Certificate(readFileSync(file)).serialNumber;
  const serverCert = join(serverFolder, 'server.crt');
  const before = { endsAt: await endsAt(), enrolled: serialOf(join(folder, 'kit.crt')), server: serialOf(serverCert) };
  assert.ok(Date.parse(before.endsAt) > Date.now() + 364 * DAY_MS);
  const due = { fleet: fleet.folder, configDir: serverFolder, json: true };
  const nothing = await fleet.command('--renew-due', '--config-dir', serverFolder);
  assert.deepEqual([nothing.code, nothing.out, nothing.err], [0, 'nothing is due\n', '']);
  // What the timer runs, 300 days later.
  assert.equal(await renewDueCommand(due, Date.now() + 300 * DAY_MS), 0);
  const renewedFile = join(folder, 'kit-renewed.crt');
  await eventually('the next one', () => existsSync(renewedFile), 60_000);
  await eventually('it is used', async () => (await endsAt()) > before.endsAt);
  assert.equal(serialOf(join(folder, 'kit.crt')), before.enrolled, 'the one of the enrolment stays');
  assert.notEqual(serialOf(renewedFile), before.enrolled);
  assert.notEqual(serialOf(serverCert), before.server);
  assert.equal(statSync(serverCert).mode & 0o777, 0o640);
  heard.hear('drone-2');
  await eventually('stored with it', async () => (await drones()) === 2);
  assert.equal(running.log().match(/a server has handed over a new certificate/g)?.length, 1);
  // Both processes start with what they have now, and the old ones are not needed for it.
  assert.deepEqual([await running.end(), await server.end()], [0, 0]);
  startServer();
  startKit();
  heard.hear('drone-3');
  await eventually('stored after a restart', async () => (await drones()) === 3, 60_000);
  // Nine years later it is the broker's turn, which presents the new one at once.
  const presented = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ port: fleet.port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
        socket.destroy();
      });
      socket.on('error', reject);
    });
  const old = await presented();
  assert.equal(await renewDueCommand(due, Date.now() + 3_300 * DAY_MS), 0);
  const broker = serialOf(join(fleet.folder, 'broker.crt'));
  assert.notEqual(broker, old);
  await eventually('the broker presents it', async () => (await presented()) === broker);
  // One that is shut out is shut out with all it was ever given.
  assert.equal((await fleet.revoke(KIT)).code, 0);
  await eventually('a kit that is shut out', async () => {
    const { out } = await dragonsink('status', '--config', kit.configFile);
    return /not connected to the broker/.test(out);
  });
});

describe('the key of a certificate', () => {
  test('may be made on the kit and stay there', async (t) => {
    const fleet = await startFleet(t, 'mtls');
    const folder = join(tempFolder(t), 'etc');
    mkdirSync(folder);
    const [key, csr] = [join(folder, 'kit.key'), join(folder, 'kit.csr')];
    const how = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=whatever'];
    execFileSync('openssl', ['req', '-new', ...how, '-keyout', key, '-out', csr], { stdio: 'ignore' });
    const made = readFileSync(key, 'utf8');
    const credential = await fleet.enrol(KIT, '--csr', csr);
    assert.equal(credential.content.key_pem, undefined);
    await apply(credential, folder);
    assert.equal(readFileSync(key, 'utf8'), made);
    const config = readFileSync(join(folder, 'config.ini'), 'utf8');
    assert.match(config, new RegExp(`mqtt_keyfile = ${key}`));
    const { content } = credential;
    const client = await fleet.connect({ content: { ...content, key_pem: made } });
    await client.publishAsync(`wardragon/sink/${KIT}/status`, '', { qos: 1 });
    // Wherever one stands.
    const fromHere = relative(process.cwd(), folder);
    assert.equal((await dragonsink('enrol', '--apply', credential.file, '--config-dir', fromHere)).code, 0);
    assert.equal(readFileSync(join(folder, 'config.ini'), 'utf8'), config);
    const elsewhere = await dragonsink('enrol', '--apply', credential.file, '--config-dir', join(folder, 'other'));
    assert.equal(elsewhere.code, 1);
    assert.match(elsewhere.err, /the private key of this certificate is not here/);
    assert.ok(!existsSync(join(folder, 'other', 'config.ini')));
  });
});

describe('an enrolment', () => {
  test('makes files for their owner and group alone', async (t) => {
    const fleet = await startFleet(t, 'mtls');
    const credential = await fleet.enrol(KIT);
    const folder = join(tempFolder(t), 'etc');
    await apply(credential, folder);
    const mode = (file: string): number => statSync(file).mode & 0o777;
    assert.equal(mode(credential.file), 0o600);
    for (const name of ['ca.pem', 'kit.crt', 'kit.key', 'config.ini'])
      assert.equal(mode(join(folder, name)), 0o640, name);
    assert.equal(mode(join(fleet.folder, 'ca.key')), 0o600);
    for (const name of ['broker.key', 'passwords', 'acl']) assert.equal(mode(join(fleet.folder, name)), 0o640, name);
  });

  test('that is damaged, for another kit, or for a reader changes nothing and says why', async (t) => {
    const fleet = await startFleet(t, 'password');
    const folder = join(tempFolder(t), 'etc');
    const ours = await fleet.enrol(KIT);
    await apply(ours, folder);
    const before = readFileSync(join(folder, 'config.ini'), 'utf8');
    const damaged = join(folder, 'damaged.json');
    writeFileSync(damaged, readFileSync(ours.file, 'utf8').slice(0, -20));
    const cases: [string, RegExp][] = [
      [damaged, /no enrolment file, or it is damaged[\s\S]*copy it again/],
      [(await fleet.enrol('wardragon-B')).file, /for the kit wardragon-B, and this one is wardragon-LAB0001/],
      [(await fleet.enrol('--reader', 'board')).file, /for the reader board/],
      [join(folder, 'nowhere.json'), /nowhere\.json/],
    ];
    for (const [file, why] of cases) {
      const { code, err } = await dragonsink('enrol', '--apply', file, '--config-dir', folder);
      assert.equal(code, 1, err);
      assert.match(err, why);
      assert.match(err, /what to do: /);
    }
    assert.equal(readFileSync(join(folder, 'config.ini'), 'utf8'), before);
  });

  test('can’t be had twice, under the topics of another, or from a fleet that is not there', async (t) => {
    const fleet = await startFleet(t, 'mtls');
    await fleet.enrol('wardragon.A');
    const cases: [string[], RegExp][] = [
      [['wardragon.A'], /already[\s\S]*--renew/],
      [['wardragon_A'], /wardragon_A is wardragon_A to the broker, and so is wardragon\.A/],
      [['wardragon-new', '--renew'], /is no kit of this fleet/],
      [['not a kit'], /can't be a kit id/],
      [['wardragon-unknown'], /can't be a kit id/],
      [['wardragon-C', '--csr', join(fleet.folder, 'ca.pem')], /no certificate signing request/],
      [['--init', 'other'], /there is a fleet in/],
    ];
    for (const [argv, why] of cases) {
      const { code, err } = await fleet.command(...argv);
      assert.equal(code, 1, argv.join(' '));
      assert.match(err, why);
    }
    const nowhere = await dragonsink('enrol', KIT, '--fleet', join(fleet.folder, 'nowhere'));
    assert.match(nowhere.err, /there is no fleet in[\s\S]*enrol --init/);
    const { members } = await dragonsinkJson<{ members: { name: string }[] }>(
      'enrol',
      '--list',
      '--fleet',
      fleet.folder,
    );
    assert.deepEqual(members.map(({ name }) => name), ['wardragon.A']); // biome-ignore format: short
  });

  test('of many at once loses none: who comes too late is told so', async (t) => {
    const fleet = await startFleet(t, 'mtls');
    const names = Array.from({ length: 6 }, (_, i) => `wardragon-${i}`);
    const all = await Promise.all(
      names.map((name) => fleet.command(name, '--out', join(fleet.folder, `${name}.json`))),
    );
    const made = names.filter((_, i) => all[i]?.code === 0);
    assert.ok(made.length > 0);
    for (const { code, err } of all)
      if (code !== 0) assert.match(err, /another process is changing the fleet\nwhat to do: try again/);
    const { members } = await dragonsinkJson<{ members: { name: string }[] }>(
      'enrol',
      '--list',
      '--fleet',
      fleet.folder,
    );
    assert.deepEqual(members.map(({ name }) => name).sort(), made);
  });

  test('of the broker can be renewed, with other names, and its kits go on', async (t) => {
    const fleet = await startFleet(t, 'mtls');
    const kit = await fleet.enrol(KIT);
    const namesOf = (): string =>
      new X509Certificate(readFileSync(join(fleet.folder, 'broker.crt'))).subjectAltName?.replaceAll(
        'IP Address',
        'IP',
      ) ?? '';
    assert.equal(namesOf(), 'IP:127.0.0.1, DNS:localhost, IP:0:0:0:0:0:0:0:1');
    const names = ['--init', 'localhost', '--names', 'broker.example,192.0.2.7', '--port', String(fleet.port)];
    const { code, err } = await fleet.command(...names, '--renew', '--days', '7');
    assert.equal(code, 0, err);
    assert.equal(namesOf(), 'DNS:localhost, DNS:broker.example, IP:192.0.2.7, IP:127.0.0.1, IP:0:0:0:0:0:0:0:1');
    assert.ok((await fleet.connect(kit)).connected);
    assert.equal((await fleet.enrol('wardragon-new')).content.broker.host, 'localhost');
    for (const bad of ['a b', 'mqtt://a', 'a:1', 'a\nb', '-a']) {
      const wrong = await fleet.command('--init', 'localhost', `--names=${bad}`, '--renew');
      assert.match(wrong.err, /is no host name and no address/, bad);
    }
  });

  test('into a folder that the broker can not pass says so', { skip: process.getuid?.() !== 0 }, async (t) => {
    const folder = tempFolder(t);
    const { err } = await dragonsink('enrol', '--init', 'localhost', '--fleet', join(folder, 'fleet'));
    assert.equal(err, `the broker can't get there: chmod o+x ${folder}\n`);
  });

  test('says when the broker could not be told that somebody is shut out', async (t) => {
    const fleet = await startFleet(t, 'mtls', { init: ['--tell-broker', 'echo no such unit >&2; exit 5'] });
    await fleet.enrol(KIT);
    const { code, err } = await fleet.revoke(KIT);
    assert.equal(code, 1);
    assert.match(err, /could not be told .*no such unit\nwhat to do: restart the broker now/);
    await fleet.broker('reload');
  });
});

test('the server believes an enrolled kit on its own topics alone', async (t) => {
  const config = ['drones', 'aircraft'].map((name) => `pattern write wardragon/${name}`);
  const fleet = await startFleet(t, 'password');
  writeFileSync(join(fleet.folder, 'acl'), `${config.join('\n')}\n`, { flag: 'a' });
  const { database, startServer, drones } = await setUp(t, fleet);
  const credential = await fleet.enrol('wardragon-B');
  const server = startServer();
  const intruder = await fleet.connect(credential);
  const hello = new Promise((resolve) => intruder.once('message', resolve));
  await intruder.subscribeAsync('wardragon/ingest/+/hello');
  await hello;
  const message = (kitId: string, seq: number): string =>
    JSON.stringify({
      ...{ id: `drone-${kitId}`, observed_at: Date.now() / 1_000, lat: 42, lon: -71, seen_by: kitId },
      sink: { v: 1, epoch: '00000001abcdef01', seq },
    });
  await intruder.publishAsync('wardragon/drones', message(KIT, 1), { qos: 1 });
  await intruder.publishAsync('wardragon/drones', message('wardragon-B', 1), { qos: 1 });
  const forged = encodeFrame(KIT, [
    { kind: 'drone', fields: { id: 'x' }, sink: { v: 1, epoch: '00000001abcdef01', seq: 1 } },
  ]);
  await intruder.publishAsync(streamTopic('wardragon-B'), forged, { qos: 1 });
  // One that nobody has enrolled may be anybody's: it comes last, so that the others are decided.
  await intruder.publishAsync('wardragon/drones', message('wardragon-stock', 1), { qos: 1 });
  await eventually('the last one', async () => (await drones()) === 1);
  await sleep(200);
  const { kits } = await dragonsinkJson<{ kits: { kit_id: string }[] }>('kits', 'list', '--database', database);
  assert.deepEqual(kits.map(({ kit_id }) => kit_id), ['wardragon-stock']); // biome-ignore format: short
  assert.match(server.log(), /wardragon-LAB0001 is enrolled: what comes under its name on shared topics is not taken/);
});
