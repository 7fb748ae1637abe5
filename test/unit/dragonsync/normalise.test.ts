// Every field of DragonSync's API, and the name and value it has in a message.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../../../src/base/json.js';
import { noveltyOf, splitTracks, toMessage } from '../../../src/dragonsync/normalise.js';
import { KINDS, type Kind } from '../../../src/schema/kinds.js';
import { droneEntry, REMOTE_ID, signalEntry, statusEntry } from '../../../src/simulate/entries.js';
import { createWorld } from '../../../src/simulate/world.js';

const AT = 1_795_447_811.3635893;

const ENTRIES: Record<Kind, JsonObject> = {
  drone: {
    ...droneEntry(REMOTE_ID, {
      i: 1,
      kitId: 'wardragon-A',
      kit: { lat: 42, lon: -71 },
      place: { lat: 42.1, lon: -71.1 },
      headingDeg: 7,
      speedMps: 12.8,
      heardS: AT,
    }),
    rid: {
      tracking: 'T',
      status: 'S',
      make: 'M',
      model: 'O',
      source: 'L',
      lookup_attempted: true,
      lookup_success: true,
    },
  },
  aircraft: createWorld({ nowS: () => AT, drones: 0, aircraft: 1 }).drones()[0] as JsonObject,
  signal: signalEntry({ i: 0, kitId: 'wardragon-A', kit: { lat: 42, lon: -71 }, heardS: AT, pal: 65 }),
  system: statusEntry('wardragon-A', { lat: 42, lon: -71, alt: 12 }, AT, 1_752.9),
};

/** API field -> the message's fields with its value; [] when it is not sent (and why). */
const NAMES: Record<Kind, Record<string, readonly string[]>> = {
  drone: {
    lat: ['lat', 'latitude'],
    lon: ['lon', 'longitude'],
    freq: ['freq', 'freq_mhz'],
    // Remote ID's text; `timestamp` itself is ours
    timestamp: ['rid_timestamp'],
    // flattened below
    rid: [],
    // the kit says it when it sends
    seen_by: [],
  },
  aircraft: {
    // the track's name in DragonSync, twice
    id: [],
    callsign: [],
    hex: ['icao'],
    flight: ['callsign'],
    reg: ['registration'],
    lat: ['lat', 'latitude'],
    lon: ['lon', 'longitude'],
    alt: ['alt', 'altitude_ft'],
    ground_speed: ['speed', 'speed_kt'],
    track: ['track', 'heading'],
    last_update_time: ['observed_at'],
    // DragonSync's own
    source: [],
    seen_by: [],
  },
  signal: {
    pal_conf: ['pal'],
    ntsc_conf: ['ntsc'],
    lat: ['lat', 'latitude'],
    lon: ['lon', 'longitude'],
    radius_m: ['radius_m', 'gps_accuracy'],
    // shown by the API only
    alert_id: [],
    self_id: [],
    expires_at: [],
    seen_by: [],
  },
  system: {
    uid: ['id'],
    lat: ['latitude'],
    lon: ['longitude'],
    alt: ['hae'],
    memory_total: [],
    memory_available: [],
    disk_total: [],
    disk_used: [],
    temperature: ['temperature_c'],
    uptime: ['uptime_s'],
    pluto_temp: [],
    zynq_temp: [],
    speed: ['speed_mps'],
    track: ['track_deg'],
    last_update_time: ['observed_at'],
  },
};

