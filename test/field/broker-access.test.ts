// What the shipped broker files let a kit, a reader and a stranger do, on a real mosquitto.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import { freePort, listening } from '../../src/simulate/ports.js';
import { makeCertificates } from '../fixtures/certificates.js';
import { type Kind, SHIPPED, shippedConfig, startFleet, type TestFleet } from '../fixtures/fleet.js';
import { findBinary } from '../fixtures/mosquitto.js';
import { eventually, MAIN } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const DENIED = 135; // [MQTT5-3.4.2.1] not authorised
const A = 'wardragon-A';
const B = 'wardragon-B';
const OWN = [
  `wardragon/sink/${A}/stream`,
  `wardragon/sink/${A}/status`,
  `wardragon/service/${A}/availability`,
  `wardragon/system/${A}/availability`,
  `wardragon/system/${A}/state`,
];

interface Members {
  readonly fleet: TestFleet;
  readonly a: MqttClient;
  readonly b: MqttClient;
  readonly server: MqttClient;
}

async function members(t: TestContext, kind: Kind): Promise<Members> {
  const fleet = await startFleet(t, kind);
  const connect = async (...argv: string[]): Promise<MqttClient> => fleet.connect(await fleet.enrol(...argv));
  const server = await connect('--server', 'main');
  return { fleet, server, a: await connect(A), b: await connect(B) };
}

/** 0 when the broker took it, else its reason. */
async function publish(client: MqttClient, topic: string, retain = false): Promise<number> {
  try {
    await client.publishAsync(topic, 'x', { qos: 1, retain });
    return 0;
  } catch (thrown: unknown) {
    return Number((thrown as { code?: unknown }).code);
  }
}

/** What comes to this client from now on. */
async function listen(client: MqttClient, filter = '#'): Promise<string[]> {
  const topics: string[] = [];
  client.on('message', (topic) => topics.push(topic));
  await client.subscribeAsync(filter, { qos: 1 });
  return topics;
}

