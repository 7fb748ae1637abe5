// One MQTT message in, a batch out.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import { Decoder, MAX_PAYLOAD_BYTES } from '../../../src/server/decode.js';
import type { Batch } from '../../../src/server/store.js';
import { recordedMessages } from '../../fixtures/recordings.js';

const NOW_S = 1_795_447_900;
const EPOCH = '00000001abcdef01';
const SINK = { v: 1, epoch: EPOCH, seq: 7 };
const DRONE = { id: 'drone-1', seen_by: 'wardragon-A', observed_at: NOW_S - 1.25, lat: 42.5, lon: -71.5 };

function decode(topic: string, payload: unknown, decoder = new Decoder(DEFAULT_TOPICS)): Batch {
  const bytes = Buffer.isBuffer(payload)
    ? payload
    : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  return decoder.decode({ topic, payload: bytes, receivedUs: NOW_S * 1e6 });
}

const drone = (fields: object): Batch => decode('wardragon/drones', { ...DRONE, ...fields });
const reasons = (batch: Batch): string[] => batch.rejects.map(({ reason }) => reason);

describe('a message', () => {
  test('becomes an observation with its natural key, identity and kit', () => {
    const { observations, rejects, contacts } = drone({ sink: SINK });
    const [observation] = observations;
    assert.ok(observation);
    assert.deepEqual(rejects, []);
    assert.deepEqual(contacts, [{ kitId: 'wardragon-A', atUs: NOW_S * 1e6, online: true }]);
    const { kind, kitId, thing, keyUs, timeUs, identity } = observation;
    assert.deepEqual({ kind, kitId, thing, keyUs, timeUs, identity }, {
      kind: 'drone',
      kitId: 'wardragon-A',
      thing: 'drone-1',
      keyUs: (NOW_S - 1.25) * 1e6,
      timeUs: (NOW_S - 1.25) * 1e6,
      identity: { epoch: EPOCH, seq: 7 },
    }); // biome-ignore format: a table
  });

  test('is looked up by the raw kit time when a clock offset was applied', () => {
    const [observation] = drone({ sink: { ...SINK, observed_raw: 12.5 } }).observations;
    assert.equal(observation?.keyUs, 12_500_000);
    assert.equal(observation?.timeUs, (NOW_S - 1.25) * 1e6);
  });

  test('of health is looked up by the whole second; by a clock that was never set each boot has its own', () => {
    const health = (sink: object | null, fields: object = {}) => {
      const message = { id: 'wardragon-A', observed_at: NOW_S - 5.75, ...fields, ...(sink === null ? {} : { sink }) };
      const [observation] = decode('wardragon/system/wardragon-A/attrs', message).observations;
      return [observation?.thing, observation?.keyUs];
    };
    assert.deepEqual(health(SINK), ['', (NOW_S - 6) * 1e6]);
    assert.deepEqual(health(null), ['', (NOW_S - 6) * 1e6]);
    assert.deepEqual(health({ ...SINK, observed_raw: NOW_S - 18_000.5 }), ['', (NOW_S - 18_001) * 1e6]);
    assert.deepEqual(health({ ...SINK, observed_raw: 30.25 }), [`#${EPOCH}`, 30e6]);
  });

  test('may stand on a per-drone topic, with slashes in its id too', () => {
    for (const topic of ['wardragon/drone/drone-1', 'wardragon/drone/a/b']) {
      assert.equal(decode(topic, DRONE).observations.length, 1);
    }
  });

  test('may be one of an array; a bad neighbour is rejected alone', () => {
    const batch = decode('wardragon/drones', [DRONE, 7, { ...DRONE, id: '' }, { ...DRONE, id: 'drone-2' }]);
    assert.deepEqual(batch.observations.map(({ thing }) => thing), ['drone-1', 'drone-2']); // biome-ignore format: short
    assert.deepEqual(reasons(batch), ['schema', 'schema']);
    assert.equal(batch.contacts.length, 1);
  });

  test('of more than 1,000 elements is one reject, and not a thousand', () => {
    const batch = decode('wardragon/drones', `[${Array.from({ length: 20_000 }, () => 7).join(',')}]`);
    assert.deepEqual([reasons(batch), batch.observations.length], [['schema'], 0]);
    assert.match(batch.rejects[0]?.detail ?? '', /20000 elements/);
  });

  test('in an older form is taken: unscoped topics, renamed fields, kit_id, and no time at all', () => {
    const [signal] = decode('wardragon/signals', {
      kit_id: 'wardragon-A',
      freq_mhz: 5800,
      power_dbm: -45,
      pal_conf: 0.95,
    }).observations;
    assert.deepEqual(
      [signal?.kitId, signal?.columns['freq_mhz'], signal?.columns['power_dbm']],
      ['wardragon-A', 5800, -45],
    );
    assert.deepEqual(
      [signal?.columns['pal_conf'], signal?.extra],
      [0.95, { kit_id: 'wardragon-A', time_source: 'arrival' }],
    );
    assert.deepEqual([signal?.timeUs, signal?.foldWithinUs], [NOW_S * 1e6, 60e6]);
    for (const topic of ['wardragon/system', 'wardragon/system/attrs']) {
      const [health] = decode(topic, { id: 'wardragon-A', cpu_usage: 12, updated: NOW_S - 5 }).observations;
      assert.deepEqual([health?.kitId, health?.columns['cpu_percent']], ['wardragon-A', 12]);
    }
    const { observed_at: _, ...timeless } = DRONE;
    assert.equal(decode('wardragon/drones', timeless).observations[0]?.extra['time_source'], 'arrival');
    const [dated] = decode('wardragon/drones', { ...timeless, timestamp: '2026-11-23T15:30:00.25Z' }).observations;
    assert.equal(dated?.timeUs, Date.UTC(2026, 10, 23, 15, 30, 0, 250) * 1_000);
    assert.equal(dated?.extra['time_source'], undefined);
    for (const observed_at of [null, 'yesterday', {}]) assert.deepEqual(reasons(drone({ observed_at })), ['time']);
  });

  test('that is read again later has its time judged by then, and its arrival by now', () => {
    const payload = Buffer.from(JSON.stringify({ ...DRONE, observed_at: NOW_S + 2 * 86_400 }));
    const incoming = { topic: 'wardragon/drones', payload, receivedUs: NOW_S * 1e6 };
    assert.deepEqual(reasons(new Decoder(DEFAULT_TOPICS).decode(incoming)), ['time']);
    const later = new Decoder(DEFAULT_TOPICS).decode({ ...incoming, nowUs: (NOW_S + 86_400) * 1e6 });
    assert.deepEqual([later.observations.length, later.rejects.length], [1, 0]);
  });

  test("without observed_at has DragonSync's own time; a status is known by its whole second", () => {
    const [sik] = drone({ observed_at: null, last_update_time: NOW_S - 3.5 }).observations;
    assert.equal(sik?.keyUs, (NOW_S - 3.5) * 1e6);
    const topic = 'wardragon/system/wardragon-A/attrs';
    const [stock] = decode(topic, { id: 'wardragon-A', updated: NOW_S - 5 }).observations;
    const [ours] = decode(topic, {
      id: 'wardragon-A',
      updated: NOW_S - 5,
      observed_at: NOW_S - 4.4,
      seen_by: 'wardragon-A',
    }).observations;
    assert.equal(stock?.keyUs, ours?.keyUs);
    assert.equal(ours?.timeUs, Math.round((NOW_S - 4.4) * 1e6));
  });

  test('of an aircraft without any time has that of its arrival, and folds by its content', () => {
    const message = { icao: 'a00001', seen_by: 'wardragon-A', alt: 1000 };
    const [first] = decode('wardragon/aircraft', message).observations;
    const [again] = decode('wardragon/aircraft', message).observations;
    const [changed] = decode('wardragon/aircraft', { ...message, alt: 1100 }).observations;
    assert.equal(first?.foldWithinUs, 60_000_000);
    assert.equal(first?.thing, again?.thing);
    assert.notEqual(first?.thing, changed?.thing);
    assert.equal(first?.extra['time_source'], 'arrival');
    assert.equal(first?.columns['drone_id'], 'A00001');
  });
});

