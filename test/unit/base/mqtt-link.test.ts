// The link against a broker that misbehaves on purpose; with a real one it is tried in test/e2e/mqtt-link.test.ts.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type LinkOptions, type MqttLink, openLink } from '../../../src/base/mqtt-link.js';
import { freePort } from '../../../src/simulate/ports.js';
import { connack, PACKET, packet, publish, type Script, ScriptedBroker } from '../../fixtures/scripted-broker.js';

const SOON_MS = 3_000;

function optionsFor(port: number, options: Partial<LinkOptions> = {}): LinkOptions {
  return { host: '127.0.0.1', port, version: 5, clientId: 'c', keepaliveS: 60, clean: true, ...options };
}

async function open(t: TestContext, port: number, options: Partial<LinkOptions> = {}): Promise<MqttLink> {
  const link = await openLink(optionsFor(port, options));
  t.after(() => link.end(50));
  return link;
}

/** Fails instead of waiting for ever. */
async function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${SOON_MS} ms: ${what}`)), SOON_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** How many timers and sockets keep this process alive. */
function held(): number {
  return process.getActiveResourcesInfo().filter((name) => /Timeout|TCP/.test(name)).length;
}

const connects =
  (others: Script = () => null): Script =>
  (received, socket) =>
    received.type === PACKET.connect ? connack() : others(received, socket);

/** SUBACK for one topic, with this reason code. */
const subacks = (code: number): Script =>
  connects(({ type, body }) => (type === PACKET.subscribe ? packet(9, 0, body[0] ?? 0, body[1] ?? 0, 0, code) : null));

describe('a link', () => {
  test('acknowledges nothing of a kept session before somebody takes it', async (t) => {
    // A session that the broker kept comes in one TCP segment with CONNACK.
    const burst = Buffer.concat([connack(0, true), publish('t', 'one', 1), publish('t', 'two', 2)]);
    const broker = await ScriptedBroker.start(t, ({ type }) => (type === PACKET.connect ? burst : null));
    const link = await open(t, broker.port, { clean: false });
    assert.equal(link.sessionPresent, true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const taken: string[] = [];
    const acks: (() => void)[] = [];
    link.onMessage(({ payload, ack }) => {
      taken.push(payload.toString());
      acks.push(ack);
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(taken, ['one', 'two']);
    assert.equal(broker.of(PACKET.puback).length, 0);
    for (const ack of acks) ack();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(broker.of(PACKET.puback).map(({ body }) => body[1]), [1, 2]); // biome-ignore format: short
  });

  for (const code of [0x80, 0x87]) {
    test(`names the topic whose subscription is refused with 0x${code.toString(16)}`, async (t) => {
      const broker = await ScriptedBroker.start(t, subacks(code));
      const link = await open(t, broker.port);
      await assert.rejects(soon('the refusal', link.subscribe(['secret/+'], 1)), {
        code: 'not-authorised',
        message: /secret\/\+/,
        hint: /ACL/,
      });
    });
  }

  test('closes at an answer that mqtt.js cannot read, without waiting for the keepalive', async (t) => {
    const broker = await ScriptedBroker.start(
      t,
      connects(({ type, body }) => {
        if (type !== PACKET.publish) return null;
        const at = 2 + (body[1] ?? 0);
        return packet(PACKET.puback, 0, body[at] ?? 0, body[at + 1] ?? 0, 0x95);
      }),
    );
    const link = await open(t, broker.port);
    const sent = link.publish({ topic: 't', payload: 'x', qos: 1, retain: false });
    await assert.rejects(soon('the end of the publish', sent), { code: 'closed' });
    const reason = await soon('the close', link.closed);
    assert.match(reason.message, /reason code/);
  });

  test('closes at DISCONNECT even when the broker leaves the socket open', async (t) => {
    const broker = await ScriptedBroker.start(
      t,
      connects(({ type }) => (type === PACKET.publish ? packet(PACKET.disconnect, 0, 0x8e, 0) : null)),
    );
    const link = await open(t, broker.port);
    const sent = link.publish({ topic: 't', payload: 'x', qos: 1, retain: false });
    await assert.rejects(soon('the end of the publish', sent), { code: 'closed' });
    const reason = await soon('the close', link.closed);
    assert.equal((reason as Error & { code: string }).code, 'taken-over');
  });

  for (const clean of [true, false]) {
    test(`settles what was in flight when the connection breaks (clean: ${clean})`, async (t) => {
      let published = 0;
      const broker = await ScriptedBroker.start(
        t,
        connects(({ type }, socket) => {
          if (type === PACKET.publish) published += 1;
          if (published === 3) setTimeout(() => socket.resetAndDestroy(), 20);
          return null;
        }),
      );
      const link = await open(t, broker.port, { clean });
      const sent = ([1, 2, 1] as const).map((qos) => link.publish({ topic: 't', payload: 'x', qos, retain: false }));
      const settled = await soon('all of them', Promise.allSettled([...sent, link.subscribe(['t'], 1)]));
      assert.deepEqual(
        settled.map((result) => result.status === 'rejected' && (result.reason as { code: string }).code),
        ['closed', 'closed', 'closed', 'closed'],
      );
      const late = link.publish({ topic: 't', payload: 'x', qos: 1, retain: false });
      await assert.rejects(soon('a publish after the close', late), { code: 'closed' });
      await assert.rejects(soon('a subscription after the close', link.subscribe(['t'], 1)), { code: 'closed' });
      await soon('the end of what has ended', link.end());
    });
  }

  test('ends in time when nobody answers any more', async (t) => {
    const broker = await ScriptedBroker.start(t, connects());
    const link = await open(t, broker.port);
    const sent = link.publish({ topic: 't', payload: 'x', qos: 1, retain: false });
    const refused = assert.rejects(soon('the end of the publish', sent), { code: 'closed' });
    await soon('the end', link.end(100));
    await refused;
  });
});

describe('opening a link', () => {
  const refusals: [number, string][] = [
    [0x84, 'version'],
    [0x85, 'client-id'],
    [0x86, 'credentials'],
    [0x87, 'credentials'],
    [0x88, 'unavailable'],
    [0x8a, 'credentials'],
    [0x97, 'unavailable'],
    [0x9f, 'unavailable'],
  ];
  for (const [reasonCode, code] of refusals) {
    test(`says '${code}' to CONNACK 0x${reasonCode.toString(16)}`, async (t) => {
      const broker = await ScriptedBroker.start(t, () => connack(reasonCode));
      await assert.rejects(soon('the refusal', openLink(optionsFor(broker.port))), { code, retryable: true });
    });
  }

  test('gives up when CONNECT is not answered', async (t) => {
    const broker = await ScriptedBroker.start(t, () => null);
    const opening = openLink(optionsFor(broker.port, { connectTimeoutMs: 100 }));
    await assert.rejects(soon('the timeout', opening), { code: 'timeout', hint: /MQTT broker/ });
  });

  test('says that this is no broker when something else answers', async (t) => {
    const broker = await ScriptedBroker.start(t, () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await assert.rejects(soon('the refusal', openLink(optionsFor(broker.port))), { code: 'closed', hint: /port/ });
  });

  test('leaves no timer and no socket behind when it fails', async () => {
    const before = held();
    await assert.rejects(openLink(optionsFor(await freePort())), { code: 'refused' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(held() <= before, process.getActiveResourcesInfo().join());
  });

  test('names a certificate file that cannot be read', async () => {
    const tls = { caFile: '/nowhere/ca.pem', insecure: false };
    await assert.rejects(openLink(optionsFor(1, { tls })), { code: 'tls', message: /\/nowhere\/ca\.pem/ });
  });

  test('names a certificate file that is none', async () => {
    const tls = { caFile: import.meta.filename, certFile: import.meta.filename, insecure: false };
    await assert.rejects(openLink(optionsFor(1, { tls })), { code: 'tls', hint: /PEM/ });
  });
});
