// What is refused or shown for safety's sake, by the program as it runs; and that it tells nobody its secrets.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../../src/simulate/ports.js';
import { makeCertificates } from '../fixtures/certificates.js';
import { startFleet } from '../fixtures/fleet.js';
import { Heard } from '../fixtures/heard.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, kitFiles, runDragonsink } from '../fixtures/processes.js';
import { dragonsink } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KIT = 'wardragon-LAB0001';
const EXIT_CONFIG = 78;

test('a certificate that is not checked shows in the kit’s status and in the server’s log', async (t) => {
  const folder = tempFolder(t);
  const heard = new Heard();
  const api = await heard.start();
  t.after(() => heard.stop());
  const { server: pair, caFile } = makeCertificates(folder);
  const broker = await startMosquitto({ tls: { ...pair, caFile } }, t);
  const files = await kitFiles(join(folder, 'kit'), api, broker.port, {
    mqtt: ['mqtt_tls = true', 'mqtt_tls_insecure = true'],
  });
  const env = {
    ...{ DATABASE_URL: `sqlite:${join(folder, 'server.db')}`, SERVER_ID: 'main', FLEET_DIR: folder },
    ...{ MQTT_TLS_ENABLED: 'true', MQTT_TLS_PORT: String(broker.port), MQTT_CA_FILE: caFile },
  };
  const server = runDragonsink(t, ['server'], env);
  const kit = runDragonsink(t, ['kit', '--config', files.configFile]);
  await eventually('the server’s word', () => /wardragon-LAB0001 does not check the certificate/.test(server.log()));
  const { code, out } = await dragonsink('status', '--config', files.configFile);
  assert.match(out, /^warning +the certificate of the broker is not checked \(mqtt_tls_insecure\)/m);
  assert.equal(code, 0, out);
  assert.match(kit.log(), /mqtt_tls_insecure: the certificate of the broker is not checked/);
  assert.equal(server.log().match(/does not check the certificate/g)?.length, 1);
});

test('a kit does not start with secrets that everybody can read, or in the clear to a public broker', async (t) => {
  const folder = tempFolder(t);
  const files = await kitFiles(folder, 'http://127.0.0.1:1', 1, {
    mqtt: ['mqtt_password = hunter2', 'mqtt_username = u'],
  });
  chmodSync(files.configFile, 0o644);
  const open = await dragonsink('kit', '--config', files.configFile);
  assert.equal(open.code, EXIT_CONFIG);
  assert.match(open.err, /holds a password and can be read by others, expected chmod 640/);
  chmodSync(files.configFile, 0o640);
  writeFileSync(files.configFile, '[MQTT]\nmqtt_host = broker.example\n');
  const clear = await dragonsink('kit', '--config', files.configFile);
  assert.equal(clear.code, EXIT_CONFIG);
  assert.match(clear.err, /not encrypted, expected mqtt_tls = true, or mqtt_allow_plaintext = true/);
});

