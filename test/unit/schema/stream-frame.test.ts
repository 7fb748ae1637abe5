// Stream frames: whatever goes in comes out as it would have come on its topic, and what is no frame is refused, quickly.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
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
  MAX_FRAME_BYTES,
  MAX_FRAME_MESSAGES,
  MAX_FRAME_TEXT_BYTES,
  STREAM_WIRE,
} from '../../../src/schema/stream-frame.js';
import { fromRows, type StreamMessage } from '../../../src/schema/stream-rows.js';
import { frameOf, HEADER_BYTES } from '../../fixtures/frame-of-text.js';
import { recordedHistory } from '../../fixtures/recordings.js';

const KIT = 'wardragon-LAB0001';
const EPOCH = '00000001abcdef01';

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

/** The most memory that this process ever had. */
function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1_024;
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
    // Each some 60 KB, of rows that are as much as the one that they refer to.
    const many = Object.fromEntries(Array.from({ length: 27_000 }, (_, i) => [`k${i}`, 0]));
    const ofRows = (first: unknown[]): Buffer => {
      const rows = [first, ...Array.from({ length: MAX_FRAME_MESSAGES - 1 }, () => [1, ''])];
      return frameOf(JSON.stringify([KIT, ...rows]), { count: rows.length });
    };
    const bombs: readonly (readonly [Buffer, string])[] = [
      [frameOf(' '.repeat(60_000_000)), `unpacks to more than ${MAX_FRAME_TEXT_BYTES} bytes`],
      [ofRows(['d', 'EF', 'x'.repeat(100_000), 1]), `its first 21 messages have more than ${MAX_FRAME_TEXT_BYTES}`],
      [ofRows(['d', '+', many]), `its first \\d messages have more than ${MAX_FRAME_TEXT_BYTES}`],
      [ofRows(['d', 'E', '\u6f22'.repeat(30_000)]), `its first 24 messages have more than ${MAX_FRAME_TEXT_BYTES}`],
    ];
    const before = peakBytes();
    for (const [bomb, why] of bombs) {
      assert.ok(bomb.length <= MAX_FRAME_BYTES || why.startsWith('unpacks'), `${bomb.length} bytes`);
      assert.match(refusal(bomb).message, new RegExp(why));
    }
    assert.ok(peakBytes() - before < 200e6, `${peakBytes() - before} bytes more at the peak`);
  });

  test('one that is larger than a packet may be, whatever is in it', () => {
    const noise = randomBytes(MAX_FRAME_BYTES).toString('base64');
    const frame = encodeFrame(KIT, [spooled('drone', { id: 'x', noise }, { v: 1, epoch: EPOCH, seq: 1 })]);
    assert.ok(frame.length > MAX_FRAME_BYTES);
    assert.match(refusal(frame).message, new RegExp(`${frame.length} bytes, at most ${MAX_FRAME_BYTES}`));
  });

  test('one that is nested without end; what may be on a topic may be in a frame', () => {
    const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    for (const text of [`["${KIT}",["d","E+","x",{"n":%}]]`, `["${KIT}",["d","EH","x",%]]`, `["${KIT}",%]`, '%']) {
      const error = refusal(frameOf(text.replace('%', nested(100_000))));
      assert.deepEqual([error.code, error.message], ['frame', 'not a frame: nested too deep'], text);
    }
    const n: unknown = JSON.parse(nested(31));
    const deepest = spooled('drone', { id: 'x', n }, { v: 1, epoch: EPOCH, seq: 1 });
    assertRoundTrip([deepest]);
    assert.throws(() => onItsTopic({ ...deepest, fields: { n: [n] } }), /nested too deep/);
    assert.equal(refusal(encodeFrame(KIT, [{ ...deepest, fields: { n: [n] } }])).code, 'frame');
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

describe('rows', () => {
  test('are read one after the other: what comes first is there before what comes next is looked at', () => {
    const read = fromRows(DICTIONARY, [['d', 'E', 'x'], [1, ''], 7]);
    assert.deepEqual([read.next().value?.fields['id'], read.next().value?.fields['id']], ['x', 'x']);
    assert.throws(() => read.next(), /row 3/);
  });
});

interface Golden {
  readonly what: string;
  readonly frame: string;
  readonly messages: readonly { readonly kind: Kind; readonly message: JsonObject & { sink: SinkEnvelope } }[];
}

/** Made by the first version that had `stream/1`. A server that says so reads them for ever: never change this file. */
const GOLDEN = JSON.parse(
  readFileSync(new URL('../../fixtures/frames-of-stream-1.json', import.meta.url), 'utf8'),
) as Golden[];

describe('a frame of the first stream/1', () => {
  assert.equal(STREAM_WIRE, 'stream/1');

  for (const { what, frame, messages } of GOLDEN) {
    test(`means what it meant: ${what}`, () => {
      const decoded = decodeFrame(Buffer.from(frame, 'base64'));
      assert.equal(decoded.kitId, KIT);
      assert.deepEqual(decoded.messages.map(({ kind, message }) => ({ kind, message })), messages); // biome-ignore format: short
      for (const { message, text } of decoded.messages) assert.deepEqual(JSON.parse(text), message);
    });

    test(`is still what its messages are sent as, or can be read: ${what}`, () => {
      const again = messages.map(({ kind, message: { sink, seen_by: _, ...fields } }) => spooled(kind, fields, sink));
      assertRoundTrip(again);
    });
  }

  test('is of each kind, and has each field', () => {
    for (const kind of KINDS) {
      const found = GOLDEN.flatMap(({ messages }) => messages.filter((one) => one.kind === kind));
      const fields = new Set(found.flatMap(({ message }) => Object.keys(message)));
      assert.deepEqual(DICTIONARY.fields[kind].filter((field) => !fields.has(field)), []); // biome-ignore format: short
    }
  });
});

describe('the dictionary', () => {
  test('is what it was when it got its number: a change is another one, with another number and another wire', () => {
    assert.equal(DICTIONARY.id, 1);
    assert.equal(DICTIONARY.checksum.toString(16), '64fe2d21');
  });

  test('has fields of the schemas alone; one that is younger than it travels with its name', () => {
    for (const kind of KINDS) {
      const { fields, typical } = DICTIONARY;
      const known: readonly string[] = Object.keys(MESSAGES[kind].shape);
      assert.deepEqual(fields[kind].filter((field) => !known.includes(field) || field === 'seen_by'), []); // biome-ignore format: short
      assert.deepEqual(Object.keys(typical[kind]).filter((field) => !fields[kind].includes(field)), []); // biome-ignore format: short
      assertRoundTrip([spooled(kind, { ...typical[kind], younger: 7 }, { v: 1, epoch: EPOCH, seq: 1 })]);
    }
  });
});
