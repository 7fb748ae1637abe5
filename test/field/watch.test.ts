// `dragonsink watch`: what goes over the broker, for people and for programs, without disturbing who works there.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type MqttLink, openLink } from '../../src/base/mqtt-link.js';
import { printable } from '../../src/base/printable.js';
import { encodeFrame } from '../../src/schema/stream-frame.js';
import { makeCertificates } from '../fixtures/certificates.js';
import { type Broker, type BrokerOptions, startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, kitFiles, MAIN, runDragonsink } from '../fixtures/processes.js';
import { dragonsink } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KIT = 'wardragon-LAB0001';
const DRONE = {
  id: 'drone-1',
  lat: 42.36,
  lon: -71.05,
  alt: 80.04,
  speed: 9.378,
  rssi: -60,
  description: 'DJI Mini',
  observed_at: 1_790_000_000.5,
  seen_by: KIT,
};

interface Setup {
  readonly port: number;
  readonly broker: Broker;
  send(topic: string, payload: string | Buffer, retain?: boolean): Promise<void>;
  /** Watches until it has seen what it should; `send` what it is to see once `subscribed` has come true. */
  watch(...argv: string[]): { lines(): string[]; ended: Promise<number | string>; subscribed(): Promise<unknown> };
}

async function setUp(t: TestContext, options: BrokerOptions = {}): Promise<Setup> {
  const broker = await startMosquitto({ ...options, config: ['log_type all', ...(options.config ?? [])] }, t);
  let sender: MqttLink | null = null;
  let watching = 0;
  return {
    port: broker.port,
    broker,
    send: async (topic, payload, retain = false) => {
      sender ??= await openLink({
        host: '127.0.0.1',
        port: broker.port,
        version: 5,
        clientId: 'kit',
        keepaliveS: 30,
        clean: true,
      });
      await sender.publish({ topic, payload, qos: 1, retain });
    },
    watch: (...argv) => {
      watching += 1;
      const { child, end } = runDragonsink(t, ['watch', ...argv], { MQTT_BROKER_PORT: String(broker.port) });
      let out = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        out += chunk.toString();
      });
      const ended = new Promise<number | string>((resolve) => {
        child.once('close', (code, signal) => resolve(code ?? signal ?? ''));
      });
      t.after(async () => {
        await sender?.end(200);
        await end('SIGKILL');
      });
      return {
        lines: () => out.split('\n').slice(0, -1),
        ended,
        subscribed: () => eventually('a subscription', () => subscriptions(broker.log()) === watching),
      };
    },
  };
}

/** Of how many watchers there has been one. */
function subscriptions(log: string): number {
  return new Set(log.match(/dragonsink-watch-\w+ 0 wardragon/g)).size;
}