test('a secret is in no output: not in a log, an answer, an error, or a message', async (t) => {
  const said: string[] = [];
  const run = async (...argv: string[]): Promise<void> => {
    const { out, err } = await dragonsink(...argv);
    said.push(out, err);
  };
  const heard = new Heard();
  const api = await heard.start();
  t.after(() => heard.stop());
  const folder = tempFolder(t);
  const fleet = await startFleet(t, 'password');
  const ofKit = await fleet.enrol(KIT);
  const ofServer = await fleet.enrol('--server', 'main');
  const ofReader = await fleet.enrol('--reader', 'board');
  const watcher = await fleet.enrol('--reader', 'watcher');
  const reader = await fleet.connect(ofReader);
  reader.on('message', (topic, payload) => said.push(topic, payload.toString('latin1')));
  await reader.subscribeAsync('#');

  const kit = await kitFiles(join(folder, 'kit'), api, 1, { kit: ['log_level = debug'] });
  await run('enrol', '--apply', ofKit.file, '--config-dir', dirname(kit.configFile));
  await run('enrol', '--apply', ofServer.file, '--config-dir', join(folder, 'server'), '--json');
  const damaged = join(folder, 'damaged.json');
  writeFileSync(damaged, readFileSync(ofKit.file, 'utf8').replace('"password": ', '"password" '));
  await run('enrol', '--apply', damaged, '--config-dir', join(folder, 'other'));
  const variables = readFileSync(join(folder, 'server', 'server.env'), 'utf8').matchAll(/^(\w+)=(.*)$/gm);
  const env = Object.fromEntries([...variables].map(([, name, value]) => [name, value]));
  const database = `sqlite:${join(folder, 'server.db')}`;
  const ours = { DATABASE_URL: database, FLEET_DIR: fleet.folder, LOG_LEVEL: 'debug' };
  const httpPort = String(await freePort());
  const processes = [
    runDragonsink(t, ['server'], { ...env, ...ours, HTTP_PORT: httpPort }),
    runDragonsink(t, ['kit', '--config', kit.configFile]),
  ];
  heard.hear('drone-1');
  await eventually('stored', async () => {
    const { out } = await dragonsink('ledger', '--database', database, '--json');
    return /"drone":1/.test(out);
  });
  for (const argv of [
    ['status'],
    ['status', '--json'],
    ['config', 'show'],
    ['config', 'show', '--json'],
    ['config', 'check'],
    ['doctor'],
    ['doctor', '--json'],
    ['spool', 'list'],
    ['spool', 'export'],
  ]) {
    await run(...argv, '--config', kit.configFile);
  }
  for (const [path, method] of [
    ['status', 'GET'],
    ['doctor', 'POST'],
  ] as const) {
    said.push(await (await fetch(`http://127.0.0.1:${kit.statusPort}/${path}`, { method })).text());
  }
  for (const json of [[], ['--json']]) {
    const watching = dragonsink('watch', '--reader', watcher.file, '--count', '1', ...json);
    const seen = setInterval(() => heard.hear(`drone-seen-${performance.now()}`), 500);
    const { out, err, code } = await watching;
    clearInterval(seen);
    assert.equal(code, 0, err);
    said.push(out, err);
  }
  for (const argv of [['ledger'], ['kits', 'list', '--json'], ['rejects', 'list']])
    await run(...argv, '--database', database);
  await run('enrol', '--list', '--json', '--fleet', fleet.folder);
  said.push(readFileSync(join(fleet.folder, 'fleet.json'), 'utf8'));
  for (const path of ['metrics', 'readyz']) {
    said.push(await (await fetch(`http://127.0.0.1:${httpPort}/${path}`)).text());
  }
  // What a kit says that the broker does not know any more, and a server that has a wrong password of its database.
  await run('revoke', KIT, '--fleet', fleet.folder);
  await eventually('refused', () => /refused the credentials/.test(processes[1]?.log() ?? ''));
  const planted = 'hunter2planted';
  await run('ledger', '--database', `postgres://u:${planted}@127.0.0.1:1/d`);
  processes.push(
    runDragonsink(t, ['server'], { ...env, ...ours, DATABASE_URL: `postgres://u:${planted}@127.0.0.1:1/d` }),
  );
  await eventually('no database', () => /ECONNREFUSED|nothing listens/.test(processes[2]?.log() ?? ''));
  for (const one of processes) await one.end();

  const all = [...said, ...processes.map((one) => one.log()), fleet.log()].join('\n');
  assert.ok(all.includes('wardragon/sink/') && all.includes('dragonsink_build_info'), 'there is something to look at');
  const secrets = [ofKit, ofServer, ofReader, watcher].map(({ content }) => content.password).concat(planted);
  for (const secret of secrets) {
    assert.ok(secret !== undefined && secret.length > 8);
    const at = all.indexOf(secret);
    assert.equal(at, -1, all.slice(Math.max(0, at - 200), at + 20));
  }
});

test('a private key is in no output', async (t) => {
  const fleet = await startFleet(t, 'mtls');
  const { content, file } = await fleet.enrol(KIT);
  const folder = join(tempFolder(t), 'etc');
  const said = [await dragonsink('enrol', '--apply', file, '--config-dir', folder)];
  writeFileSync(join(folder, 'kit.key'), 'damaged', { mode: 0o600 });
  const unfit = join(folder, 'unfit.json');
  writeFileSync(unfit, JSON.stringify({ ...content, cert_pem: (await fleet.enrol('wardragon-B')).content.cert_pem }));
  said.push(await dragonsink('enrol', '--apply', unfit, '--config-dir', folder));
  said.push(await dragonsink('config', 'show', '--config', join(folder, 'config.ini')));
  said.push(await fleet.revoke(KIT));
  assert.deepEqual(said.map(({ code }) => code), [0, 1, 0, 0]); // biome-ignore format: short
  const all = said.map(({ out, err }) => out + err).join('\n');
  const lines = (content.key_pem ?? '').split('\n').filter((line) => line.length > 20 && !line.includes('-----'));
  assert.ok(lines.length > 1);
  for (const line of lines) assert.ok(!all.includes(line));
});
