// The contract of a store, about aircraft that a stock DragonSync sends without a time, and shows in its API with one.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../../src/base/json.js';
import { toMessage } from '../../../src/dragonsync/normalise.js';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import { Decoder } from '../../../src/server/decode.js';
import { Answers } from '../../../src/server/poller/answers.js';
import type { Batch, Store } from '../../../src/server/store.js';
import { recordedAnswers, recordedMessages } from '../../fixtures/recordings.js';
import { EPOCH, KIT, received, whole } from './store-batches.js';
import type { Build, Row } from './store-harness.js';

const SECOND_US = 1e6;
const decoder = new Decoder(DEFAULT_TOPICS);

/** As its API has shown one: with a registration, and without a vertical rate. */
const ENTRY = recordedAnswers('main', '/drones')
  .flatMap(({ drones }) => drones as JsonObject[])
  .find(({ track_type: type }) => type === 'aircraft') as JsonObject;
const T0_US = Math.round(Number(ENTRY['last_update_time']) * SECOND_US);
/** As its MQTT sink has sent one: the other way round. */
const SENT = JSON.parse(recordedMessages('aircraft-fixed-build')[0]?.payload ?? '') as JsonObject;

/** How it sends what `ENTRY` shows. */
function stock(afterS: number, fields: JsonObject = {}): Batch {
  const { hex, flight, lat, lon, alt, ground_speed, track, squawk, category, nac_p, nac_v, rssi } = ENTRY;
  const place = { lat, lon, latitude: lat, longitude: lon, track, heading: track };
  const levels = { alt, altitude_ft: alt, speed: ground_speed, speed_kt: ground_speed, nac_p, nac_v, rssi };
  const names = { icao: hex, callsign: flight, squawk, category, seen_by: KIT };
  return decode({ ...SENT, ...place, ...levels, ...names, ...fields }, afterS);
}

/** How `dragonsink kit` sends it. */
function own(seq: number, afterS: number): Batch {
  const message = toMessage('aircraft', { ...ENTRY, last_update_time: T0_US / SECOND_US + afterS });
  return decode({ ...message, seen_by: KIT, sink: { v: 1, epoch: EPOCH, seq } }, afterS);
}

function decode(message: JsonObject, afterS: number): Batch {
  const payload = Buffer.from(JSON.stringify(message));
  return decoder.decode({ topic: DEFAULT_TOPICS.aircraft, payload, receivedUs: T0_US + afterS * SECOND_US });
}

/** How the server finds it when it asks for the first time. */
function polled(afterS: number, fields: JsonObject = {}): Batch {
  const answers = new Answers({ kitId: KIT, apiUrl: 'http://kit', topics: DEFAULT_TOPICS, decoder });
  const entry = { ...ENTRY, seen_by: KIT, last_update_time: T0_US / SECOND_US + afterS, ...fields };
  return answers.take([{ kind: 'aircraft', entry }], T0_US + (afterS + 1) * SECOND_US);
}

async function commit(
  store: Store,
  together: boolean,
  ...batches: Batch[]
): Promise<{ stored: number; merged: number }> {
  const observations = batches.flatMap((one) => one.observations);
  equal(observations.length, batches.length);
  // A kit that is polled is registered.
  await store.kits.put({ kitId: KIT, apiUrl: 'http://kit', name: null, location: null });
  const sums = { stored: 0, merged: 0 };
  for (const some of together ? [observations] : observations.map((one) => [one])) {
    const { stored, merged } = (await store.commit(whole({ observations: some }))).counts.aircraft;
    sums.stored += stored;
    sums.merged += merged;
  }
  equal((await store.counts()).doubled, 0);
  return sums;
}

export function twinCases(build: Build): void {
  const afterS = (row: Row): number => Math.round((Number(row['time']) - T0_US) / SECOND_US);

  for (const [how, together] of [
    ['in one batch', true],
    ['one batch after the other', false],
  ] as const) {
    test(`one that comes both ways is stored once, as it came first (${how})`, async (t) => {
      for (const [first, sent, asked] of [
        [stock(2), [stock(4), stock(6)], [polled(1), polled(5)]],
        [polled(2), [stock(1), stock(4)], [polled(2)]],
      ] as const) {
        const harness = await build(t);
        const copies = [...asked, ...sent];
        const counts = await commit(await harness.open(), together, first, ...copies);
        deepEqual(counts, { stored: 1, merged: copies.length });
        const rows = await harness.rows('drones');
        deepEqual(rows.map(afterS), [2]);
        equal(
          rows[0]?.['extra'] !== null && 'time_source' in Object(rows[0]?.['extra']),
          first.observations[0]?.foldWithinUs !== undefined,
        );
      }
    });

    test(`what differs in anything that both ways tell is another observation (${how})`, async (t) => {
      for (const other of [polled(3, { alt: 9175 }), polled(3, { squawk: '7700' }), polled(3, { rssi: -12.5 })]) {
        const harness = await build(t);
        const counts = await commit(await harness.open(), together, stock(2), other, stock(4));
        deepEqual(counts, { stored: 2, merged: 1 });
      }
      const harness = await build(t);
      const store = await harness.open();
      deepEqual(await commit(store, together, stock(2), stock(3, { vertical_rate: 640 })), { stored: 2, merged: 0 });
      deepEqual((await commit(store, together, polled(1))).merged, 1);
    });

    test(`so is what says the same more than 60 s apart, or with two times (${how})`, async (t) => {
      const harness = await build(t);
      const counts = await commit(
        await harness.open(),
        together,
        polled(0),
        stock(60),
        stock(61),
        polled(122),
        polled(123),
      );
      deepEqual(counts, { stored: 4, merged: 1 });
      deepEqual((await harness.rows('drones')).map(afterS), [0, 61, 122, 123]);
    });

    test(`a kit's own record takes the place of one copy without a time, and each has its row (${how})`, async (t) => {
      const harness = await build(t);
      const store = await harness.open();
      const counts = await commit(
        store,
        together,
        stock(1),
        own(1, 0),
        stock(3),
        own(2, 10),
        polled(0),
        polled(10),
        stock(11),
      );
      deepEqual(counts, { stored: 2, merged: 5 });
      const rows = await harness.rows('drones');
      deepEqual(
        rows.map((row) => [afterS(row), row['sink_seq'], Math.round(Number(row['observed_at']) - T0_US / SECOND_US)]),
        [
          [1, 1, 0],
          [10, 2, 10],
        ],
      );
      deepEqual(await received(store, 'aircraft'), { [EPOCH]: [[1, 2]] });
    });
  }

  test('the recorded forms of both ways are those that these tests are about', () => {
    ok('reg' in ENTRY && !('vertical_rate' in ENTRY) && 'vertical_rate' in SENT);
    ok(!['observed_at', 'last_update_time', 'timestamp'].some((name) => name in SENT));
  });
}
