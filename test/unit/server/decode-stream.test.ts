// One stream frame in, the same batch out as for its messages on their topics.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeFrame } from '../../../src/schema/stream-frame.js';
import type { StreamMessage } from '../../../src/schema/stream-rows.js';
import { DEFAULT_TOPICS, historyTopic, streamTopic } from '../../../src/schema/topics.js';
import { Decoder, MAX_PAYLOAD_BYTES } from '../../../src/server/decode.js';
import { retry, type StoredReject } from '../../../src/server/rejects.js';
import type { Batch } from '../../../src/server/store.js';
import { frameOf } from '../../fixtures/frame-of-text.js';

const NOW_S = 1_795_447_900;
const RECEIVED_US = NOW_S * 1e6;
const EPOCH = '00000001abcdef01';
const KIT = 'wardragon.A'; // whose topic level is not its id

function message(seq: number, of: Partial<StreamMessage> = {}): StreamMessage {
  const fields = { id: `drone-${seq}`, observed_at: NOW_S - 10 + seq, lat: 42.5, lon: -71.5, n: seq };
  return { kind: 'drone', fields, sink: { v: 1, epoch: EPOCH, seq, replay: true }, ...of };
}

const MESSAGES: readonly StreamMessage[] = [
  message(1),
  message(2),
  message(3, { kind: 'aircraft', fields: { icao: 'A00001', observed_at: NOW_S - 3, alt: 9_000 } }),
  message(4, { kind: 'signal', fields: { uid: 'fpv-1', observed_at: NOW_S - 2, center_hz: 5.8e9 } }),
  message(5, { kind: 'system', fields: { id: KIT, observed_at: NOW_S - 1, cpu_usage: 3 } }),
];

function decode(payload: Buffer, topic = streamTopic(KIT)): Batch {
  return new Decoder(DEFAULT_TOPICS).decode({ topic, payload, receivedUs: RECEIVED_US });
}

function onTopic({ kind, fields, sink }: StreamMessage): { topic: string; payload: Buffer; receivedUs: number } {
  const payload = Buffer.from(JSON.stringify({ ...fields, seen_by: KIT, sink }));
  return { topic: historyTopic(DEFAULT_TOPICS, kind, KIT), payload, receivedUs: RECEIVED_US };
}

describe('a stream frame', () => {
  test('is the same observations as its messages on their topics, and one contact', () => {
    const decoder = new Decoder(DEFAULT_TOPICS);
    const framed = decode(encodeFrame(KIT, MESSAGES));
    const alone = MESSAGES.map((one) => decoder.decode(onTopic(one)));
    const bare = ({ observations }: Batch): unknown[] => observations.map(({ source: _, ...one }) => one);
    assert.deepEqual(bare(framed), alone.flatMap(bare));
    assert.deepEqual(framed.rejects, []);
    assert.deepEqual(framed.contacts, [{ kitId: KIT, atUs: RECEIVED_US, online: true }]);
  });

  test('that says it is from another kit than its topic is rejected whole', () => {
    for (const topic of [streamTopic('wardragon-B'), 'wardragon/sink/wardragon.A/stream']) {
      const payload = encodeFrame(KIT, MESSAGES);
      const { observations, rejects, contacts } = decode(payload, topic);
      assert.deepEqual([observations, contacts], [[], []]);
      const [reject, ...more] = rejects;
      assert.deepEqual([reject?.reason, reject?.topic, reject?.identity, more], ['kit', topic, null, []]);
      assert.deepEqual(reject?.payload, payload);
    }
    const nameless = decode(encodeFrame('a b', MESSAGES), streamTopic('a b'));
    assert.deepEqual(nameless.rejects.map(({ reason }) => reason), ['kit']); // biome-ignore format: short
  });

  test('that can not be read is rejected whole, with why', () => {
    for (const payload of [Buffer.from('{}'), encodeFrame(KIT, MESSAGES).subarray(0, -5), Buffer.alloc(70_000, 7)]) {
      const { observations, rejects } = decode(payload);
      assert.deepEqual([observations, rejects.map(({ reason }) => reason)], [[], ['frame']]);
      assert.match(rejects[0]?.detail ?? '', /^not a frame: /);
      assert.ok((rejects[0]?.payload.length ?? 0) <= 16_384);
    }
  });

  test('with a message in it that is too large for its topic is stored but for that one', () => {
    const large = message(2, { fields: { id: 'drone-2', n: 'x'.repeat(MAX_PAYLOAD_BYTES) } });
    const { observations, rejects } = decode(encodeFrame(KIT, [message(1), large, message(3)]));
    assert.deepEqual(observations.map(({ thing }) => thing), ['drone-1', 'drone-3']); // biome-ignore format: short
    const [alone] = new Decoder(DEFAULT_TOPICS).decode(onTopic(large)).rejects;
    assert.deepEqual(rejects, [alone]);
  });

  test('that is nested without end is no fault of ours', () => {
    const nested = JSON.stringify([KIT, ['d', 'E+', 'x', { n: 7 }]]).replace('7', '['.repeat(1e5) + ']'.repeat(1e5));
    const { rejects } = decode(frameOf(nested));
    assert.deepEqual(rejects.map(({ reason }) => reason), ['frame']); // biome-ignore format: short
  });

  test('with a bad message in it is stored but for that one, which can be tried again as from its topic', async () => {
    const bad = message(2, { fields: { id: 'drone-2', observed_at: NOW_S + 100_000 } });
    const { observations, rejects } = decode(encodeFrame(KIT, [message(1), bad, message(3)]));
    assert.deepEqual(observations.map(({ thing }) => thing), ['drone-1', 'drone-3']); // biome-ignore format: short
    const [reject, ...more] = rejects;
    assert.ok(reject && more.length === 0);
    assert.deepEqual([reject.reason, reject.kitId, reject.identity], ['time', KIT, { epoch: EPOCH, seq: 2 }]);
    assert.deepEqual([reject.topic, reject.payload.toString()], ['wardragon/drones', onTopic(bad).payload.toString()]);
    const store = async (_: StoredReject, [found]: Batch['observations']) => {
      assert.equal(found?.thing, 'drone-2');
      return 'stored' as const;
    };
    const rejectsStore = { store } as unknown as Parameters<typeof retry>[0];
    const later = RECEIVED_US + 86_400e6;
    const { outcome } = await retry(rejectsStore, new Decoder(DEFAULT_TOPICS), { ...reject, id: 1 }, later);
    assert.equal(outcome, 'stored');
  });
});