describe('the kit of a message', () => {
  test('is never made from a drone', () => {
    for (const seen_by of [null, '', 'wardragon-unknown', 'a/b', 7])
      assert.deepEqual(reasons(drone({ seen_by })), ['kit']);
  });

  test('of a status may come from its topic', () => {
    const batch = decode('wardragon/system/wardragon-B/attrs', { updated: NOW_S });
    assert.equal(batch.observations[0]?.kitId, 'wardragon-B');
    assert.deepEqual(reasons(decode('wardragon/system/wardragon-unknown/attrs', { updated: NOW_S })), ['kit']);
  });

  test('is found by its topic level when a last will speaks of it', () => {
    const decoder = new Decoder(DEFAULT_TOPICS);
    decode('wardragon/drones', { ...DRONE, seen_by: 'kit.with.dots' }, decoder);
    const { contacts } = decode('wardragon/service/kit_with_dots/availability', 'offline', decoder);
    assert.deepEqual(contacts, [{ kitId: 'kit.with.dots', atUs: NOW_S * 1e6, online: false }]);
    assert.deepEqual(decode('wardragon/service/kit_with_dots/availability', 'maybe', decoder).contacts, []);
  });
});

const STREAM = { epoch: EPOCH, kind: 'drone', floor: 3, next: 9, evicted: [[1, 1]], quarantined: [] };
const STATUS = {
  v: 1,
  kit_id: 'wardragon-A',
  version: '0.1.0',
  time: '2026-11-23T15:30:10.151234Z',
  clock_offset_s: null,
  opening: 'a1b2c3d4',
  n: 12,
  ledger: [STREAM],
  spool: { waiting: 6, handed_over: 0, bytes: 4_096, oldest_at: null },
  counts: { accepted: 8, delivered: 1, resent: 0, refused: 0, evicted: { drone: 1 }, evicted_handed_over: {} },
  link: { connected: true, reconnects: 2 },
  source: { state: 'ok' },
};