for (const kind of ['password', 'mtls'] as const) {
  describe(`with ${kind}.conf`, () => {
    test('a kit writes its own topics, and none of another kit, of the server, or that everybody writes', async (t) => {
      const { a } = await members(t, kind);
      for (const topic of OWN) assert.equal(await publish(a, topic, true), 0, topic);
      const others = [
        ...OWN.map((topic) => topic.replace(A, B)),
        ...['drones', 'drone/drone-1', 'aircraft', 'signals', 'system', `system/${A}/attrs`].map(
          (one) => `wardragon/${one}`,
        ),
        `wardragon/sink/${A}/stream/more`,
        'homeassistant/device/x/config',
        'anything',
      ];
      for (const topic of others) assert.equal(await publish(a, topic), DENIED, topic);
    });

    test('a kit forges no acknowledgement and no hello', async (t) => {
      const { a, b } = await members(t, kind);
      const heard = await listen(b);
      for (const topic of [`wardragon/sink/${A}/ack`, `wardragon/sink/${B}/ack`, 'wardragon/ingest/main/hello']) {
        assert.equal(await publish(a, topic, true), DENIED, topic);
      }
      await sleep(200);
      assert.deepEqual(heard, []);
    });

    test('a kit hears what servers say to it, and nothing of others', async (t) => {
      const { a, b, server } = await members(t, kind);
      const heard = await listen(a);
      for (const topic of OWN) await publish(b, topic.replace(A, B), true);
      await publish(server, `wardragon/sink/${B}/ack`);
      await publish(server, `wardragon/sink/${A}/ack`);
      await publish(server, 'wardragon/ingest/main/hello');
      await eventually('both', () => heard.length >= 2);
      await sleep(200);
      assert.deepEqual(heard.sort(), ['wardragon/ingest/main/hello', `wardragon/sink/${A}/ack`]);
    });

    test('a kit that joins the share of the servers hears nothing, though it costs them what would have come to it', async (t) => {
      const { a, b, server } = await members(t, kind);
      const share = '$share/servers/wardragon/sink/+/stream';
      const [ofServer, ofIntruder] = [await listen(server, share), await listen(b, share)];
      for (let i = 0; i < 10; i += 1) assert.equal(await publish(a, `wardragon/sink/${A}/stream`), 0);
      await eventually('the half of them', () => ofServer.length === 5);
      await sleep(200);
      assert.deepEqual([ofServer.length, ofIntruder.length], [5, 0], 'mosquitto asks the rules only when it delivers');
    });

    test('a kit takes over no session: neither the server’s nor another kit’s', async (t) => {
      const { fleet, b, server } = await members(t, kind);
      const intruder = await fleet.enrol('wardragon-C');
      for (const clientId of ['main@server', 'dragonsink-main', B]) {
        await fleet.connect(intruder, { clientId, clean: true });
        await sleep(200);
        assert.deepEqual([server.connected, b.connected], [true, true], clientId);
      }
    });

    test('a kit’s last will is heard of itself, and says nothing in the place of another', async (t) => {
      const { fleet, server } = await members(t, kind);
      const heard = await listen(server, 'wardragon/#');
      const intruder = await fleet.enrol('wardragon-C');
      for (const kit of [B, 'wardragon-C']) {
        const will = {
          topic: `wardragon/service/${kit}/availability`,
          payload: Buffer.from('offline'),
          qos: 1,
        } as const;
        (await fleet.connect(intruder, { will: { ...will, retain: true } })).stream.destroy();
      }
      await eventually('its own', () => heard.length > 0);
      await sleep(200);
      assert.deepEqual(heard, ['wardragon/service/wardragon-C/availability']);
    });

    test('a kit leaves five retained messages at most', async (t) => {
      const { fleet, a } = await members(t, kind);
      for (const topic of OWN) await publish(a, topic, true);
      const before = Array.from({ length: 200 }, (_, i) => `wardragon/sink/${A}/${i}`);
      for (const topic of before) assert.equal(await publish(a, topic, true), DENIED);
      const reader = await fleet.connect(await fleet.enrol('--reader', 'board'));
      const heard = await listen(reader, 'wardragon/#');
      await eventually('all retained', () => heard.length >= OWN.length);
      await sleep(200);
      assert.deepEqual(heard.sort(), [...OWN].sort());
    });

    test('a reader reads all and writes nothing', async (t) => {
      const { fleet, a } = await members(t, kind);
      const reader = await fleet.connect(await fleet.enrol('--reader', 'board'));
      const heard = await listen(reader, 'wardragon/#');
      for (const topic of OWN) {
        await publish(a, topic);
        assert.equal(await publish(reader, topic), DENIED, topic);
        assert.equal(await publish(reader, topic.replace(A, 'board@reader')), DENIED, 'under its own name');
      }
      await eventually('all', () => heard.length === OWN.length);
    });

    test('whoever has no credential of the fleet is not let in', async (t) => {
      const fleet = await startFleet(t, kind);
      const { content } = await fleet.enrol(A);
      const folder = tempFolder(t);
      const { client } = makeCertificates(folder, A);
      const foreign = { cert: readFileSync(client.certFile), key: readFileSync(client.keyFile) };
      const attempts: [string, object][] = [
        ['nothing', { cert: undefined, key: undefined, username: undefined, password: undefined }],
        ['the certificate of another CA', { ...foreign, username: undefined, password: undefined }],
        ['a wrong password', { cert: undefined, key: undefined, username: A, password: 'wrong' }],
      ];
      for (const [what, options] of attempts) {
        await assert.rejects(fleet.connect({ content }, { ...options, connectTimeout: 3_000 }), what);
      }
      assert.ok((await fleet.connect({ content })).connected);
    });

    test('one that is shut out is gone at once and stays out, and nobody else is', async (t) => {
      const fleet = await startFleet(t, kind);
      const [before, other] = [await fleet.enrol(A), await fleet.enrol(B)];
      const renewed = await fleet.enrol(A, '--renew');
      // A certificate is good until it ends, also when there is a newer one.
      const client = await fleet.connect(kind === 'mtls' ? before : renewed);
      const { code, err } = await fleet.revoke(A);
      assert.equal(code, 0, err);
      await eventually('the end of its session', () => !client.connected, 3_000);
      for (const one of [before, renewed]) await assert.rejects(fleet.connect(one));
      assert.ok((await fleet.connect(other)).connected);
      const again = await fleet.connect(await fleet.enrol(A));
      assert.equal(await publish(again, `wardragon/sink/${A}/status`), 0);
    });
  });
}

