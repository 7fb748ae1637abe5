// What is put around a message.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { epoch, type SinkEnvelope, seal, seq, sinkEnvelope } from '../../../src/schema/envelope.js';

const SINK: SinkEnvelope = { v: 1, epoch: '00000001a1b2c3d4', seq: 7, replay: true };

describe('seal', () => {
  test('is the same as parsing, adding and writing again', () => {
    const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(object, fc.string({ unit: 'binary' }), (message, seenBy) => {
        const body = JSON.stringify(message);
        assert.deepEqual(JSON.parse(seal(body, seenBy, SINK)), { ...JSON.parse(body), seen_by: seenBy, sink: SINK });
      }),
    );
  });

  test('takes a name with quotes, and an empty message', () => {
    assert.deepEqual(JSON.parse(seal('{}', 'a"\\b', SINK)), { seen_by: 'a"\\b', sink: SINK });
    assert.deepEqual(JSON.parse(seal('{"id":"\\"}"}', 'k', SINK)), { id: '"}', seen_by: 'k', sink: SINK });
  });

  test('wins over what the message says of itself', () => {
    const sealed: unknown = JSON.parse(seal('{"seen_by":"x","sink":{"seq":1}}', 'k', SINK));
    assert.deepEqual(sealed, { seen_by: 'k', sink: SINK });
  });
});

describe('the envelope', () => {
  test('takes what the kit writes, and drops what it does not know', () => {
    for (const sink of [SINK, { v: 1, epoch: SINK.epoch, seq: 1 }, { ...SINK, observed_raw: 1795447810.151234 }]) {
      assert.deepEqual(sinkEnvelope.parse(sink), sink);
    }
    assert.deepEqual(sinkEnvelope.parse({ ...SINK, later: 1 }), SINK);
  });

  test('refuses another version, epoch or number', () => {
    const wrong = [
      { ...SINK, v: 2 },
      { ...SINK, v: '1' },
      ...['', 'A1B2C3D400000001', '00000001a1b2c3d', '00000001a1b2c3d4e', '0000000_a1b2c3d4', 1].map((bad) => ({
        ...SINK,
        epoch: bad,
      })),
      ...[0, -1, 1.5, '7', 2 ** 53, Number.NaN, null].map((bad) => ({ ...SINK, seq: bad })),
      { ...SINK, replay: 'yes' },
      { ...SINK, observed_raw: 'now' },
      null,
      [],
    ];
    for (const sink of wrong) assert.equal(sinkEnvelope.safeParse(sink).success, false, JSON.stringify(sink));
    assert.ok(epoch.safeParse(SINK.epoch).success && seq.safeParse(Number.MAX_SAFE_INTEGER).success);
  });
});
