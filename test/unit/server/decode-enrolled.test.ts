// What counts of a kit that is enrolled: what comes on its own topics.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeFrame } from '../../../src/schema/stream-frame.js';
import { DEFAULT_TOPICS, streamTopic } from '../../../src/schema/topics.js';
import { Decoder } from '../../../src/server/decode.js';
import type { Batch } from '../../../src/server/store.js';

const NOW_S = 1_795_447_900;
const KIT = 'wardragon.A';
const sink = { v: 1 as const, epoch: '00000001abcdef01', seq: 1 };
const drone = { id: 'drone-1', observed_at: NOW_S, lat: 42, lon: -71 };

function decode(topic: string, payload: object | Buffer, from?: string): Batch {
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload));
  const incoming = { topic, payload: bytes, receivedUs: NOW_S * 1e6, ...(from === undefined ? {} : { from }) };
  return new Decoder(DEFAULT_TOPICS, (kitId) => kitId === KIT).decode(incoming);
}

const NOTHING = { observations: [], rejects: [], contacts: [], reports: [] };

describe('an enrolled kit', () => {
  for (const topic of ['drones', 'drone/drone-1', 'system/attrs', 'system']) {
    test(`is not believed to have sent on wardragon/${topic}, under whatever field`, () => {
      for (const name of ['seen_by', 'kit_id']) {
        assert.deepEqual(decode(`wardragon/${topic}`, { ...drone, [name]: KIT, sink }), NOTHING);
      }
    });
  }

  test('costs its neighbours in a list nothing', () => {
    const other = { ...drone, seen_by: 'wardragon-B' };
    const { observations, rejects } = decode('wardragon/drones', [{ ...drone, seen_by: KIT, sink }, other]);
    assert.deepEqual(observations.map(({ kitId }) => kitId), ['wardragon-B']); // biome-ignore format: short
    assert.deepEqual(rejects, []);
  });

  test('is believed in its frames, and its numbers count', () => {
    const [observation] = decode(
      streamTopic(KIT),
      encodeFrame(KIT, [{ kind: 'drone', fields: drone, sink }]),
    ).observations;
    assert.deepEqual([observation?.kitId, observation?.identity], [KIT, { epoch: sink.epoch, seq: 1 }]);
  });

  test('is believed on its own health topic, and nobody else is there for it', () => {
    const health = { id: KIT, observed_at: NOW_S, cpu_usage: 3 };
    assert.equal(decode('wardragon/system/wardragon_A/attrs', health).observations.length, 1);
    assert.deepEqual(decode('wardragon/system/wardragon-B/attrs', health), NOTHING);
  });

  test('is asked over HTTP as before: then it is known whom the answer is from', () => {
    assert.equal(decode('wardragon/drones', { ...drone, seen_by: KIT }, KIT).observations.length, 1);
  });
});

test('a kit that nobody has enrolled is taken at its word', () => {
  const [observation] = decode('wardragon/drones', { ...drone, seen_by: 'wardragon-B', sink }).observations;
  assert.deepEqual(observation?.identity, { epoch: sink.epoch, seq: 1 });
});
