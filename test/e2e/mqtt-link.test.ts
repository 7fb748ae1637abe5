// The contract of src/base/mqtt-link.ts against a real mosquitto: it reaches into mqtt.js, which promises none of it.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type IncomingMessage, type LinkOptions, type MqttLink, openLink, type Qos } from '../../src/base/mqtt-link.js';
import { LinkProxy } from '../../src/simulate/link-proxy.js';
import { freePort } from '../../src/simulate/ports.js';
import { makeCertificates } from '../fixtures/certificates.js';
import { type Broker, type BrokerOptions, startMosquitto } from '../fixtures/mosquitto.js';
import { eventually } from '../fixtures/processes.js';
import { tempFolder } from '../fixtures/temp-folder.js';

type Options = Partial<LinkOptions>;

let clients = 0;

function optionsFor(port: number, options: Options = {}): LinkOptions {
  clients += 1;
  const clientId = `client-${clients}`;
  return { host: '127.0.0.1', port, version: 5, clientId, keepaliveS: 30, clean: true, ...options };
}

async function open(t: TestContext, port: number, options: Options = {}): Promise<MqttLink> {
  const link = await openLink(optionsFor(port, options));
  t.after(() => link.end(200));
  return link;
}

function broker(t: TestContext, options: BrokerOptions = {}): Promise<Broker> {
  return startMosquitto(options, t);
}

/** A link that collects what it gets; it acknowledges at once unless told not to. */
async function listen(t: TestContext, port: number, topic: string, options: Options = {}, acks = true) {
  const link = await open(t, port, options);
  const got: (IncomingMessage & { readonly text: string })[] = [];
  link.onMessage((message) => {
    got.push({ ...message, text: message.payload.toString() });
    if (acks) message.ack();
  });
  await link.subscribe([topic], 1);
  return { link, got };
}

function message(payload: string, qos: Qos = 1): Parameters<MqttLink['publish']>[0] {
  return { topic: 'test/topic', payload, qos, retain: false };
}

async function codeOfClose(link: MqttLink): Promise<unknown> {
  return ((await link.closed) as Error & { code?: unknown }).code;
}

describe('deferred acknowledgement', () => {
  test('the broker sends its receive maximum and no more, and the connection outlives many keepalives', async (t) => {
    const { port, log } = await broker(t, { config: ['max_inflight_messages 0', 'log_type all'] });
    const options = { receiveMaximum: 50, keepaliveS: 1, clean: false, clientId: 'server' };
    const { link, got } = await listen(t, port, 'test/topic', options, false);
    let closed = false;
    link.closed.then(() => {
      closed = true;
    });
    const sender = await open(t, port);
    const numbers = Array.from({ length: 200 }, (_, i) => String(i));
    await Promise.all(numbers.map((n) => sender.publish(message(n))));
    await delay(4_000);
    assert.equal(got.length, 50, 'while nothing is acknowledged');
    assert.equal(closed, false, 'pings are answered behind unacknowledged messages');
    await eventually('a ping', () => /Received PINGREQ from server/.test(log()));
    for (let i = 0; i < 200; i += 1) {
      const next = await eventually(`message ${i}`, () => got[i] ?? null);
      next.ack();
    }
    await delay(200);
    assert.deepEqual(got.map(({ text }) => text), numbers, 'each once, in order'); // biome-ignore format: short
    assert.equal(closed, false);
  });

  test('while a handler holds the reading back, behind which PINGRESP waits, the connection outlives many keepalives', async (t) => {
    const { port, freeze } = await broker(t);
    const link = await open(t, port, { keepaliveS: 1 });
    const closed = link.closed.then(() => 'closed');
    const got: string[] = [];
    let makeRoom = (): void => {};
    const room = new Promise<void>((resolve) => {
      makeRoom = resolve;
    });
    link.onMessage((incoming) => {
      got.push(incoming.payload.toString());
      incoming.ack();
      return room;
    });
    await link.subscribe(['test/topic'], 1);
    const sender = await open(t, port);
    for (const n of ['1', '2', '3']) await sender.publish(message(n));
    assert.equal(await Promise.race([closed, delay(5_000, 'open')]), 'open');
    assert.deepEqual(got, ['1']);
    makeRoom();
    await eventually('the others', () => got.length === 3);
    freeze();
    assert.equal(await Promise.race([closed, delay(3_000, 'open')]), 'closed', 'now silence means again what it meant');
  });

  for (const version of [4, 5] as const) {
    test(`what was not acknowledged comes again, and a late ack does nothing (version ${version})`, async (t) => {
      const { port, log } = await broker(t, { config: ['log_type all'] });
      const session = { clean: false, clientId: 'server', version };
      const first = await listen(t, port, 'test/topic', session, false);
      const sender = await open(t, port);
      for (const text of ['a', 'b', 'c']) await sender.publish(message(text));
      await eventually('three', () => first.got.length === 3);
      first.got[0]?.ack();
      await first.link.end();
      for (const { ack } of first.got) ack();
      await sender.publish(message('d'));

      const second = await open(t, port, session);
      assert.equal(second.sessionPresent, true);
      for (const { ack } of first.got) ack();
      const again: string[] = [];
      second.onMessage(({ payload, ack }) => {
        again.push(payload.toString());
        ack();
      });
      await eventually('b, c and d', () => again.length === 3);
      assert.deepEqual(again, ['b', 'c', 'd']);
      // a once, and b, c, d; its log is written a little later.
      await eventually('four PUBACKs', () => (log().match(/Received PUBACK from server/g)?.length ?? 0) >= 4);
      await second.end();
      assert.equal(log().match(/Received PUBACK from server/g)?.length, 4);
    });
  }

  test('a broker that lost the session says so', async (t) => {
    const mosquitto = await broker(t);
    const session = { clean: false, clientId: 'server' };
    const first = await listen(t, mosquitto.port, 'test/topic', session);
    assert.equal(first.link.sessionPresent, false);
    await mosquitto.kill();
    assert.equal(await codeOfClose(first.link), 'closed');
    await mosquitto.start();
    assert.equal((await open(t, mosquitto.port, session)).sessionPresent, false);
  });
});