describe('every field of the API', () => {
  for (const kind of KINDS) {
    for (const [field, value] of Object.entries(ENTRIES[kind])) {
      const names = NAMES[kind][field] ?? [field];
      test(`${kind}.${field} is ${names.length === 0 ? 'not sent under its name' : names.join(' and ')}`, () => {
        const message = toMessage(kind, ENTRIES[kind]);
        for (const name of names) assert.deepEqual(message[name], value);
        if (names.length === 0 && field !== 'callsign') assert.ok(!(field in message));
      });
    }

    test(`a ${kind} field that upstream adds is passed on`, () => {
      assert.deepEqual(toMessage(kind, { ...ENTRIES[kind], novel: [1] })['novel'], [1]);
    });

    test(`a ${kind} message says when, as text and as a number`, () => {
      const { timestamp, observed_at } = toMessage(kind, ENTRIES[kind]);
      assert.equal(observed_at, AT);
      assert.equal(timestamp, '2026-11-23T15:30:11.363589Z');
    });
  }

  test("a drone's registry entry is flattened", () => {
    const message = toMessage('drone', ENTRIES.drone);
    const flat = ['tracking', 'status', 'make', 'model', 'source'].map((key) => message[`rid_${key}`]);
    assert.deepEqual(flat, ['T', 'S', 'M', 'O', 'L']);
    assert.deepEqual([message['rid_lookup_attempted'], message['rid_lookup_success']], [true, true]);
  });

  test('sizes in MiB are rounded as Python rounds, "N/A" is null, and the whole second stands apart', () => {
    const message = toMessage('system', { ...ENTRIES.system, disk_used: 25_074.25, disk_total: 258_019.75 });
    assert.deepEqual(
      ['memory_total_mb', 'disk_used_mb', 'disk_total_mb', 'pluto_temp_c', 'zynq_temp_c', 'updated'].map(
        (key) => message[key],
      ),
      [24_105.6, 25_074.2, 258_019.8, null, null, 1_795_447_811],
    );
  });

  test('an aircraft on the ground is so, at 0 feet', () => {
    const { alt, altitude_ft, on_ground } = toMessage('aircraft', { ...ENTRIES.aircraft, alt: 'ground' });
    assert.deepEqual([alt, altitude_ft, on_ground], [0, 0, true]);
  });

  test('an unknown direction stays unknown; what upstream never knew is null or left out', () => {
    const message = toMessage('drone', { ...ENTRIES.drone, direction: null });
    assert.equal(message['direction'], null);
    assert.equal(message['gps_accuracy'], null);
    assert.ok(!('pilot_alt' in message || 'home_alt' in message));
  });
});

describe('what is new', () => {
  test('a drone whose last_update_time moved, a signal whose observed_at did, a status likewise', () => {
    for (const [kind, field] of [
      ['drone', 'last_update_time'],
      ['signal', 'observed_at'],
      ['system', 'last_update_time'],
    ] as const) {
      const entry = ENTRIES[kind];
      const { mark } = noveltyOf(kind, entry);
      assert.equal(noveltyOf(kind, { ...entry, lat: 1 }).mark, mark);
      assert.notEqual(noveltyOf(kind, { ...entry, [field]: AT + 1 }).mark, mark);
    }
  });

  test('an aircraft of which anything but last_update_time changed', () => {
    const { mark, thing } = noveltyOf('aircraft', ENTRIES.aircraft);
    assert.equal(thing, 'A00000');
    assert.equal(noveltyOf('aircraft', { ...ENTRIES.aircraft, last_update_time: AT + 1 }).mark, mark);
    assert.notEqual(noveltyOf('aircraft', { ...ENTRIES.aircraft, squawk: '7700' }).mark, mark);
  });

  test('drones and aircraft are told apart', () => {
    const { drones, aircraft } = splitTracks([ENTRIES.drone, ENTRIES.aircraft]);
    assert.deepEqual([drones, aircraft], [[ENTRIES.drone], [ENTRIES.aircraft]]);
  });
});

describe('what is no detection', () => {
  const broken: [Kind, JsonObject][] = [
    ['drone', { ...ENTRIES.drone, id: '' }],
    ['drone', { ...ENTRIES.drone, id: 7 }],
    ['drone', { ...ENTRIES.drone, last_update_time: null }],
    ['aircraft', { track_type: 'aircraft', last_update_time: AT }],
    ['signal', { ...ENTRIES.signal, uid: null }],
    ['signal', { ...ENTRIES.signal, observed_at: 'soon' }],
    ['system', {}],
  ];
  for (const [kind, entry] of broken) {
    test(`a ${kind} ${JSON.stringify(entry).slice(0, 40)} is refused with a reason`, () => {
      const attempt = (): unknown => [noveltyOf(kind, entry), toMessage(kind, entry)];
      assert.throws(attempt, { name: 'PayloadError', code: 'schema' });
    });
  }
});
