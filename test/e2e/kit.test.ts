// The kit as its user runs it: a real process, a real mosquitto, DragonSync's API in front.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { readSqlite } from '../../src/base/sqlite.js';
import type { KitStatus } from '../../src/schema/status.js';
import { LinkProxy } from '../../src/simulate/link-proxy.js';
import { Heard } from '../fixtures/heard.js';
import { Listener } from '../fixtures/listener.js';
import { startMosquitto } from '../fixtures/mosquitto.js';
import { eventually, type KitFiles, kitFiles, type Running, runDragonsink } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const KIT = 'wardragon-LAB0001';
const SERVICE = `wardragon/service/${KIT}/availability`;

interface Setup {
  readonly heard: Heard;
  readonly listener: Listener;
  readonly proxy: LinkProxy;
  readonly files: KitFiles;
  start(): Running;
  status(): Promise<KitStatus>;
}

interface SetupOptions {
  readonly mqtt?: string[];
  readonly spool?: string[];
  readonly kit?: string[];
  readonly broker?: Parameters<typeof startMosquitto>[0];
}

/** Everything but the kit itself: DragonSync, mosquitto, a proxy in between, and somebody who listens. */
async function setUp(t: TestContext, { broker: brokerOptions, ...settings }: SetupOptions = {}): Promise<Setup> {
  const heard = new Heard();
  const api = await heard.start();
  t.after(() => heard.stop());
  const broker = await startMosquitto(brokerOptions);
  t.after(() => broker.stop());
  const proxy = new LinkProxy({ targetHost: '127.0.0.1', targetPort: broker.port });
  const port = await proxy.start();
  t.after(() => proxy.stop());
  const [[username, password] = []] = Object.entries(brokerOptions?.users ?? {});
  const listener = await Listener.on(broker.port, username === undefined ? {} : { username, password: password ?? '' });
  t.after(() => listener.stop());
  const files = await kitFiles(tempFolder(t), api, port, settings);
  return {
    heard,
    listener,
    proxy,
    files,
    start: () => runDragonsink(t, ['kit', '--config', files.configFile]),
    status: async () => (await fetch(`http://127.0.0.1:${files.statusPort}/status`)).json() as Promise<KitStatus>,
  };
}

function droneNumbers(listener: Listener): number[] {
  return listener.json('wardragon/drones').map((message) => Number(message['index']));
}