describe('with lab.conf', () => {
  test('everybody on this machine may do everything, and nobody reaches it from another address', async (t) => {
    const { folder, port } = await startLab(t);
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5 });
    t.after(() => void client.end(true));
    assert.equal(await publish(client, 'wardragon/drones'), 0);
    const other = createConnection({ host: '127.0.0.2', port });
    const [error] = await new Promise<[Error & { code?: string }]>((resolve) =>
      other.once('error', (e) => resolve([e])),
    );
    assert.equal(error.code, 'ECONNREFUSED', folder);
  });
});

/** With the real paths and ports, in name spaces of its own: nothing of it is left on this machine. */
const AS_IT_IS = `
set -e
ip link set lo up
cp -a /etc "$WORK/etc"
mount --bind "$WORK/etc" /etc
mount -t tmpfs none /var/lib/mosquitto
chown mosquitto: /var/lib/mosquitto
[ "$CONF" = lab ] || "$NODE" "$MAIN" enrol --init broker.example --tell-broker true $MORE
"$MOSQUITTO" -c "$SHIPPED/$CONF.conf" 2>"$WORK/log" &
broker=$!
for i in $(seq 100); do grep -q ' running$' "$WORK/log" && break; kill -0 $broker || break; sleep 0.1; done
cat "$WORK/log" >&2
kill $broker
wait $broker
test -s /var/lib/mosquitto/mosquitto.db
`;
const mayUnshare = spawnSync('unshare', ['-mn', 'true']).status === 0;

describe('as it is, on a new machine,', {
  skip: mayUnshare ? false : 'NOT TRIED HERE: it takes root, and name spaces',
}, () => {
  for (const [conf, more] of [
    ['lab', ''],
    ['password', '--passwords'],
    ['mtls', ''],
  ] as const) {
    test(`${conf}.conf starts, and keeps what it has`, (t) => {
      const env = {
        ...process.env,
        ...{ WORK: tempFolder(t), CONF: conf, MORE: more, SHIPPED, MAIN, NODE: process.execPath },
        MOSQUITTO: findBinary('mosquitto'),
      };
      const { status, stderr } = spawnSync('unshare', ['-mn', 'sh', '-c', AS_IT_IS], { env, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      assert.match(stderr, / running$/m);
      assert.doesNotMatch(stderr, /Error|Unknown|Duplicate/);
    });
  }
});

describe('a persistence file that mosquitto would not start with (F10)', () => {
  test('is put aside before it starts, and a good one is left alone', async (t) => {
    const lab = await startLab(t);
    const client = await connectAsync(`mqtt://127.0.0.1:${lab.port}`, { protocolVersion: 5 });
    for (let i = 0; i < 50; i += 1) await publish(client, `kept/${i}`, true);
    await client.endAsync();
    await lab.stop();
    const guard = (): string => {
      const { status, stderr } = spawnSync(join(SHIPPED, 'check-persistence.sh'), [lab.data], { encoding: 'utf8' });
      assert.equal(status, 0);
      return stderr;
    };
    const database = join(lab.data, 'mosquitto.db');
    assert.equal(guard(), '');
    assert.deepEqual(readdirSync(lab.data), ['mosquitto.db']);
    truncateSync(database, 3_000);
    assert.notEqual(
      spawnSync(findBinary('mosquitto'), ['-c', lab.config], { timeout: 5_000 }).status,
      0,
      'without guard',
    );
    assert.match(guard(), /kept as .*mosquitto\.db\.broken-/);
    assert.match(readdirSync(lab.data).join(), /^mosquitto\.db\.broken-\d+$/);
    await lab.start();
  });
});

interface Lab {
  readonly folder: string;
  readonly data: string;
  readonly config: string;
  readonly port: number;
  start(): Promise<void>;
  stop(): Promise<void>;
}

async function startLab(t: TestContext): Promise<Lab> {
  const folder = tempFolder(t);
  chmodSync(folder, 0o711);
  const data = join(folder, 'data');
  mkdirSync(data);
  chmodSync(data, 0o777);
  const port = await freePort();
  const config = join(folder, 'lab.conf');
  writeFileSync(config, shippedConfig('lab', { folder, data, port }));
  let stop = async (): Promise<void> => {};
  const start = async (): Promise<void> => {
    const child = spawn(findBinary('mosquitto'), ['-c', config], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    stop = async () => {
      child.kill('SIGTERM');
      await ended;
    };
    await listening(port, () => child.exitCode !== null);
  };
  t.after(() => stop());
  await start();
  return { folder, data, config, port, start, stop: () => stop() };
}
