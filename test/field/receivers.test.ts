// A radio that dies, all the way: from droneid-go's health on ZeroMQ through the kit's status and the broker into the
// database, and what its user sees of it on both sides.
import { deepEqual, equal, match } from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Publisher } from 'zeromq';
import type { KitStatus } from '../../src/schema/status.js';
import { freePort } from '../../src/simulate/ports.js';
import { Heard } from '../fixtures/heard.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, kitFiles, type Running, runDragonsink } from '../fixtures/processes.js';
import { dragonsink, dragonsinkJson } from '../fixtures/run-command.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KIT = 'wardragon-A';

interface Setup {
  readonly kit: Running;
  readonly configFile: string;
  readonly database: string;
  /** droneid-go says this of its Bluetooth from now on, many times faster than in truth. */
  ble(state: string): void;
}

async function start(t: TestContext, env: NodeJS.ProcessEnv = {}): Promise<Setup> {
  const broker = await startMosquitto({}, t);
  const heard = new Heard();
  const api = await heard.start();
  t.after(() => heard.stop());
  const port = await freePort();
  const droneid = new Publisher({ linger: 0 });
  await droneid.bind(`tcp://127.0.0.1:${port}`);
  let state = 'connected';
  const wifi = { name: 'WiFi', enabled: true, state_str: 'connected', messages_total: 812, dropped: 7 };
  const timer = setInterval(() => {
    const ble = { name: 'BLE', enabled: true, state_str: state, messages_total: 3, errors_recent: 2 };
    void droneid.send(JSON.stringify({ Health: { sources: { wifi, ble } } })).catch(() => {});
  }, 200);
  t.after(() => {
    clearInterval(timer);
    droneid.close();
  });
  const folder = tempFolder(t);
  const ports = [`droneid_health_port = ${port}`, 'dragonsig_health_port = 0'];
  const files = await kitFiles(folder, api, broker.port, { dragonsync: ports, kit: [`kit_id = ${KIT}`] });
  const database = `sqlite:${join(folder, 'server.db')}`;
  runDragonsink(t, ['server'], { DATABASE_URL: database, MQTT_BROKER_PORT: String(broker.port), SERVER_ID: 'server' });
  const kit = runDragonsink(t, ['kit', '--config', files.configFile], env);
  return {
    kit,
    configFile: files.configFile,
    database,
    ble: (now) => {
      state = now;
    },
  };
}

interface ShownReceiver {
  readonly name: string;
  readonly state: string;
}

const shown = async (database: string): Promise<ShownReceiver[]> =>
  (await dragonsinkJson<{ receivers: ShownReceiver[] }>('kits', 'show', KIT, '--database', database)).receivers;

test('a dead radio is seen on the kit and on the server, and so is one that lives again', async (t) => {
  const { configFile, database, ble } = await start(t);
  const status = async (): Promise<string> => (await dragonsink('status', '--config', configFile)).out;
  await eventually('the kit knows', async () => /receivers +wifi connected, ble connected/.test(await status()));
  ble('dead');
  await eventually('it is a problem', async () => /problem +the receiver ble: dead/.test(await status()));
  equal((await dragonsink('status', '--config', configFile)).code, 3);
  const stateOf = async (): Promise<string | undefined> =>
    (await shown(database).catch(() => [])).find(({ name }) => name === 'ble')?.state;
  await eventually('the server knows', async () => (await stateOf()) === 'dead');
  const [, wifi] = await shown(database);
  const { reported_at, ...told } = wifi as ShownReceiver & { reported_at: string };
  match(reported_at, /^20\d\d-.*Z$/);
  deepEqual(told, {
    name: 'wifi',
    enabled: true,
    state: 'connected',
    last_message_at: null,
    messages: 812,
    errors: null,
    dropped: 7,
  });
  const { out } = await dragonsink('kits', 'show', KIT, '--database', database);
  match(out, /^ble +true +dead +- +3 +2 +- +20/m);
  ble('connected');
  await eventually('all is well', async () => (await stateOf()) === 'connected');
});

test('without the package the kit says so once, and does everything else', async (t) => {
  const preload = pathToFileURL(join(import.meta.dirname, 'preload/no-zeromq.mjs')).href;
  const { kit, configFile, database } = await start(t, { NODE_OPTIONS: `--import ${preload}` });
  await eventually('it says so', () => kit.log().includes("the health of the receivers can't be read"));
  await eventually(
    'the server hears of it',
    async () => (await dragonsink('kits', 'show', KIT, '--database', database)).code === 0,
  );
  deepEqual(await shown(database), []);
  const status = await dragonsinkJson<KitStatus>('status', '--config', configFile);
  deepEqual([status.receivers, status.link.connected], [undefined, true]);
  equal(kit.log().split("the health of the receivers can't be read").length, 2);
});
