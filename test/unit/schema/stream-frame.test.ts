// Stream frames: whatever goes in comes out as it would have come on its topic, and what is no frame is refused, quickly.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { PayloadError } from '../../../src/base/errors.js';
import { type JsonObject, parseJson } from '../../../src/base/json.js';
import { type SinkEnvelope, seal } from '../../../src/schema/envelope.js';
import { KINDS, type Kind } from '../../../src/schema/kinds.js';
import { MESSAGES } from '../../../src/schema/messages.js';
import { DICTIONARY } from '../../../src/schema/stream-dictionary.js';
import {
  decodeFrame,
  encodeFrame,
  MAX_FRAME_MESSAGES,
  MAX_FRAME_TEXT_BYTES,
} from '../../../src/schema/stream-frame.js';
import type { StreamMessage } from '../../../src/schema/stream-rows.js';
import { recordedHistory } from '../../fixtures/recordings.js';

const KIT = 'wardragon-LAB0001';
const EPOCH = '00000001abcdef01';
const HEADER_BYTES = 11;

/** As it would be read from its topic. */
function onItsTopic({ fields, sink }: StreamMessage, kitId = KIT): unknown {
  return parseJson(seal(JSON.stringify(fields), kitId, sink));
}

/** What a kit has in its spool is JSON. */
function spooled(kind: Kind, fields: JsonObject, sink: SinkEnvelope): StreamMessage {
  return { kind, fields: JSON.parse(JSON.stringify(fields)) as JsonObject, sink };
}

function assertRoundTrip(messages: readonly StreamMessage[], kitId = KIT): Buffer {
  const frame = encodeFrame(kitId, messages);
  const decoded = decodeFrame(frame);
  assert.equal(decoded.kitId, kitId);
  assert.deepEqual(
    decoded.messages.map(({ kind, text }) => [kind, parseJson(text)]),
    messages.map((message) => [message.kind, onItsTopic(message, kitId)]),
  );
  return frame;
}

function recorded(): StreamMessage[] {
  const seqs = new Map<Kind, number>();
  return recordedHistory('main').map(({ kind, message }) => {
    const seq = (seqs.get(kind) ?? 0) + 1;
    seqs.set(kind, seq);
    return spooled(kind, message, { v: 1, epoch: EPOCH, seq });
  });
}

/** A frame of any text, with the header it would have. */
function frameOf(text: string, { count = 1, bytes = DICTIONARY.bytes, id = DICTIONARY.id, version = 1 } = {}): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('DSF');
  header.writeUInt8(version, 3);
  header.writeUInt8(id, 4);
  header.writeUInt16BE(count, 5);
  header.writeUInt32BE(crc32(text, DICTIONARY.checksum), 7);
  return Buffer.concat([header, deflateRawSync(text, { dictionary: bytes })]);
}

function refusal(frame: Buffer): PayloadError {
  try {
    decodeFrame(frame);
  } catch (error: unknown) {
    assert.ok(error instanceof PayloadError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'it was taken' });
}

const sinks: fc.Arbitrary<SinkEnvelope> = fc.record(
  {
    v: fc.constant(1 as const),
    epoch: fc.constantFrom(EPOCH, '0000000212345678'),
    seq: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
    replay: fc.boolean(),
    observed_raw: fc.double({ noNaN: true, noDefaultInfinity: true }),
  },
  { requiredKeys: ['v', 'epoch', 'seq'] },
);

/** Fields of the dictionary and others, with likely and unlikely values, few things so that rows refer to rows. */
const messages: fc.Arbitrary<StreamMessage> = fc.constantFrom(...KINDS).chain((kind) => {
  const known = fc.constantFrom(...DICTIONARY.fields[kind]);
  const names = fc.oneof(
    { weight: 9, arbitrary: known },
    fc.constantFrom('seen_by', 'sink', '__proto__', 'x', '-', '+'),
  );
  const values = fc.oneof(
    fc.constantFrom('a', 'b', '', null, 0, 1, 1_795_447_810.3627677, -1e300, 42.36396138833733, '\ud800', 'x\0y'),
    fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>,
    ...Object.values(DICTIONARY.typical[kind]).map((value) => fc.constant(value)),
  );
  return fc
    .record({ pairs: fc.array(fc.tuple(names, values), { maxLength: 12 }), sink: sinks, usual: fc.boolean() })
    .map(({ pairs, sink, usual }) => {
      const fields: JsonObject = usual ? { ...DICTIONARY.typical[kind] } : {};
      for (const [name, value] of pairs)
        Object.defineProperty(fields, name, { value, enumerable: true, configurable: true });
      return spooled(kind, fields, sink);
    });
});

describe('a frame', () => {
  test('gives back every recorded message exactly', () => {
    const all = recorded();
    assert.ok(all.length > 100);
    for (let i = 0; i < all.length; i += MAX_FRAME_MESSAGES) assertRoundTrip(all.slice(i, i + MAX_FRAME_MESSAGES));
  });

  test('gives back whatever is JSON, in any order', () => {
    fc.assert(
      fc.property(fc.array(messages, { maxLength: 12 }), (list) => {
        assertRoundTrip(list);
      }),
      { numRuns: 2_000 },
    );
  });

  test('of a backlog is a twentieth of its messages, and one message alone is less than half', () => {
    const all = recorded().slice(0, MAX_FRAME_MESSAGES);
    const size = (list: readonly StreamMessage[]): number =>
      list.reduce((sum, one) => sum + Buffer.byteLength(JSON.stringify(onItsTopic(one))), 0);
    assert.ok(assertRoundTrip(all).length < size(all) / 20);
    const [first] = all;
    assert.ok(first && assertRoundTrip([first]).length < size([first]) / 2);
  });

  test('may be empty', () => {
    assertRoundTrip([]);
  });

  test('with one sequence number after the other spells none of them', () => {
    const list = (step: number): StreamMessage[] =>
      Array.from({ length: 200 }, (_, i) => spooled('drone', { id: 'd' }, { v: 1, epoch: EPOCH, seq: 1 + i * step }));
    assert.ok(assertRoundTrip(list(1)).length < assertRoundTrip(list(7)).length / 3);
  });
});