describe('dragonsink watch', { timeout: 90_000 }, () => {
  test('shows each message on a line of its own, and leaves after as many as it was told', async (t) => {
    const { send, watch } = await setUp(t);
    const { lines, ended, subscribed } = watch('--count', '4');
    await subscribed();
    await send('wardragon/drones', JSON.stringify(DRONE));
    await send('wardragon/drone/drone-1', JSON.stringify(DRONE)); // the same again
    await send('wardragon/elsewhere', '{}');
    await send('wardragon/drones', 'no JSON');
    await send(
      'wardragon/aircraft',
      JSON.stringify({ icao: 'A1B2C3', alt: 9_000, seen_by: KIT, sink: { replay: true } }),
    );
    await send(`wardragon/service/${KIT}/availability`, 'online');
    await send(
      `wardragon/system/${KIT}/attrs`,
      JSON.stringify({ id: KIT, cpu_usage: 21.2, observed_at: 1_790_000_000 }),
    );
    assert.equal(await ended, 0);
    const [drone, aircraft, availability, system] = lines();
    assert.equal(
      drone,
      `2026-09-21 14:13:20  drone         ${KIT}     drone-1  42.36000,-71.05000  alt 80 m  9.4 m/s  -60 dBm  DJI Mini`,
    );
    assert.match(aircraft ?? '', /aircraft {6}wardragon-LAB0001 {5}A1B2C3 {2}alt 9000 ft {2}\(replay\)$/);
    assert.match(availability ?? '', /availability {2}wardragon-LAB0001 {5}online$/);
    assert.match(system ?? '', /system {8}wardragon-LAB0001 {5}cpu 21.2 %$/);
  });

  test('opens frames, and keeps to the kinds it was asked for', async (t) => {
    const { send, watch } = await setUp(t);
    const { lines, ended, subscribed } = watch('--kind', 'drone', '--kind', 'signal', '--count', '2', '--json');
    await subscribed();
    const { seen_by: _, ...fields } = DRONE;
    const sink = { v: 1, epoch: '0000000100000000', seq: 1 } as const;
    const frame = encodeFrame(KIT, [
      { kind: 'system', fields: { id: KIT, observed_at: 1_790_000_000 }, sink },
      { kind: 'drone', fields, sink },
    ]);
    await send(`wardragon/sink/${KIT}/stream`, frame);
    await send(`wardragon/service/${KIT}/availability`, 'online');
    await send('wardragon/signals', JSON.stringify({ uid: 'fpv-1', seen_by: KIT }), true);
    assert.equal(await ended, 0);
    const [first, second] = lines().map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(first, { kind: 'drone', topic: 'wardragon/drones', retained: false, message: { ...DRONE, sink } });
    assert.deepEqual([second?.['kind'], second?.['retained']], ['signal', false]);
  });

  test('shows nothing of what comes from the air that a terminal would act on', async (t) => {
    const { send, watch } = await setUp(t);
    const hostile = 'x\u001b[2J\u001b]0;title\u0007\u009b31m\u202e\r\nforged line\u2028end';
    for (const json of [[], ['--json']]) {
      const { lines, ended, subscribed } = watch('--count', '3', ...json);
      await subscribed();
      const message = { ...DRONE, id: hostile, description: hostile.repeat(100), seen_by: hostile };
      await send('wardragon/drones', JSON.stringify(message));
      await send(
        'wardragon/signals',
        JSON.stringify({ uid: hostile, center_hz: hostile, rssi: { [hostile]: hostile } }),
      );
      await send(`wardragon/service/${KIT}/availability`, hostile);
      assert.equal(await ended, 0);
      assert.equal(lines().length, 3);
      for (const line of lines()) assert.equal(printable(line), line);
    }
  });

  test('takes the address from a kit, and neither its client id nor its credential', async (t) => {
    const password = 'p4ssword';
    const options = { users: { kit: password, reader: password }, config: ['use_username_as_clientid true'] };
    const { port, watch } = await setUp(t, options);
    const folder = tempFolder(t);
    const { configFile } = await kitFiles(folder, 'http://127.0.0.1:9', port, {
      mqtt: ['mqtt_username = kit', `mqtt_password = ${password}`, `mqtt_client_id = ${KIT}`],
    });
    const anonymous = await dragonsink('watch', '--config', configFile);
    assert.equal(anonymous.code, 1);
    assert.match(anonymous.err, /lets nobody in without a credential of its own\nwhat to do: .*enrol --reader/);
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    const own = await dragonsink('watch', '--config', configFile, '--username', 'kit', '--password-file', passwordFile);
    assert.equal(own.code, 1);
    assert.match(own.err, /kit is the kit's or the server's own user/);
    const { ended } = watch(
      '--config',
      configFile,
      '--username',
      'reader',
      '--password-file',
      passwordFile,
      '--count',
      '1',
    );
    const kit = await openLink({
      host: '127.0.0.1',
      port,
      version: 5,
      clientId: KIT,
      keepaliveS: 30,
      clean: true,
      username: 'kit',
      password,
    });
    t.after(() => kit.end(200));
    const sending = setInterval(() => {
      kit.publish({ topic: 'wardragon/drones', payload: JSON.stringify(DRONE), qos: 0, retain: false }).catch(() => {});
    }, 200);
    t.after(() => clearInterval(sending));
    assert.equal(await ended, 0);
    assert.equal(kit.isOpen, true);
  });

  test("takes a reader's file for everything, certificates in it", async (t) => {
    const { caFile, server, client } = makeCertificates(tempFolder(t), 'dashboard');
    const tls = { tls: { caFile, ...server }, config: ['require_certificate true', 'use_identity_as_username true'] };
    const { port, watch } = await setUp(t, tls);
    const file = join(tempFolder(t), 'dashboard.enrol.json');
    const read = (path: string): string => readFileSync(path, 'utf8');
    const pem = { ca_pem: read(caFile), cert_pem: read(client.certFile), key_pem: read(client.keyFile) };
    writeFileSync(
      file,
      JSON.stringify({ v: 1, reader: 'dashboard', broker: { host: 'localhost', port, tls: true }, ...pem }),
    );
    const { ended } = watch('--reader', file, '--count', '1');
    const files = { caFile, certFile: client.certFile, keyFile: client.keyFile, insecure: false };
    const kit = await openLink({
      host: 'localhost',
      port,
      version: 5,
      clientId: KIT,
      keepaliveS: 30,
      clean: true,
      tls: files,
    });
    t.after(() => kit.end(200));
    await kit.publish({ topic: 'wardragon/drones', payload: JSON.stringify(DRONE), qos: 1, retain: true });
    assert.equal(await ended, 0);
  });

  test('comes back when the broker does', async (t) => {
    const { broker, watch } = await setUp(t);
    const watching = watch('--count', '2');
    await watching.subscribed();
    await broker.restart();
    const sender = await openLink({
      host: '127.0.0.1',
      port: broker.port,
      version: 5,
      clientId: 'kit-2',
      keepaliveS: 30,
      clean: true,
    });
    t.after(() => sender.end(200));
    const sending = setInterval(() => {
      sender
        .publish({ topic: 'wardragon/drones', payload: JSON.stringify(DRONE), qos: 0, retain: false })
        .catch(() => {});
    }, 200);
    t.after(() => clearInterval(sending));
    assert.equal(await watching.ended, 0);
  });

  test('says what is wrong: nobody there, and a file that is for somebody else', async (t) => {
    const { port } = await setUp(t);
    const nobody = await new Promise<{ code: unknown; err: string }>((resolve) => {
      execFile(
        process.execPath,
        [MAIN, 'watch'],
        { env: { ...process.env, MQTT_BROKER_PORT: '9' } },
        (error, _, err) => {
          resolve({ code: error?.code, err });
        },
      );
    });
    assert.equal(nobody.code, 1);
    assert.match(nobody.err, /nothing listens at 127\.0\.0\.1:9\nwhat to do: start the broker/);
    const file = join(tempFolder(t), 'kit.enrol.json');
    for (const text of [
      '',
      '[]',
      JSON.stringify({ v: 1, kit_id: KIT, broker: { host: 'x', port, tls: true }, username: 'a', password: 'b' }),
    ]) {
      writeFileSync(file, text);
      const { code, err } = await dragonsink('watch', '--reader', file);
      assert.equal(code, 1);
      assert.match(err, /does not enrol a reader\nwhat to do: take the file/);
    }
    assert.equal((await dragonsink('watch', '--kind', 'bird')).code, 2);
  });

  test('leaves when whoever reads its output has seen enough, and at a signal', async (t) => {
    const { send, port } = await setUp(t);
    await send('wardragon/drones', JSON.stringify(DRONE), true);
    const piped = `"${process.execPath}" "${MAIN}" watch | head -n 1`;
    const first = new Promise<string>((resolve, reject) => {
      const env = { ...process.env, MQTT_BROKER_PORT: String(port) };
      execFile('bash', ['-c', piped], { env, timeout: 20_000 }, (error, out) =>
        error === null ? resolve(out) : reject(error),
      );
    });
    const sending = setInterval(() => send('wardragon/drones', JSON.stringify(DRONE)), 200);
    t.after(() => clearInterval(sending));
    assert.match(await first, /drone-1/);
    const { child, end } = runDragonsink(t, ['watch'], { MQTT_BROKER_PORT: String(port) });
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    assert.equal(await end('SIGINT'), 0);
  });
});
