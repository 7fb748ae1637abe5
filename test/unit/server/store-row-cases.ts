// The contract of a store, about its rows: what lands where, and what is refused.
import { deepEqual, equal, ok, rejects as throws } from 'node:assert/strict';
import { test } from 'node:test';
import { TABLES } from '../../../src/server/stores/tables.js';
import {
  aircraft,
  at,
  batch,
  contact,
  drone,
  EPOCH,
  received,
  reject,
  signal,
  system,
  T0_US,
  whole,
} from './store-batches.js';
import type { Build } from './store-harness.js';

const NOTHING = { stored: 0, merged: 0, refused: 0, rejected: 0 };

export function rowCases(build: Build): void {
  test('every kind lands in its table with its columns', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const result = await store.commit(
      batch(
        drone({
          columns: { lat: 39.123456789, rssi: -61, ua_type: 2, rid_lookup_success: true, description: null },
          extra: { speed_accuracy: '<3 m', nested: { a: [1, null] } },
        }),
        aircraft({ columns: { drone_id: 'adsb-a1b2c3', alt: 3048 } }),
        signal({ columns: { freq_mhz: 5800.25, power_dbm: -90.5, detection_type: 'analog' } }),
        system({ columns: { cpu_percent: 0, gps_fix: false, kit_updated_epoch: 1795447811 } }),
      ),
    );
    const once = { ...NOTHING, stored: 1 };
    deepEqual(result.counts, { drone: once, aircraft: once, signal: once, system: once });

    const drones = await harness.rows('drones');
    const own = drones.find((row) => row['track_type'] === 'drone');
    const { lat, rssi, ua_type, rid_lookup_success, description, extra } = own ?? {};
    deepEqual([lat, rssi, ua_type, rid_lookup_success, description], [39.123456789, -61, '2', true, null]);
    deepEqual(extra, { speed_accuracy: '<3 m', nested: { a: [1, null] } });
    deepEqual(
      [own?.['drone_id'], own?.['sink_epoch'], own?.['sink_seq'], own?.['observed_raw'], own?.['time']],
      ['drone-1', EPOCH, 1, T0_US, T0_US],
    );
    equal(drones.find((row) => row['track_type'] === 'aircraft')?.['drone_id'], 'adsb-a1b2c3');
    const [heard] = await harness.rows('signals');
    deepEqual([heard?.['freq_mhz'], heard?.['power_dbm'], heard?.['uid']], [5800.25, -90.5, 'fpv-alert-5800MHz']);
    const [health] = await harness.rows('system_health');
    deepEqual([health?.['cpu_percent'], health?.['gps_fix'], health?.['kit_updated_epoch']], [0, false, 1795447811]);
    equal(health?.['extra'], null);
    deepEqual((await store.counts()).rows, { drone: 1, aircraft: 1, signal: 1, system: 1 });
  });

  test('when an observation was first stored is noted, and stays when a later state of it comes', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const beforeUs = Date.now() * 1_000;
    const noted = async (): Promise<number> => Number((await harness.rows('ingest_keys'))[0]?.['stored_us']);
    await store.commit(batch(drone()));
    const storedUs = await noted();
    // The database has its own clock, of which SQLite tells milliseconds.
    ok(storedUs >= beforeUs - 1_000 && storedUs <= Date.now() * 1_000 + 1_000, String(storedUs));
    equal((await store.commit(batch(drone({ identity: at(2) })))).counts.drone.merged, 1);
    equal(await noted(), storedUs);
  });

  test('a database of before has its messages counted by the minute, and goes on from there', async (t) => {
    const harness = await build(t);
    const before = await harness.open(() => T0_US);
    const sent = (seq: number, offsetUs: number) => {
      const timeUs = T0_US + offsetUs;
      return drone({ identity: at(seq), keyUs: timeUs, timeUs });
    };
    await before.commit(batch(sent(1, 0), sent(2, 1), sent(3, -60e6)));
    await before.close();
    await harness.execute('DROP TABLE ingest_minutes');
    for (const table of TABLES) {
      await harness.execute(`DROP INDEX ingest_foreign_${table}`);
      await harness.execute(`ALTER TABLE ${table} DROP COLUMN sink_replay`);
    }
    await harness.execute("UPDATE ingest_meta SET value = '9' WHERE key = 'schema_version'");
    const after = await harness.open(() => T0_US);
    await after.commit(batch({ ...sent(4, 2), replay: true }));
    const minutes = (await harness.rows('ingest_minutes')).map((row) =>
      [row['minute_s'], row['messages'], row['late']].map(Number),
    );
    const minute = Math.floor(T0_US / 60e6) * 60;
    deepEqual(minutes.sort(), [
      [minute - 60, 1, 0],
      [minute, 3, 1],
    ]);
    const replayed = (await harness.rows('drones')).map((row) => row['sink_replay']);
    deepEqual(replayed, [null, null, null, true]);
  });

  test('a signal that came without a time has its own uid, not the name that it folds by', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const folds = { identity: null, foldWithinUs: 60_000_000 };
    await store.commit(batch(signal({ ...folds, thing: 'signal-5800MHz#1#zird3f40ka4Ara7a' })));
    const [heard] = await harness.rows('signals');
    equal(heard?.['uid'], 'signal-5800MHz#1');
  });

  test('two signals on one frequency and time are both kept, the second 1 us later, both with their true time', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await store.commit(batch(signal({ thing: 'a', identity: at(1) }), signal({ thing: 'b', identity: at(2) })));
    await store.commit(batch(signal({ thing: 'c', identity: at(3) })));
    const rows = await harness.rows('signals');
    deepEqual(
      rows.map((row) => [row['uid'], row['time'], row['observed_raw']]),
      [
        ['a', T0_US, T0_US],
        ['b', T0_US + 1, T0_US],
        ['c', T0_US + 2, T0_US],
      ],
    );
  });

  test('a moved row leaves the next microsecond to whoever is there already', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const next = { keyUs: T0_US + 1, timeUs: T0_US + 1 };
    await store.commit(
      batch(signal({ thing: 'a', identity: at(1) }), signal({ thing: 'b', identity: at(2), ...next })),
    );
    await store.commit(
      batch(signal({ thing: 'c', identity: at(3) }), signal({ thing: 'd', identity: at(4), ...next })),
    );
    const rows = await harness.rows('signals');
    deepEqual(
      rows.map((row) => [row['uid'], Number(row['time']) - T0_US]),
      [
        ['a', 0],
        ['b', 1],
        ['c', 2],
        ['d', 3],
      ],
    );
  });

  test('1,500 signals on one frequency and time are all kept', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    for (let first = 0; first < 1500; first += 500) {
      const crowd = Array.from({ length: 500 }, (_, i) =>
        signal({ thing: `s-${first + i}`, identity: at(first + i + 1) }),
      );
      await store.commit(batch(...crowd));
    }
    const times = (await harness.rows('signals')).map((row) => row['time']);
    deepEqual(
      times,
      Array.from({ length: 1500 }, (_, i) => T0_US + i),
    );
    deepEqual(await received(store, 'signal'), { [EPOCH]: [[1, 1500]] });
  });

  test('a drone and an aircraft of one id, and one drone heard by two kits, are observations of their own', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await store.commit(
      batch(drone({ thing: 'x' }), aircraft({ thing: 'x' }), drone({ thing: 'x', kitId: 'wardragon-2' })),
    );
    deepEqual((await store.counts()).rows, { drone: 2, aircraft: 1, signal: 0, system: 0 });
  });

  test('ids and texts come back as they were, whatever is in them', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const texts = [
      `it's "quoted" \\ {a,b} NULL`,
      'NULL',
      'emoji 🛸 and 漢字',
      'd'.repeat(300),
      ' spaces\tand\nlines ',
      '',
      `'; DROP TABLE drones; --`,
    ];
    const observations = texts.flatMap((text, i) => [
      drone({ kitId: `kit ${text}`, thing: `drone ${text}`, columns: { description: text }, extra: { [text]: text } }),
      signal({ kitId: `kit ${text}`, thing: `signal ${text}`, identity: at(i + 1) }),
    ]);
    await store.commit(batch(...observations));
    equal((await store.commit(batch(...observations))).counts.drone.refused, texts.length);
    const unnamed = observations.map((observation) => ({ ...observation, identity: null }));
    equal((await store.commit(batch(...unnamed))).counts.drone.merged, texts.length);
    const rows = await harness.rows('drones');
    const found = rows.map((row) => [row['kit_id'], row['drone_id'], row['description'], row['extra']]).sort();
    deepEqual(found, texts.map((text) => [`kit ${text}`, `drone ${text}`, text, { [text]: text }]).sort());
    deepEqual(
      (await harness.rows('kits')).map((row) => row['kit_id']).sort(),
      texts.map((text) => `kit ${text}`).sort(),
    );
  });

  test('a time keeps its microseconds', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const times = [0, 1, 2, 999_999].map((us) => T0_US + us);
    await store.commit(batch(...times.map((us, i) => system({ keyUs: us, timeUs: us, identity: at(i + 1) }))));
    deepEqual(
      (await harness.rows('system_health')).map((row) => row['time']),
      times,
    );
    deepEqual(
      (await harness.rows('system_health')).map((row) => row['observed_raw']),
      times,
    );
  });

  const unfit = {
    'a broken check': system({ columns: { cpu_percent: 101 } }),
    'a broken check on text': signal({ columns: { freq_mhz: 5800, detection_type: 'other' } }),
    'text in a number': drone({ columns: { lat: 'north' } }),
    'a fraction in a whole number': drone({ columns: { rssi: -60.5 } }),
    'a number beyond its column': drone({ columns: { rssi: 2 ** 31 } }),
    'a missing frequency': signal({ columns: {} }),
    'a column that is none': drone({ columns: { wingspan: 1 } }),
    'no number at all': drone({ columns: { lat: Number.NaN } }),
    'a time that is none': drone({ timeUs: Number.NaN }),
  };
  for (const [what, bad] of Object.entries(unfit)) {
    test(`a batch with one bad row (${what}) is refused as data, and nothing of it is stored`, async (t) => {
      const harness = await build(t);
      const store = await harness.open();
      const good = drone({ thing: 'good', identity: at(8) });
      const all = whole({
        observations: [good, { ...bad, identity: at(9) }],
        rejects: [reject()],
        contacts: [contact()],
      });
      await throws(store.commit(all), { name: 'StoreError', code: 'data', retryable: false });
      const { rows, rejects: rejected } = await store.counts();
      deepEqual([rows, rejected], [{ drone: 0, aircraft: 0, signal: 0, system: 0 }, 0]);
      deepEqual([await store.ledger(), await harness.rows('kits')], [[], []]);
      equal((await store.commit(batch(good))).counts.drone.stored, 1);
    });
  }
}