describe('what is no frame is refused:', () => {
  const good = encodeFrame(KIT, recorded().slice(0, 20));

  test('one that is cut anywhere', () => {
    for (let length = 0; length < good.length; length += 1) {
      assert.equal(refusal(good.subarray(0, length)).code, 'frame', `${length} bytes`);
    }
  });

  test('one with any bit turned over, unless it says the same all the same', () => {
    const whole = decodeFrame(good);
    for (let at = 0; at < good.length * 8; at += 1) {
      const damaged = Buffer.from(good);
      damaged[at >> 3] = (damaged[at >> 3] ?? 0) ^ (1 << (at & 7));
      try {
        assert.deepEqual(decodeFrame(damaged), whole);
      } catch (error: unknown) {
        assert.ok(error instanceof PayloadError && error.code === 'frame', String(error));
      }
    }
  });

  test('any bytes, also behind a right header', () => {
    const header = good.subarray(0, HEADER_BYTES);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(refusal(Buffer.from(bytes)).code, 'frame');
        assert.equal(refusal(Buffer.concat([header, bytes])).code, 'frame');
      }),
    );
  });

  test('one made with another dictionary, whether that has a number of its own or not', () => {
    const text = JSON.stringify([KIT, ['d', 'EF', 'drone-1581F', 1]]);
    assert.equal(decodeFrame(frameOf(text)).messages.length, 1);
    assert.match(refusal(frameOf(text, { id: 2 })).message, /dictionary 2 is not known here/);
    assert.match(refusal(frameOf(text, { version: 2 })).message, /version 2 is not known here/);
    const other = Buffer.from(DICTIONARY.bytes).reverse();
    assert.match(refusal(frameOf(text, { bytes: other })).message, /another dictionary/);
  });

  test('a bomb, without being unpacked', () => {
    const startedAt = performance.now();
    const memory = process.memoryUsage().rss;
    assert.match(refusal(frameOf(' '.repeat(60_000_000))).message, /not a frame/);
    const long = 'x'.repeat(100_000);
    const rows = [['d', 'EF', long, 1], ...Array.from({ length: 400 }, () => [1, ''])];
    assert.match(
      refusal(frameOf(JSON.stringify([KIT, ...rows]), { count: rows.length })).message,
      new RegExp(`more than ${MAX_FRAME_TEXT_BYTES} bytes`),
    );
    assert.ok(performance.now() - startedAt < 2_000);
    assert.ok(process.memoryUsage().rss - memory < 200e6);
  });

  test('one of more messages than it says, or than are allowed', () => {
    const rows = Array.from({ length: MAX_FRAME_MESSAGES + 1 }, () => ['d', 'E', 'x']);
    const text = JSON.stringify([KIT, ...rows]);
    assert.match(refusal(frameOf(text, { count: 7 })).message, /501 messages, and its header says 7/);
    assert.match(refusal(frameOf(text, { count: 501 })).message, /501 messages, at most 500/);
  });

  for (const [what, text] of [
    ['no JSON', '['],
    ['no list', '{}'],
    ['no kit', '[7,["d",""]]'],
    ['a row that is none', `["${KIT}",7]`],
    ['a row of an unknown kind', `["${KIT}",["x",""]]`],
    ['a row before the first', `["${KIT}",[1,""]]`],
    ['a row between two rows', `["${KIT}",[0.5,""]]`],
    ['a row without names', `["${KIT}",["d"]]`],
    ['a name without a value', `["${KIT}",["d","E"]]`],
    ['a value without a name', `["${KIT}",["d","",1]]`],
    ['a name that is none', `["${KIT}",["d","~",1]]`],
    ['two ends of names', `["${KIT}",["d","--"]]`],
    ['others that are no object', `["${KIT}",["d","+",[1]]]`],
  ] as const) {
    test(`one with ${what}`, () => assert.equal(refusal(frameOf(text)).code, 'frame'));
  }

  test('one in which a message says itself whose it is', () => {
    for (const claim of ['seen_by', 'sink']) {
      const text = JSON.stringify([KIT, ['d', 'E+', 'x', { [claim]: 'wardragon-other' }]]);
      assert.equal(refusal(frameOf(text)).code, 'kit');
    }
  });
});

describe('the dictionary', () => {
  test('is what it was when it got its number: a change is another one, with another number and another wire', () => {
    assert.equal(DICTIONARY.id, 1);
    assert.equal(DICTIONARY.checksum.toString(16), '64fe2d21');
  });

  test('has the fields of the schemas', () => {
    for (const kind of KINDS) {
      const fields = Object.keys(MESSAGES[kind].shape).filter((field) => field !== 'seen_by');
      assert.deepEqual([...DICTIONARY.fields[kind]].sort(), fields.sort());
      for (const field of Object.keys(DICTIONARY.typical[kind])) assert.ok(fields.includes(field), field);
    }
  });
});
