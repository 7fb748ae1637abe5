// The broker of compose.yaml as its container starts it, with Debian's mosquitto: whom it lets in, what it keeps, and whether
// its health check tells the truth.
import { equal, match, ok } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { parse } from 'yaml';
import { freePort, listening } from '../../src/simulate/ports.js';
import { SHIPPED } from '../fixtures/fleet.js';
import { findBinary } from '../fixtures/mosquitto.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const COMPOSE = join(import.meta.dirname, '../../compose.yaml');
const CREDENTIAL = { MQTT_USERNAME: 'dragonsink', MQTT_PASSWORD: 'a:$b "c' };

interface Started {
  readonly port: number;
  readonly data: string;
  readonly passwords: string;
  /** Whoever asks for its health asks as compose does. */
  healthy(): boolean;
  stop(): Promise<void>;
}

/** The shipped folder with the container's places moved into `folder`. */
async function start(t: TestContext, folder: string): Promise<Started> {
  const port = await freePort();
  const [config, data, run] = ['config', 'data', 'run'].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [data, run]) mkdirSync(path, { recursive: true });
  cpSync(SHIPPED, config, { recursive: true });
  for (const name of ['compose.conf', 'start-in-compose.sh']) {
    const file = join(config, name);
    const text = readFileSync(file, 'utf8')
      .replaceAll('/mosquitto/data', data)
      .replaceAll('/run/mosquitto', run)
      .replace(/^listener 1883$/m, `listener ${port} 127.0.0.1${process.getuid?.() === 0 ? '\nuser root' : ''}`);
    ok(name !== 'compose.conf' || text.includes(String(port)));
    writeFileSync(file, text);
  }
  const PATH = `${process.env['PATH']}:/usr/sbin`;
  const broker = spawn('sh', [join(config, 'start-in-compose.sh')], {
    env: { PATH, ...CREDENTIAL },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => broker.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    broker.kill('SIGTERM');
    await ended;
  };
  t.after(stop);
  await listening(port, () => broker.exitCode !== null);
  const { services } = parse(readFileSync(COMPOSE, 'utf8'), { merge: true }) as {
    services: Record<string, { healthcheck: { test: string[] } }>;
  };
  const [how, command = ''] = services['mosquitto']?.healthcheck.test ?? [];
  equal(how, 'CMD-SHELL');
  const asked = command.replaceAll('$$', '$').replace('mosquitto_sub', `mosquitto_sub -p ${port}`);
  return {
    port,
    data,
    passwords: join(run, 'passwords'),
    healthy: () => spawnSync('sh', ['-c', asked], { env: { PATH, ...CREDENTIAL }, timeout: 10_000 }).status === 0,
    stop,
  };
}

test('it lets in who knows the password, and nobody else', async (t) => {
  findBinary('mosquitto_sub');
  const { port, passwords, healthy, stop } = await start(t, tempFolder(t));
  const url = `mqtt://127.0.0.1:${port}`;
  const { MQTT_USERNAME: username, MQTT_PASSWORD: password } = CREDENTIAL;
  for (const wrong of [{}, { username }, { username, password: 'guessed' }, { username: 'other', password }]) {
    const refused = await connectAsync(url, { ...wrong, protocolVersion: 5, reconnectPeriod: 0 }, false).then(
      (client) => client.endAsync(true).then(() => ''),
      (error: Error) => error.message,
    );
    match(refused, /Not authorized|Bad User/i);
  }
  const client = await connectAsync(url, { username, password, protocolVersion: 5 }, false);
  await client.publishAsync('wardragon/drones', '{}', { qos: 1 });
  await client.endAsync();
  ok(!readFileSync(passwords, 'utf8').includes(password), 'the password lies there as it is');
  ok(healthy());
  await stop();
  ok(!healthy());
});

test('what it keeps is there after it was stopped and started', async (t) => {
  const folder = tempFolder(t);
  const first = await start(t, folder);
  const { MQTT_USERNAME: username, MQTT_PASSWORD: password } = CREDENTIAL;
  const before = await connectAsync(`mqtt://127.0.0.1:${first.port}`, { username, password }, false);
  await before.publishAsync('wardragon/service/kit/availability', 'online', { qos: 1, retain: true });
  await before.endAsync();
  await first.stop();
  ok(existsSync(join(first.data, 'mosquitto.db')));
  const second = await start(t, folder);
  const after = await connectAsync(`mqtt://127.0.0.1:${second.port}`, { username, password }, false);
  t.after(() => after.endAsync(true));
  const kept = new Promise<string>((resolve) => after.once('message', (_, payload) => resolve(String(payload))));
  await after.subscribeAsync('wardragon/service/+/availability');
  equal(await kept, 'online');
});
