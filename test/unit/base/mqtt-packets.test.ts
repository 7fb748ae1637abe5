// Bytes to packets: in whatever pieces they come, bounded whatever they say of themselves, and an error when they are no MQTT.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { errorCode } from '../../../src/base/errors.js';
import {
  MAX_PACKET_BYTES,
  type Packet,
  PacketReader,
  packetBytes,
  type ReadPacket,
} from '../../../src/base/mqtt-packets.js';

const CONNECT: Packet = { cmd: 'connect', clientId: 'c', protocolVersion: 5, clean: true, keepalive: 60 };

function message(topic: string, payload: string | Buffer): Packet {
  return { cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false };
}

const readAll = (reader: PacketReader, bytes: Buffer): ReadPacket[] => [...reader.read(bytes)];

function topicsOf(reader: PacketReader, bytes: Buffer, pieceBytes: number): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    for (const { packet } of reader.read(bytes.subarray(at, at + pieceBytes))) {
      found.push(packet.cmd === 'publish' ? packet.topic : packet.cmd);
    }
  }
  return found;
}

describe('packets', () => {
  test('are the same in pieces of any size', () => {
    const bytes = Buffer.concat([
      packetBytes(CONNECT, 5),
      packetBytes(message('a', 'x'.repeat(300)), 5),
      packetBytes({ cmd: 'pingreq' }, 5),
      packetBytes(message('b', ''), 5),
      packetBytes(message('c', Buffer.alloc(MAX_PACKET_BYTES - 100)), 5),
      packetBytes(message('d', 'y'), 5),
    ]);
    for (const pieceBytes of [1, 2, 3, 7, 1_000, 65_536, bytes.length]) {
      assert.deepEqual(topicsOf(new PacketReader(), bytes, pieceBytes), ['connect', 'a', 'pingreq', 'b', 'c', 'd']);
    }
  });

  test('beyond the limit are cut, whatever their size, and the next is whole', () => {
    for (const pieceBytes of [1_000, 65_536, 5_000_000]) {
      const reader = new PacketReader();
      readAll(reader, packetBytes(CONNECT, 5));
      const bytes = Buffer.concat([
        packetBytes(message('large', Buffer.alloc(1_000_000, 'x')), 5),
        packetBytes(message('b', 'y'), 5),
      ]);
      const found = [];
      for (let at = 0; at < bytes.length; at += pieceBytes)
        found.push(...reader.read(bytes.subarray(at, at + pieceBytes)));
      const shown = found.map(({ packet, cut }) => [
        packet.cmd === 'publish' && [packet.topic, packet.payload.length < MAX_PACKET_BYTES],
        cut,
      ]);
      assert.deepEqual(shown, [
        [['large', true], true],
        [['b', true], false],
      ]);
    }
  });

  test('that are large and no message are an error at once', () => {
    const reader = new PacketReader();
    readAll(reader, packetBytes(CONNECT, 5));
    const subscribe = Buffer.concat([Buffer.from([0x82, 0xc0, 0x84, 0x3d]), Buffer.alloc(MAX_PACKET_BYTES)]);
    assert.throws(
      () => readAll(reader, subscribe),
      (thrown) => errorCode(thrown) === 'too-large',
    );
  });

  const junk: [what: string, bytes: Buffer][] = [
    ['text', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20))],
    ['a length without an end', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['a message of no bytes', Buffer.from([0x30, 0x00])],
    ['a topic longer than its packet', Buffer.from([0x30, 0x03, 0xff, 0xff, 0x61])],
    ['flags that must be 0', Buffer.from([0xc3, 0x00])],
    ['a reserved type', Buffer.from([0x00, 0x00])],
    ['QoS 3', Buffer.from([0x36, 0x05, 0x00, 0x01, 0x61, 0x00, 0x01])],
  ];
  for (const [what, bytes] of junk) {
    test(`that are none are an error: ${what}`, () => {
      assert.throws(
        () => readAll(new PacketReader(), bytes),
        (thrown) => errorCode(thrown) === 'mqtt',
      );
    });
  }

  test('of random bytes are packets or an error of ours', () => {
    let seed = 7;
    const random = (): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    for (let round = 0; round < 2_000; round += 1) {
      const reader = new PacketReader();
      readAll(reader, packetBytes(CONNECT, 5));
      try {
        for (let i = 0; i < 5; i += 1) {
          readAll(
            reader,
            Buffer.from(Array.from({ length: Math.ceil(random() * 60) }, () => Math.floor(random() * 256))),
          );
        }
      } catch (thrown: unknown) {
        assert.ok(['mqtt', 'too-large'].includes(errorCode(thrown)), String(thrown));
      }
    }
  });
});
