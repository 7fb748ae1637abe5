// The contract of a store, about copies of the same observation.
import { deepEqual, equal } from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DEFAULT_TOPICS } from '../../../src/schema/topics.js';
import { Decoder } from '../../../src/server/decode.js';
import { aircraft, at, batch, drone, EPOCH, KIT, LATER_EPOCH, signal, T0_US } from './store-batches.js';
import type { Build, Row } from './store-harness.js';

const MINUTE_US = 60e6;

export function mergeCases(build: Build): void {
  test('two boots by a clock that was never set have the same seconds: each has its row, and only one', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const health = (epoch: string, seq: number, afterUs: number) => {
      const sink = { v: 1, epoch, seq, observed_raw: 30 };
      const payload = Buffer.from(JSON.stringify({ id: KIT, observed_at: (T0_US + afterUs) / 1e6, sink }));
      return new Decoder(DEFAULT_TOPICS).decode({ topic: `wardragon/system/${KIT}/attrs`, payload, receivedUs: T0_US });
    };
    for (const one of [health(EPOCH, 1, 0), health(LATER_EPOCH, 1, MINUTE_US), health(LATER_EPOCH, 2, MINUTE_US + 1)])
      await store.commit(one);
    const rows = await harness.rows('system_health');
    deepEqual(rows.map((row) => [row['time'], Number(row['observed_raw']), row['sink_seq']]), [
      [T0_US, 30e6, 1],
      [T0_US + MINUTE_US, 30e6, 2],
    ]); // biome-ignore format: a table
  });

  /** Commits copies of one drone, alone or together, and returns the row they leave. */
  async function rowAfter(
    t: TestContext,
    together: boolean,
    ...identities: (ReturnType<typeof at> | null)[]
  ): Promise<Row> {
    const harness = await build(t);
    const store = await harness.open();
    const copies = identities.map((identity, i) =>
      drone({ identity, columns: { lat: i, ...(i === 0 ? { alt: 5 } : {}) } }),
    );
    const merged = [];
    for (const copy of together ? [copies] : copies.map((one) => [one])) {
      merged.push((await store.commit(batch(...copy))).counts.drone.merged);
    }
    equal(
      merged.reduce((sum, n) => sum + n),
      copies.length - 1,
    );
    const rows = await harness.rows('drones');
    equal(rows.length, 1);
    const [row = {}] = rows;
    equal(row['time'], T0_US);
    return row;
  }

  for (const [how, together] of [
    ['in one batch', true],
    ['one batch after the other', false],
  ] as const) {
    test(`a later identity replaces the whole state (${how})`, async (t) => {
      const row = await rowAfter(t, together, at(1), at(2));
      deepEqual([row['lat'], row['alt'], row['sink_seq']], [1, null, 2]);
    });

    test(`an earlier identity changes nothing, though it comes later (${how})`, async (t) => {
      const row = await rowAfter(t, together, at(2), at(1));
      deepEqual([row['lat'], row['alt'], row['sink_seq']], [0, 5, 2]);
    });

    test(`a later epoch wins over a higher seq, whichever came first (${how})`, async (t) => {
      equal((await rowAfter(t, together, at(900), at(1, LATER_EPOCH)))['lat'], 1);
      equal((await rowAfter(t, together, at(1, LATER_EPOCH), at(900)))['lat'], 0);
    });

    test(`a copy without identity loses to one with, whichever came first (${how})`, async (t) => {
      const first = await rowAfter(t, together, null, at(1));
      deepEqual([first['lat'], first['sink_seq']], [1, 1]);
      const second = await rowAfter(t, together, at(1), null);
      deepEqual([second['lat'], second['sink_seq']], [0, 1]);
    });

    test(`a copy without identity wins over another without (${how})`, async (t) => {
      const row = await rowAfter(t, together, null, null);
      deepEqual([row['lat'], row['sink_epoch'], row['sink_seq']], [1, null, null]);
    });
  }

  test('a merged row stays at its time, also when the copy says another', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await store.commit(batch(drone()));
    await store.commit(batch(drone({ identity: at(2), timeUs: T0_US + 500, columns: { lat: 2 } })));
    const [row] = await harness.rows('drones');
    deepEqual([row?.['time'], row?.['lat']], [T0_US, 2]);
  });

  test('a state on another frequency takes its row along, and moves if it is not alone there', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await store.commit(batch(signal({ thing: 'a', identity: at(1) })));
    await store.commit(batch(signal({ thing: 'b', identity: at(2), columns: { freq_mhz: 433 } })));
    await store.commit(batch(signal({ thing: 'b', identity: at(3), columns: { freq_mhz: 5800 } })));
    const read = async (): Promise<unknown[]> =>
      (await harness.rows('signals')).map((row) => [row['uid'], row['freq_mhz'], Number(row['time']) - T0_US]);
    const expected = [
      ['a', 5800, 0],
      ['b', 5800, 1],
    ];
    deepEqual(await read(), expected);
    // And is found there again.
    equal((await store.commit(batch(signal({ thing: 'b', identity: at(2, LATER_EPOCH) })))).counts.signal.merged, 1);
    deepEqual(await read(), expected);
  });

  test('a later state of an observation whose row somebody has deleted is a row again', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await store.commit(batch(drone({ identity: at(1) })));
    await harness.execute('DELETE FROM drones');
    await store.commit(batch(drone({ identity: at(2), columns: { lat: 2 } })));
    await store.commit(batch(drone({ identity: at(3), columns: { lat: 3 } })));
    deepEqual(
      (await harness.rows('drones')).map((row) => [row['lat'], row['sink_seq']]),
      [[3, 3]],
    );
  });

  test('a message without a time folds into the one within 60 s before it, which stays, and not beyond', async (t) => {
    for (const together of [true, false]) {
      const harness = await build(t);
      const store = await harness.open();
      const heard = (keyUs: number, alt: number) =>
        aircraft({ keyUs, timeUs: keyUs, identity: null, columns: { alt }, foldWithinUs: MINUTE_US });
      const messages = [
        heard(T0_US, 1),
        heard(T0_US + MINUTE_US, 2),
        heard(T0_US + MINUTE_US + 1, 3),
        heard(T0_US + MINUTE_US + 2, 4),
        heard(T0_US - 1, 5),
        { ...heard(T0_US + 5, 6), thing: 'other' },
      ];
      for (const some of together ? [messages] : messages.map((one) => [one])) await store.commit(batch(...some));
      const rows = await harness.rows('drones');
      deepEqual(
        rows.map((row) => [row['drone_id'], Number(row['time']) - T0_US, row['alt']]),
        [
          ['A1B2C3', -1, 5],
          ['A1B2C3', 0, 1],
          ['other', 5, 6],
          ['A1B2C3', MINUTE_US + 1, 3],
        ],
      );
    }
  });
}
