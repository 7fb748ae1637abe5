// The receiving end over real sockets: with a real client of either version, and with clients that behave badly.
import assert from 'node:assert/strict';
import { connect as connectSocket, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { packetBytes } from '../../../src/base/mqtt-packets.js';
import { MqttReceiver, type PushedMessage, type PushHandler } from '../../../src/base/mqtt-receiver.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { eventually } from '../../fixtures/processes.js';

interface Setup {
  readonly receiver: MqttReceiver;
  readonly log: MemoryLog;
  readonly messages: PushedMessage[];
}

const ackAll: PushHandler = async (messages) => {
  for (const message of messages) message.ack();
};

async function setUp(t: TestContext, onMessages: PushHandler = ackAll, keeps = true): Promise<Setup> {
  const log = new MemoryLog();
  const messages: PushedMessage[] = [];
  const receiver = new MqttReceiver({
    host: '127.0.0.1',
    port: 0,
    onMessages: (some) => {
      if (keeps) messages.push(...some);
      return onMessages(some);
    },
    log,
  });
  await receiver.start();
  t.after(() => receiver.stop());
  return { receiver, log, messages };
}

async function client(t: TestContext, receiver: MqttReceiver, options: IClientOptions = {}): Promise<MqttClient> {
  const url = `mqtt://127.0.0.1:${receiver.port}`;
  const connected = await connectAsync(url, { protocolVersion: 5, reconnectPeriod: 0, ...options }, false);
  connected.on('error', () => {});
  t.after(() => connected.end(true));
  return connected;
}

function raw(t: TestContext, receiver: MqttReceiver, ...bytes: Buffer[]): Socket {
  const socket = connectSocket(receiver.port, '127.0.0.1');
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  for (const some of bytes) socket.write(some);
  return socket;
}

const CONNECT = packetBytes({ cmd: 'connect', clientId: 'raw', protocolVersion: 5, clean: true, keepalive: 0 }, 5);

for (const protocolVersion of [5, 4] as const) {
  describe(`a client of MQTT ${protocolVersion === 5 ? '5' : '3.1.1'}`, () => {
    test('is heard at every QoS, and confirmed when its message is dealt with', async (t) => {
      let commit = (): void => {};
      const { receiver, messages } = await setUp(t, async (some) => {
        await new Promise<void>((resolve) => {
          commit = resolve;
        });
        for (const message of some) message.ack();
      });
      const publisher = await client(t, receiver, { protocolVersion, username: 'u', password: 'p' });
      assert.equal(receiver.connected, 1);
      for (const qos of [0, 1, 2] as const) {
        const confirmed = publisher.publishAsync(`t/${qos}`, Buffer.from([qos]), { qos, retain: true });
        await eventually('the message', () => messages.length === qos + 1);
        if (qos > 0) assert.equal(await Promise.race([confirmed, 'not yet']), 'not yet');
        commit();
        await confirmed;
      }
      assert.deepEqual(
        messages.map(({ topic, payload, cut }) => [topic, payload.readUInt8(), cut]),
        [
          ['t/0', 0, false],
          ['t/1', 1, false],
          ['t/2', 2, false],
        ],
      );
      await publisher.endAsync();
      await eventually('gone', () => receiver.connected === 0);
    });

    test('that wants to subscribe is told no, and may go on publishing', async (t) => {
      const { receiver, log, messages } = await setUp(t);
      const curious = await client(t, receiver, { protocolVersion });
      for (const topic of ['#', 'wardragon/#', '$SYS/#']) {
        const refused = await curious.subscribeAsync(topic).then(
          ([granted]) => granted?.qos === 128,
          () => true,
        );
        assert.ok(refused, topic);
      }
      await curious.unsubscribeAsync('#').catch(() => {});
      await curious.publishAsync('t', 'x', { qos: 1 });
      assert.equal(messages.length, 1);
      assert.equal(receiver.subscriptions, 3);
      assert.deepEqual(log.texts.length, 1, 'said once');
    });

    test('whose message is refused is closed, and so sends it again', async (t) => {
      const { receiver } = await setUp(t, async (some) => {
        for (const message of some) message.refuse();
      });
      const publisher = await client(t, receiver, { protocolVersion });
      await publisher.publishAsync('t', 'x', { qos: 0 });
      assert.equal(receiver.closed.refused, 0);
      const closed = new Promise<void>((resolve) => publisher.once('close', () => resolve()));
      publisher.publish('t', 'x', { qos: 1 });
      await closed;
      assert.equal(receiver.closed.refused, 1);
    });

    test('may send a megabyte: its beginning is taken, and what follows is whole', async (t) => {
      const { receiver, messages } = await setUp(t);
      const publisher = await client(t, receiver, { protocolVersion });
      const bytes = (payload: Buffer) =>
        packetBytes({ cmd: 'publish', topic: 't', payload, qos: 0, dup: false, retain: false }, protocolVersion);
      publisher.stream.write(bytes(Buffer.alloc(1_000_000, 'x')));
      publisher.stream.write(bytes(Buffer.from('y')));
      await eventually('both', () => messages.length === 2);
      assert.deepEqual(messages.map(({ cut }) => cut), [true, false]); // biome-ignore format: short
      assert.ok((messages[0]?.payload.length ?? 0) < 65_536);
    });
  });
}

describe('a client that behaves badly', () => {
  test('is closed when it does not speak MQTT, and that is counted and said once', async (t) => {
    const { receiver, log } = await setUp(t);
    const junk = [Buffer.from('GET / HTTP/1.1\r\n\r\n'.repeat(20)), Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff])];
    const early = packetBytes({ cmd: 'publish', topic: 't', payload: 'x', qos: 0, dup: false, retain: false }, 4);
    for (const bytes of [
      ...junk,
      early,
      Buffer.concat([CONNECT, CONNECT]),
      Buffer.concat([CONNECT, junk[1] ?? early]),
    ]) {
      const socket = raw(t, receiver, bytes);
      await new Promise((resolve) => socket.once('close', resolve).resume());
    }
    assert.equal(receiver.closed['no-mqtt'], 5);
    assert.equal(log.texts.filter((text) => text.includes('was closed')).length, 1);
  });

  test('is refused when it speaks MQTT 3.1, or wants a session without a name', async (t) => {
    const { receiver } = await setUp(t);
    const old = packetBytes(
      { cmd: 'connect', protocolId: 'MQIsdp', protocolVersion: 3, clientId: 'c', clean: true, keepalive: 0 },
      4,
    );
    const nameless = Buffer.from([0x10, 12, 0, 4, ...Buffer.from('MQTT'), 4, 0, 0, 60, 0, 0]);
    for (const [bytes, code] of [
      [old, 1],
      [nameless, 2],
    ] as const) {
      // biome-ignore format: pairs
      const socket = raw(t, receiver, bytes);
      const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
      assert.deepEqual([...answer], [0x20, 2, 0, code]);
      await new Promise((resolve) => socket.once('close', resolve).resume());
    }
  });

  test('that never reads is closed before its answers fill the memory', async (t) => {
    const { receiver } = await setUp(t);
    const socket = raw(t, receiver, CONNECT);
    socket.pause();
    // What is answered with most.
    const subscriptions = Array.from({ length: 10_000 }, () => ({ topic: 'a', qos: 0 }) as const);
    const subscribe = packetBytes({ cmd: 'subscribe', messageId: 1, subscriptions }, 5);
    const flood = setInterval(() => socket.writableLength < 4e6 && socket.write(subscribe), 1);
    t.after(() => clearInterval(flood));
    await eventually('its end', () => receiver.closed.unread === 1);
  });

  test('of which there are too many makes room for those that send', async (t) => {
    const { receiver, messages } = await setUp(t);
    const useful = await client(t, receiver);
    await useful.publishAsync('t', 'x', { qos: 1 });
    for (let i = 0; i < 60; i += 1) raw(t, receiver, CONNECT);
    await eventually('the last of them', () => receiver.closed.crowded >= 29);
    await useful.publishAsync('t', 'y', { qos: 1 });
    assert.equal(messages.length, 2);
    assert.ok(receiver.connected <= 32);
  });

  test('that floods takes turns with one that does not', async (t) => {
    const heard = { flood: 0, real: 0 };
    const count: PushHandler = async (some) => {
      for (const message of some) {
        heard[message.topic as 'flood' | 'real'] += 1;
        message.ack();
      }
      await nextTurn();
    };
    const { receiver } = await setUp(t, count, false);
    const socket = raw(t, receiver, CONNECT);
    const one = packetBytes({ cmd: 'publish', topic: 'flood', payload: 'x', qos: 0, dup: false, retain: false }, 5);
    const lot = Buffer.alloc(one.length * 10_000, one);
    const flood = setInterval(() => socket.writableLength < 1e6 && socket.write(lot), 1);
    t.after(() => clearInterval(flood));
    const quiet = await client(t, receiver);
    await eventually('a flood', () => heard.flood > 3_000);
    const before = heard.flood;
    for (let i = 0; i < 20; i += 1) await quiet.publishAsync('real', String(i), { qos: 1 });
    const meanwhile = heard.flood - before;
    assert.equal(heard.real, 20);
    assert.ok(meanwhile < 20_000, `${meanwhile} of the flood meanwhile`);
    await eventually('more of the flood', () => heard.flood > before);
  });
});

test('the port of another program is an error that says so', async (t) => {
  const { receiver, log } = await setUp(t);
  const second = new MqttReceiver({ host: '127.0.0.1', port: receiver.port, onMessages: ackAll, log });
  await assert.rejects(second.start(), { code: 'EADDRINUSE' });
});