// Each has a broker and a kit of its own, and waits most of the time.
describe('dragonsink kit', { concurrency: 4 }, () => {
  test('publishes a heard drone once, stamped and numbered, and leaves with code 0', async (t) => {
    const { heard, listener, start, status } = await setUp(t);
    heard.hear('drone-1');
    const kit = start();
    await eventually('one drone', () => listener.on('wardragon/drones').length === 1);
    heard.hear('drone-1');
    heard.hear('drone-2');
    await eventually('three messages', () => listener.on('wardragon/drones').length === 3);
    const [first, ...others] = listener.json('wardragon/drones');
    assert.ok(first);
    assert.equal(first['seen_by'], KIT);
    const { epoch, ...sink } = first['sink'] as Record<string, unknown>;
    assert.match(String(epoch), /^[0-9a-f]{16}$/);
    assert.deepEqual(sink, { v: 1, seq: 1, replay: true });
    assert.deepEqual(others.map((m) => (m['sink'] as { seq: number }).seq), [2, 3]); // biome-ignore format: short
    assert.ok(listener.on('wardragon/drones').every(({ qos, retain }) => qos === 1 && !retain));
    await eventually('nothing waits', async () => (await status()).spool.waiting === 0);
    assert.equal(await kit.end('SIGTERM'), 0, kit.log());
    assert.equal(listener.on('wardragon/drones').length, 3, 'what is not news is not sent');
  });

  test('says online, its status and its health, and offline when it leaves or is killed', async (t) => {
    const { heard, listener, start } = await setUp(t);
    heard.hear('drone-1');
    const kit = start();
    await eventually('health', () => listener.on(`wardragon/system/${KIT}/attrs`).length > 0);
    await eventually('status', () => listener.on(`wardragon/sink/${KIT}/status`).length > 0);
    assert.deepEqual(listener.on(SERVICE).map(({ payload, retain }) => [payload, retain]), [['online', true]]); // biome-ignore format: short
    assert.equal(listener.on(`wardragon/system/${KIT}/availability`)[0]?.payload, 'online');
    const [status] = listener.json(`wardragon/sink/${KIT}/status`);
    assert.equal(status?.['kit_id'], KIT);
    assert.equal(await kit.end('SIGTERM'), 0);
    await eventually('offline', () => listener.on(SERVICE).at(-1)?.payload === 'offline');
    const again = start();
    await eventually('online again', () => listener.on(SERVICE).at(-1)?.payload === 'online');
    await again.end('SIGKILL');
    await eventually('the will', () => listener.on(SERVICE).at(-1)?.payload === 'offline');
  });

  test('keeps what it hears while the link is down, and sends all of it when it is back', async (t) => {
    const { heard, listener, proxy, start, status } = await setUp(t);
    heard.hear('drone-0');
    const kit = start();
    await eventually('the first', () => droneNumbers(listener).length === 1);
    proxy.cut();
    for (let i = 0; i < 30; i += 1) {
      heard.hear(`drone-${i % 3}`);
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
    const { spool, link } = await status();
    assert.ok(spool.waiting > 5, `${spool.waiting} waiting`);
    assert.equal(link.connected, false);
    proxy.heal();
    await eventually('drained', async () => (await status()).spool.waiting === 0);
    const seqs = listener.json('wardragon/drones').map((m) => (m['sink'] as { seq: number }).seq);
    assert.deepEqual(
      [...new Set(seqs)].sort((a, b) => a - b),
      Array.from({ length: Math.max(...seqs) }, (_, i) => i + 1),
    );
    assert.ok((await status()).link.reconnects >= 1);
    assert.equal(await kit.end(), 0);
  });

  test('leaves within seconds also over a link that has died without a word', async (t) => {
    const { heard, listener, proxy, start } = await setUp(t);
    heard.hear('drone-1');
    const kit = start();
    await eventually('connected', () => listener.on('wardragon/drones').length > 0);
    proxy.blackhole();
    const startedAt = performance.now();
    assert.equal(await kit.end('SIGTERM'), 0, kit.log());
    assert.ok(performance.now() - startedAt < 12_000, 'long before the keepalive');
  });

  for (const qos of [0, 1, 2]) {
    test(`publishes at QoS ${qos} when told so`, async (t) => {
      const { heard, listener, start } = await setUp(t, { mqtt: [`mqtt_qos = ${qos}`] });
      for (let i = 0; i < 40; i += 1) heard.hear(`drone-${i}`);
      const kit = start();
      await eventually('forty drones', () => new Set(droneNumbers(listener)).size === 40);
      assert.ok(listener.on('wardragon/drones').every((message) => message.qos === qos));
      assert.equal(await kit.end(), 0);
    });
  }

  test('killed again and again, it starts without help and nothing accepted is missing', async (t) => {
    const { heard, listener, proxy, files, start } = await setUp(t);
    const bodies = new Map<string, string>();
    const readSpool = (): void => {
      if (!existsSync(files.spoolFile)) return; // killed before it had made one
      const db = readSqlite(files.spoolFile);
      for (const row of db.prepare('SELECT epoch, seq, body FROM message_0').all() as Record<string, unknown>[]) {
        bodies.set(
          `${row['epoch']} ${row['seq']}`,
          String((JSON.parse(String(row['body'])) as { index: number }).index),
        );
      }
      db.close();
    };
    let heardSoFar = 0;
    for (let round = 0; round < 6; round += 1) {
      // With a link, without one, and with one that takes everything and answers nothing.
      if (round % 3 === 0) proxy.heal();
      else if (round % 3 === 1) proxy.cut();
      else proxy.blackhole();
      const kit = start();
      const before = bodies.size;
      const until = performance.now() + 1_200 + 300 * round;
      const hear = async (): Promise<void> => {
        heardSoFar = heard.hear(`drone-${heardSoFar % 20}`);
        await new Promise((resolve) => setTimeout(resolve, 15));
      };
      while (performance.now() < until) await hear();
      // On a busy machine a kit may have come no further than its start.
      await eventually('rows of this life', async () => {
        await hear();
        readSpool();
        return bodies.size > before + 10;
      });
      await kit.end('SIGKILL');
      readSpool();
    }
    proxy.heal();
    const kit = start();
    const last = heard.hear('drone-last');
    await eventually('the last', () => droneNumbers(listener).includes(last));
    assert.ok(bodies.size > 50, `only ${bodies.size} rows were in the spool at the kills`);
    const sent = (): Map<string, string> => {
      const found = new Map<string, string>();
      for (const message of listener.json('wardragon/drones')) {
        const { epoch, seq } = message['sink'] as { epoch: string; seq: number };
        const index = String(message['index']);
        assert.equal(found.get(`${epoch} ${seq}`) ?? index, index, 'an identity is used once');
        found.set(`${epoch} ${seq}`, index);
      }
      return found;
    };
    await eventually('all that was accepted', () => {
      const found = sent();
      return [...bodies].every(([identity, index]) => found.get(identity) === index);
    });
    assert.equal(await kit.end(), 0);
  });

  test('sends nothing until it knows which kit it is', async (t) => {
    const { heard, listener, start, status } = await setUp(t);
    heard.uid = 'wardragon-unknown';
    heard.hear('drone-1', { seen_by: 'wardragon-unknown' });
    start();
    await eventually('accepted', async () => {
      try {
        return (await status()).counts.accepted > 0;
      } catch {
        return false;
      }
    });
    assert.deepEqual(listener.seen, []);
    heard.uid = KIT;
    await eventually('its first words', () => listener.on('wardragon/drones').length > 0);
    assert.equal(listener.json('wardragon/drones')[0]?.['seen_by'], KIT);
    assert.ok(!listener.seen.some(({ topic, payload }) => `${topic} ${payload}`.includes('wardragon-unknown')));
  });

  test('sets a message aside that is larger than the broker takes, and sends the next', async (t) => {
    const { heard, listener, start, status } = await setUp(t, { broker: { config: ['max_packet_size 20000'] } });
    heard.hear('drone-big', { description: 'x'.repeat(30_000) });
    heard.hear('drone-small');
    start();
    await eventually('the small one', () => droneNumbers(listener).includes(2));
    const { ledger } = await eventually('set aside', async () => {
      const now = await status();
      return now.spool['quarantined'] === 1 && now.spool.waiting === 0 && now;
    });
    assert.deepEqual(ledger.find(({ kind }) => kind === 'drone')?.quarantined, [[1, 1]]);
  });

  for (const version of ['5', '3.1.1']) {
    test(`finds the message at which a broker closes the connection (MQTT ${version}), and sends the rest`, {
      timeout: 90_000,
    }, async (t) => {
      // message_size_limit is nothing a client is told of: MQTT 5 gets a reason code that the library can't read.
      const { heard, listener, start, status } = await setUp(t, {
        mqtt: [`mqtt_version = ${version}`],
        broker: { config: [version === '5' ? 'message_size_limit 20000' : 'max_packet_size 20000'] },
      });
      heard.hear('drone-1');
      heard.hear('drone-big', { description: 'x'.repeat(30_000) });
      heard.hear('drone-3');
      start();
      await eventually('the third', () => droneNumbers(listener).includes(3), 60_000);
      await eventually('set aside', async () => (await status()).spool['quarantined'] === 1, 60_000);
      heard.hear('drone-4');
      await eventually('the fourth', () => droneNumbers(listener).includes(4), 60_000);
    });
  }

  test('keeps a kind that the ACL denies, says so, and sends the others', async (t) => {
    const { heard, listener, start, status } = await setUp(t, {
      mqtt: ['mqtt_username = kit', 'mqtt_password = a#b;c'],
      broker: { users: { kit: 'a#b;c' }, acl: 'user kit\ntopic readwrite #\ntopic deny wardragon/aircraft\n' },
    });
    heard.aircraft('A00001');
    heard.hear('drone-1');
    const kit = start();
    await eventually('the drone', () => listener.on('wardragon/drones').length > 0);
    await eventually('the denial', () => kit.log().includes('not allowed on wardragon/aircraft'));
    const { link } = await status();
    assert.deepEqual(link['denied'], ['aircraft']);
    await eventually('only the aircraft waits', async () => (await status()).spool.waiting === 1);
    assert.ok(!kit.log().includes('a#b;c'), 'the password is in no log');
  });

  test('with refused credentials, or no broker at all, it goes on accepting and says what to do', async (t) => {
    const { heard, start, status, proxy } = await setUp(t, {
      mqtt: ['mqtt_username = kit', 'mqtt_password = wrong'],
      broker: { users: { kit: 'right' } },
    });
    heard.hear('drone-1');
    const kit = start();
    await eventually('the refusal', () => kit.log().includes('refused the credentials'));
    proxy.cut();
    const seen = heard.hear('drone-2');
    await eventually('accepted all the same', async () => (await status()).counts.accepted >= seen);
    assert.equal(await kit.end(), 0);
  });

  test('per-drone topics hold the latest state, retained, with what a topic may not hold encoded', async (t) => {
    const { heard, listener, start } = await setUp(t, { mqtt: ['mqtt_per_drone_enabled = true'] });
    heard.hear('drone-a/b+c#d\u0000');
    heard.hear(`drone-${'L'.repeat(300)}`);
    start();
    await eventually(
      'both',
      () => listener.seen.filter(({ topic }) => topic.startsWith('wardragon/drone/')).length === 2,
    );
    const topics = listener.seen.filter(({ topic }) => topic.startsWith('wardragon/drone/'));
    assert.ok(topics.every(({ retain }) => retain));
    assert.ok(
      topics.some(({ topic }) => topic === `wardragon/drone/drone-a%2Fb%2Bc%23d\uFFFD`),
      topics.map((x) => x.topic).join(),
    );
  });

  test('a second process on one spool says who holds it', async (t) => {
    const { start, status } = await setUp(t);
    const first = start();
    await eventually('running', async () => {
      try {
        return (await status()).version;
      } catch {
        return null;
      }
    });
    const second = start();
    await eventually('its end', () => second.child.exitCode !== null);
    assert.equal(second.child.exitCode, 1);
    assert.match(second.log(), new RegExp(`held by process ${first.child.pid}`));
  });

  test('`dragonsink status` tells the same from the running kit and from its spool afterwards', async (t) => {
    const { heard, files, listener, start } = await setUp(t);
    heard.hear('drone-1');
    const kit = start();
    await eventually('the drone', () => listener.on('wardragon/drones').length > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const report = async (): Promise<KitStatus & { running: boolean }> => {
      const command = runDragonsink(t, ['status', '--config', files.configFile, '--json']);
      let out = '';
      command.child.stdout?.on('data', (chunk: Buffer) => {
        out += chunk.toString();
      });
      await eventually('the command', () => command.child.exitCode !== null);
      return JSON.parse(out) as KitStatus & { running: boolean };
    };
    const running = await report();
    assert.equal(running.running, true);
    assert.equal(await kit.end(), 0);
    const stopped = await report();
    assert.equal(stopped.running, false);
    assert.deepEqual(stopped.ledger, running.ledger);
    assert.equal(stopped.counts.accepted, running.counts.accepted);
    assert.equal(stopped.kit_id, KIT);
  });
});