describe('publishing', () => {
  for (const version of [4, 5] as const) {
    for (const qos of [0, 1, 2] as const) {
      test(`resolves at QoS ${qos}, version ${version}`, async (t) => {
        const { port } = await broker(t);
        const { got } = await listen(t, port, 'test/topic');
        const link = await open(t, port, { version });
        await link.publish({ topic: 'test/topic', payload: Buffer.from([0, 255]), qos, retain: false });
        const { payload, retain } = await eventually('it', () => got[0] ?? null);
        assert.deepEqual([...payload], [0, 255]);
        assert.equal(retain, false);
      });
    }
  }

  test('knows what the broker takes', async (t) => {
    const { port } = await broker(t, { config: ['max_inflight_messages 7', 'max_packet_size 2000'] });
    const link = await open(t, port);
    assert.equal(link.receiveMaximum, 7);
    assert.equal(link.maximumPacketBytes, 2_000);
    const old = await open(t, port, { version: 4 });
    assert.equal(old.receiveMaximum, 65_535);
  });

  test('resolves although nobody has subscribed', async (t) => {
    const { port } = await broker(t);
    await (await open(t, port)).publish(message('x'));
  });

  for (const qos of [1, 2] as const) {
    test(`says 'not-authorised' to a topic the ACL denies, and goes on (QoS ${qos})`, async (t) => {
      const acl = 'user kit\ntopic write test/topic\n';
      const { port } = await broker(t, { users: { kit: 'secret' }, acl });
      const link = await open(t, port, { username: 'kit', password: 'secret' });
      const denied = link.publish({ topic: 'other/topic', payload: 'x', qos, retain: false });
      await assert.rejects(denied, { code: 'not-authorised', hint: /ACL/ });
      await link.publish(message('x', qos));
    });
  }

  for (const clean of [true, false]) {
    test(`says 'closed' when the broker dies before it answered (clean: ${clean})`, async (t) => {
      const mosquitto = await broker(t);
      const link = await open(t, mosquitto.port, { clean });
      mosquitto.freeze();
      const sent = ([1, 2] as const).map((qos) => link.publish(message('x', qos)));
      const refused = Promise.all(sent.map((promise) => assert.rejects(promise, { code: 'closed', retryable: true })));
      await delay(50);
      await mosquitto.kill();
      await refused;
      assert.equal(await codeOfClose(link), 'closed');
    });
  }

  test('finds out by itself that the other side is gone', async (t) => {
    const mosquitto = await broker(t);
    const proxy = new LinkProxy({ targetHost: '127.0.0.1', targetPort: mosquitto.port });
    const link = await open(t, await proxy.start(), { keepaliveS: 1 });
    t.after(() => proxy.stop());
    proxy.blackhole();
    const sent = assert.rejects(link.publish(message('x')), { code: 'closed' });
    assert.match((await link.closed).message, /keepalive/i);
    await sent;
  });

  test('what is too large for the broker closes the connection, and says so', async (t) => {
    const { port } = await broker(t, { config: ['message_size_limit 100'] });
    const link = await open(t, port);
    await assert.rejects(link.publish(message('x'.repeat(200))), { code: 'closed' });
    assert.match((await link.closed).message, /puback/);
  });
});