describe("a kit's status", () => {
  const topic = 'wardragon/sink/wardragon-A/status';

  test('is its half of the ledger, and no sign that it is there now', () => {
    const { reports, ...others } = decode(topic, STATUS);
    const said = { kitId: 'wardragon-A', opening: 'a1b2c3d4', n: 12, listing: null, reconnects: 2, streams: [STREAM] };
    assert.deepEqual(reports, [{ ...said, status: STATUS }]);
    assert.deepEqual(others, { observations: [], rejects: [], contacts: [] });
    const listing = { part: 2, of: 2 };
    const part = { ...STATUS, listing, ledger: [] };
    assert.deepEqual(decode(topic, part).reports, [{ ...said, listing, streams: [], status: part }]);
  });

  test('says by how much what left uncorrected is wrong, else how far the clock is off now', () => {
    const offset = (fields: object) => decode(topic, { ...STATUS, ...fields }).reports[0]?.clockOffsetS;
    assert.equal(offset({ clock_offset_s: -2.5 }), undefined);
    assert.equal(offset({ clock_offset_s: 3_600.25 }), 3_600.25);
    assert.equal(offset({ clock_offset_s: -2.5, uncorrected_offset_s: 1_795_447_500 }), 1_795_447_500);
    const told = { ...STATUS, uncorrected_offset_s: 3_600, uncorrected_epochs: ['00000001ffffffff'] };
    assert.deepEqual(decode(topic, told).reports[0]?.clockOffsetEpochs, ['00000001ffffffff']);
  });

  test('names the kit of its topic level, and no other', () => {
    const decoder = new Decoder(DEFAULT_TOPICS);
    const dots = { ...STATUS, kit_id: 'kit.with.dots' };
    assert.equal(decode('wardragon/sink/kit_with_dots/status', dots, decoder).reports[0]?.kitId, 'kit.with.dots');
    const { contacts } = decode('wardragon/service/kit_with_dots/availability', 'offline', decoder);
    assert.equal(contacts[0]?.kitId, 'kit.with.dots');
    for (const kit_id of ['wardragon-B', 'wardragon-unknown', 'a/b']) {
      assert.deepEqual(reasons(decode(topic, { ...STATUS, kit_id })), ['kit'], kit_id);
    }
  });

  const bad: [string, object][] = [
    ['an opening that is no text', { opening: 7 }],
    ['an opening without end', { opening: 'x'.repeat(65) }],
    ['no opening', { opening: '' }],
    ['a negative n', { n: -1 }],
    ['an n beyond all counting', { n: 1e300 }],
    ['a part beyond the last', { listing: { part: 3, of: 2 } }],
    ['part 0', { listing: { part: 0, of: 2 } }],
    ['a floor above next', { ledger: [{ ...STREAM, floor: 10 }] }],
    ['a next beyond all counting', { ledger: [{ ...STREAM, next: 2 ** 53 }] }],
    ['a range that ends before it begins', { ledger: [{ ...STREAM, evicted: [[2, 1]] }] }],
    ['something set aside that was never there', { ledger: [{ ...STREAM, quarantined: [[9, 9]] }] }],
    ['half a range', { ledger: [{ ...STREAM, evicted: [[1]] }] }],
    ['seq 0', { ledger: [{ ...STREAM, evicted: [[0, 1]] }] }],
    ['an unknown kind', { ledger: [{ ...STREAM, kind: 'balloon' }] }],
    ['an epoch that is none', { ledger: [{ ...STREAM, epoch: '1' }] }],
    ['no ledger', { ledger: null }],
  ];
  for (const [what, fields] of bad) {
    test(`is rejected: ${what}`, () => {
      const { reports, rejects } = decode(topic, { ...STATUS, ...fields });
      assert.deepEqual(reports, []);
      assert.deepEqual(rejects.map(({ reason, kind, identity }) => [reason, kind, identity]), [['schema', null, null]]); // biome-ignore format: short
    });
  }

  test('that is garbage is rejected as such', () => {
    assert.deepEqual(reasons(decode(topic, '{"v": 1,')), ['json']);
    assert.deepEqual(reasons(decode(topic, '[]')), ['schema']);
    assert.deepEqual(decode(topic, '').rejects, []);
  });
});