describe('connecting', () => {
  test('with the wrong password, or none', async (t) => {
    const { port } = await broker(t, { users: { kit: 'secret' } });
    for (const version of [4, 5] as const) {
      const wrong = openLink(optionsFor(port, { version, username: 'kit', password: 'wrong' }));
      await assert.rejects(wrong, { code: 'credentials', retryable: true, hint: /password/ });
      await assert.rejects(openLink(optionsFor(port, { version })), { code: 'credentials' });
      await open(t, port, { version, username: 'kit', password: 'secret' });
    }
  });

  test('to a port where nothing listens, and to a host that does not exist', async () => {
    const port = await freePort();
    for (const host of ['127.0.0.1', 'localhost']) {
      const refused = openLink(optionsFor(port, { host }));
      await assert.rejects(refused, {
        code: 'refused',
        message: new RegExp(`${host}:${port}`),
        hint: /start the broker/,
      });
    }
    const nowhere = openLink(optionsFor(port, { host: 'no-such-host.invalid' }));
    await assert.rejects(nowhere, { code: 'unreachable', message: /no-such-host\.invalid/ });
  });

  test('with TLS', async (t) => {
    const { caFile, server } = makeCertificates(tempFolder(t));
    const { port } = await broker(t, { tls: { caFile, ...server } });
    for (const host of ['127.0.0.1', 'localhost']) {
      await (await open(t, port, { host, tls: { caFile, insecure: false } })).publish(message('x'));
    }
    await (await open(t, port, { tls: { insecure: true } })).publish(message('x'));
    const unknown = openLink(optionsFor(port, { tls: { insecure: false } }));
    await assert.rejects(unknown, { code: 'tls', hint: /CA file/ });
    const plain = openLink(optionsFor(port));
    await assert.rejects(plain, { code: 'closed', hint: /TLS/ });
  });

  test('with a certificate for another name', async (t) => {
    const { caFile, client } = makeCertificates(tempFolder(t), 'somebody-else');
    const { port } = await broker(t, { tls: { caFile, ...client } });
    await assert.rejects(openLink(optionsFor(port, { tls: { caFile, insecure: false } })), { code: 'tls' });
  });

  test('with a certificate of our own where the broker wants one', async (t) => {
    const { caFile, server, client } = makeCertificates(tempFolder(t), 'kit-a');
    const config = ['require_certificate true', 'use_identity_as_username true', 'log_type all'];
    const { port, log } = await broker(t, { tls: { caFile, ...server }, config });
    const link = await open(t, port, { tls: { caFile, ...client, insecure: false } });
    await link.publish(message('x'));
    await eventually('its name', () => /u'kit-a'/.test(log()));
    await assert.rejects(openLink(optionsFor(port, { tls: { caFile, insecure: false } })), { code: 'tls' });
  });

  for (const insecure of [true, false]) {
    test(`with TLS where there is none (insecure: ${insecure})`, async (t) => {
      const { port } = await broker(t);
      await assert.rejects(openLink(optionsFor(port, { tls: { insecure } })), { code: 'tls', hint: /8883/ });
    });
  }
});

describe('leaving', () => {
  const will = { topic: 'test/will', payload: 'offline', qos: 1, retain: false } as const;

  test('the will is sent when the connection breaks, and not when the link ends', async (t) => {
    const { port } = await broker(t);
    const proxy = new LinkProxy({ targetHost: '127.0.0.1', targetPort: port });
    const proxied = await proxy.start();
    t.after(() => proxy.stop());
    const { got } = await listen(t, port, 'test/will');
    for (const version of [4, 5] as const) {
      const orderly = await open(t, proxied, { will, version });
      await orderly.end();
      await delay(100);
      assert.equal(got.length, 0);
      const broken = await open(t, proxied, { will, version });
      proxy.cut();
      await broken.closed;
      await eventually('the will', () => got.length === 1);
      proxy.heal();
      got.length = 0;
    }
  });

  test('what is in flight is confirmed before it says goodbye', async (t) => {
    const { port } = await broker(t);
    const { got } = await listen(t, port, 'test/topic');
    const link = await open(t, port);
    const sent = Array.from({ length: 20 }, (_, i) => link.publish(message(String(i), 2)));
    await link.end();
    await Promise.all(sent);
    await eventually('twenty', () => got.length === 20);
  });

  for (const inFlight of [true, false]) {
    test(`it takes no longer than it may when the broker hangs (in flight: ${inFlight})`, async (t) => {
      const mosquitto = await broker(t);
      const link = await open(t, mosquitto.port);
      mosquitto.freeze();
      const sent = inFlight ? assert.rejects(link.publish(message('x')), { code: 'closed' }) : null;
      const startedAt = performance.now();
      await link.end(300);
      assert.ok(performance.now() - startedAt < 1_500);
      await sent;
    });
  }

  test('another client with the same id takes the connection over', async (t) => {
    const { port } = await broker(t);
    for (const version of [4, 5] as const) {
      const first = await open(t, port, { clientId: 'same', version });
      const second = await open(t, port, { clientId: 'same', version });
      // Not every mosquitto 2.0 gives the reason, even on version 5: test/unit/base/mqtt-link.test.ts has one that does.
      assert.match(String(await codeOfClose(first)), version === 5 ? /^(closed|taken-over)$/ : /^closed$/);
      await second.publish(message('x'));
    }
  });
});