describe('what can not be read', () => {
  const cases: [string, unknown, string][] = [
    ['garbage', 'garbage', 'json'],
    ['half an object', '{"id": "x"', 'json'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'json'],
    ['deep nesting', `${'['.repeat(100)}${']'.repeat(100)}`, 'json'],
    ['more than 64 KiB', JSON.stringify({ ...DRONE, description: 'x'.repeat(MAX_PAYLOAD_BYTES) }), 'schema'],
    ['no id', { ...DRONE, id: undefined }, 'schema'],
    ['an id of 1,000 characters', { ...DRONE, id: 'x'.repeat(1_000) }, 'schema'],
    ['a malformed sink', { ...DRONE, sink: { v: 1, epoch: 'x', seq: 0 } }, 'schema'],
    ['a sink of a later version', { ...DRONE, sink: { ...SINK, v: 2 } }, 'schema'],
    ['no time', { ...DRONE, observed_at: null }, 'time'],
    ['a time before 2015', { ...DRONE, observed_at: 12.5 }, 'time'],
    ['a time two days ahead', { ...DRONE, observed_at: NOW_S + 2 * 86_400 }, 'time'],
    ['a time beyond every date', { ...DRONE, observed_at: 1e300 }, 'time'],
    ['a time older than rows are kept', { ...DRONE, observed_at: NOW_S - 31 * 86_400 }, 'retention'],
  ];
  for (const [what, payload, reason] of cases) {
    test(`is rejected as "${reason}": ${what}`, () => {
      const batch = decode('wardragon/drones', payload);
      assert.deepEqual(batch.observations, []);
      assert.deepEqual(reasons(batch), [reason]);
      const [reject] = batch.rejects;
      assert.equal(reject?.topic, 'wardragon/drones');
      assert.ok(reject.payload.length > 0 && reject.payload.length <= 16_384);
    });
  }

  test('keeps its identity, so that the ledger knows it came', () => {
    const [reject] = drone({ sink: SINK, observed_at: 1 }).rejects;
    assert.deepEqual(
      [reject?.kitId, reject?.kind, reject?.identity],
      ['wardragon-A', 'drone', { epoch: EPOCH, seq: 7 }],
    );
  });

  test('says nothing: an empty payload, a Home Assistant state, a topic of others', () => {
    const nothing = { observations: [], rejects: [], contacts: [], reports: [] };
    assert.deepEqual(decode('wardragon/drones', ''), nothing);
    assert.deepEqual(decode('wardragon/drone/x/pilot_state', 'None'), nothing);
    assert.deepEqual(decode('other/topic', 'x'), nothing);
  });

  test('a signal without frequency is rejected: its column must not be empty', () => {
    assert.deepEqual(reasons(decode('wardragon/signals', { uid: 'x', seen_by: 'wardragon-A', observed_at: NOW_S })), [
      'schema',
    ]);
  });
});

describe('hostile and degenerate text', () => {
  test('loses NUL and lone surrogates, and NaN is null', () => {
    const [observation] = decode(
      'wardragon/drones',
      `{"id":"d\\u0000\\ud800","seen_by":"wardragon-A","observed_at":${NOW_S},"alt":NaN,"speed":Infinity,"__proto__":{"x":1}}`,
    ).observations;
    assert.equal(observation?.thing, 'd\uFFFD\uFFFD');
    assert.equal(observation.columns['alt'], null);
    assert.equal(observation.columns['speed'], null);
    assert.equal(({} as { x?: number }).x, undefined);
  });
});

describe('a real DragonSync, recorded', () => {
  for (const name of ['main', 'quirks', 'aircraft-fixed-build'] as const) {
    test(`${name}: everything is read, or rejected because nobody says which kit it is from`, () => {
      const decoder = new Decoder(DEFAULT_TOPICS);
      let observations = 0;
      for (const { topic, payload, arrivedUs } of recordedMessages(name)) {
        const batch = decoder.decode({ topic, payload: Buffer.from(payload), receivedUs: arrivedUs });
        observations += batch.observations.length;
        for (const { kitId } of batch.observations) assert.equal(kitId, 'wardragon-LAB0001');
        for (const { reason, detail } of batch.rejects) assert.equal(reason, 'kit', detail);
      }
      assert.ok(observations > 30);
    });
  }
});

test('a message that runs into a fault of ours is kept as a reject: thrown, it would come again and again', () => {
  const faulty = Object.assign(Buffer.from('online'), {
    toString: (): string => {
      throw new TypeError('a fault');
    },
  });
  const batch = decode('wardragon/service/wardragon-A/availability', faulty);
  assert.deepEqual(reasons(batch), ['internal']);
  assert.equal(batch.rejects[0]?.detail, 'a fault');
});
