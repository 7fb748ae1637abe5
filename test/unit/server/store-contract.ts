// What every store must do, whatever its database: run by store-sqlite.test.ts and postgres-store.test.ts.
import { deepEqual, equal, notEqual, ok, rejects as throws } from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Store } from '../../../src/server/store.js';
import {
  aircraft,
  at,
  batch,
  contact,
  contacts,
  drone,
  EPOCH,
  KIT,
  LATER_EPOCH,
  received,
  reject,
  rejects,
  signal,
  system,
  T0_US,
} from './store-batches.js';

export type Row = Readonly<Record<string, unknown>>;

export interface StoreHarness {
  /** One more store on the same database; the test's end closes it. */
  open(): Promise<Store>;
  /** A table's rows in the order of `time`, times as microseconds, booleans and JSON as JavaScript has them. */
  rows(table: string): Promise<Row[]>;
  execute(sql: string): Promise<void>;
}

type Build = (t: TestContext) => Promise<StoreHarness>;

const DAY_US = 24 * 3600 * 1e6;
const MINUTE_US = 60e6;
const NOTHING = { stored: 0, merged: 0, refused: 0, rejected: 0 };

export function storeContract(name: string, build: Build): void {
  suite(`${name}: rows`, () => rowCases(build));
  suite(`${name}: the same observation again`, () => mergeCases(build));
  suite(`${name}: ledger and rejects`, () => ledgerCases(build));
  suite(`${name}: kits`, () => kitCases(build));
  suite(`${name}: several stores, and time`, () => lifeCases(build));
}

function rowCases(build: Build): void {
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
    deepEqual(result, { drone: once, aircraft: once, signal: once, system: once });

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
    equal((await store.commit(batch(...observations))).drone.refused, texts.length);
    const unnamed = observations.map((observation) => ({ ...observation, identity: null }));
    equal((await store.commit(batch(...unnamed))).drone.merged, texts.length);
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
      const whole = { observations: [good, { ...bad, identity: at(9) }], rejects: [reject()], contacts: [contact()] };
      await throws(store.commit(whole), { name: 'StoreError', code: 'data', retryable: false });
      const { rows, rejects: rejected } = await store.counts();
      deepEqual([rows, rejected], [{ drone: 0, aircraft: 0, signal: 0, system: 0 }, 0]);
      deepEqual([await store.ledger(), await harness.rows('kits')], [[], []]);
      equal((await store.commit(batch(good))).drone.stored, 1);
    });
  }
}

function mergeCases(build: Build): void {
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
      merged.push((await store.commit(batch(...copy))).drone.merged);
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
    equal((await store.commit(batch(signal({ thing: 'b', identity: at(2, LATER_EPOCH) })))).signal.merged, 1);
    deepEqual(await read(), expected);
  });

  test('a message without a time folds into the one within 60 s before it, and not beyond', async (t) => {
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
          ['A1B2C3', 0, 2],
          ['other', 5, 6],
          ['A1B2C3', MINUTE_US + 1, 4],
        ],
      );
    }
  });

  test('a message without a time folds into a kit’s own record, and does not replace it', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await store.commit(batch(aircraft({ columns: { alt: 1 } })));
    const late = { keyUs: T0_US + 1000, timeUs: T0_US + 1000, identity: null, foldWithinUs: MINUTE_US };
    equal((await store.commit(batch(aircraft({ ...late, columns: { alt: 2 } })))).aircraft.merged, 1);
    deepEqual(
      (await harness.rows('drones')).map((row) => row['alt']),
      [1],
    );
  });
}

function ledgerCases(build: Build): void {
  test('a batch that is committed again is refused, counted, and changes no row', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const whole = {
      observations: [drone(), aircraft(), signal(), system(), drone({ thing: 'stock', identity: null })],
      rejects: [reject({ identity: at(2) }), reject({ kitId: null, kind: null, identity: null })],
      contacts: [contact()],
    };
    await store.commit(whole);
    const tables = ['drones', 'signals', 'system_health', 'ingest_rejects'];
    const before = await Promise.all(tables.map((table) => harness.rows(table)));
    const again = await store.commit(whole);
    deepEqual(again.drone, { stored: 0, merged: 1, refused: 2, rejected: 0 });
    deepEqual([again.aircraft.refused, again.signal.refused, again.system.refused], [1, 1, 1]);
    deepEqual(await Promise.all(tables.map((table) => harness.rows(table))), before);
    const entry = (await store.ledger()).find(({ kind }) => kind === 'drone');
    deepEqual([entry?.refused, entry?.merged, entry?.rejected, entry?.received], [2, 0, 1, [[1, 2]]]);
  });

  test('an identity that comes twice in one batch is refused the second time', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const { drone: counts } = await store.commit(batch(drone(), drone({ thing: 'drone-2' })));
    deepEqual(counts, { ...NOTHING, stored: 1, refused: 1 });
    deepEqual(
      (await harness.rows('drones')).map((row) => row['drone_id']),
      ['drone-1'],
    );
  });

  test('the ledger has exactly what came, out of order and with gaps, per kit, epoch and kind', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const some = (seq: number, epoch = EPOCH, kitId = KIT) =>
      drone({ kitId, keyUs: T0_US + seq, timeUs: T0_US + seq, identity: at(seq, epoch) });
    await store.commit(batch(some(7), some(3), some(5)));
    await store.commit(batch(some(4), some(1), some(9, LATER_EPOCH)));
    await store.commit(batch(some(2, EPOCH, 'wardragon-2'), system({ identity: at(12) })));
    deepEqual(await received(store), {
      [EPOCH]: [
        [1, 1],
        [3, 5],
        [7, 7],
      ],
      [LATER_EPOCH]: [[9, 9]],
    });
    deepEqual(await received(store, 'drone', 'wardragon-2'), { [EPOCH]: [[2, 2]] });
    deepEqual(await received(store, 'system'), { [EPOCH]: [[12, 12]] });
    equal((await store.ledger()).length, 4);
    const nowUs = Date.now() * 1000;
    for (const { lastContactUs } of await store.ledger()) ok(Math.abs(nowUs - lastContactUs) < MINUTE_US);
  });

  test('a merge counts as received, and is counted apart', async (t) => {
    const store = await (await build(t)).open();
    await store.commit(batch(drone({ identity: at(1) }), drone({ identity: at(2) })));
    const [entry] = await store.ledger();
    deepEqual([entry?.received, entry?.merged, entry?.refused], [[[1, 2]], 1, 0]);
  });

  test('a reject counts as received; sent again it is refused, as a reject or as a row', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const { drone: counts } = await store.commit(rejects(reject({ identity: at(1) }), reject({ identity: at(2) })));
    deepEqual(counts, { ...NOTHING, rejected: 2 });
    deepEqual(await received(store), { [EPOCH]: [[1, 2]] });
    equal((await store.commit(rejects(reject({ receivedUs: T0_US + 1 })))).drone.refused, 1);
    equal((await store.commit(batch(drone()))).drone.refused, 1);
    equal((await store.counts()).rejects, 2);
    const [row] = await harness.rows('ingest_rejects');
    const { received: receivedAt, topic, kit_id, kind, epoch, seq, reason, detail, payload } = row ?? {};
    deepEqual([receivedAt, topic, kit_id, kind, epoch, seq], [T0_US, 'wardragon/drones', KIT, 'drone', EPOCH, 1]);
    deepEqual([reason, detail, String(payload)], ['schema', 'id is missing', '{"lat":1}']);
  });

  test('rejects of nobody are kept too, equal ones of one batch as well, and make no kit and no ledger', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const nobody = reject({
      kitId: null,
      kind: null,
      identity: null,
      reason: 'json',
      payload: Buffer.from([0, 255, 0]),
    });
    const known = reject({ identity: null });
    const { drone: counts } = await store.commit(rejects(nobody, nobody, known));
    equal(counts.rejected, 1);
    equal((await store.counts()).rejects, 3);
    deepEqual([await store.ledger(), await harness.rows('kits')], [[], []]);
    const payloads = (await harness.rows('ingest_rejects')).map((row) => [...(row['payload'] as Buffer)]);
    deepEqual(payloads[0], [0, 255, 0]);
  });

  test('a reject is storable whatever it holds', async (t) => {
    const store = await (await build(t)).open();
    const odd = 'NUL \0 and half a pair \ud83d';
    const payload = Buffer.alloc(40_000, 0xff);
    await store.commit(
      rejects(reject({ topic: odd, detail: odd.repeat(10_000), kitId: odd, identity: null, payload })),
    );
    equal((await store.counts()).rejects, 1);
  });
}

function kitCases(build: Build): void {
  const kit = async (harness: StoreHarness): Promise<Row | undefined> => (await harness.rows('kits'))[0];

  test('a kit is registered once, by its first observation or contact, and named by its id', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await store.commit(batch(drone()));
    await store.commit(contacts(contact({ atUs: T0_US + 5 }), contact({ kitId: 'wardragon-2', atUs: T0_US + 5 })));
    const rows = await harness.rows('kits');
    deepEqual(
      rows
        .map((row) => [row['kit_id'], row['name'], row['source'], row['status'], row['enabled'], row['api_url']])
        .sort(),
      [KIT, 'wardragon-2'].map((id) => [id, id, 'mqtt', 'online', true, null]),
    );
  });

  test('an observation is a contact at its own time, and never in the future', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const pastUs = Date.now() * 1000 - 5 * DAY_US;
    await store.commit(batch(drone({ timeUs: pastUs })));
    equal((await kit(harness))?.['last_seen'], pastUs);
    await store.commit(batch(drone({ identity: at(2), keyUs: 1, timeUs: Date.now() * 1000 + DAY_US / 2 })));
    ok(Number((await kit(harness))?.['last_seen']) <= Date.now() * 1000);
  });

  test('last_seen never goes back', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await store.commit(contacts(contact({ atUs: T0_US + 9 }), contact({ atUs: T0_US })));
    await store.commit(contacts(contact({ atUs: T0_US + 3 })));
    equal((await kit(harness))?.['last_seen'], T0_US + 9);
  });

  test('a last will makes it offline without having seen it, and what was heard before does not undo that', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await store.commit(contacts(contact(), contact({ atUs: T0_US + 20, online: false })));
    deepEqual([(await kit(harness))?.['status'], (await kit(harness))?.['last_seen']], ['offline', T0_US]);
    await store.commit(contacts(contact({ atUs: T0_US - 10 })));
    equal((await kit(harness))?.['status'], 'offline');
    await store.commit(contacts(contact({ atUs: T0_US + 30 })));
    deepEqual([(await kit(harness))?.['status'], (await kit(harness))?.['last_seen']], ['online', T0_US + 30]);
    await store.commit(contacts(contact({ atUs: T0_US + 25, online: false })));
    equal((await kit(harness))?.['status'], 'online');
  });

  test('a kit known by HTTP becomes both, keeps its name, and is never enabled again by us', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await harness.execute(
      `INSERT INTO kits (kit_id, name, api_url, enabled, source, status) VALUES ('${KIT}', 'Roof', 'http://kit', false, 'http', 'error')`,
    );
    await store.commit(batch(drone()));
    const { name, api_url, enabled, source, status } = (await kit(harness)) ?? {};
    deepEqual([name, api_url, enabled, source, status], ['Roof', 'http://kit', false, 'both', 'online']);
    await store.commit(contacts(contact()));
    deepEqual([(await kit(harness))?.['source'], (await kit(harness))?.['enabled']], ['both', false]);
  });
}

function lifeCases(build: Build): void {
  test('an empty batch is committed without anything happening', async (t) => {
    const store = await (await build(t)).open();
    deepEqual((await store.commit({ observations: [], rejects: [], contacts: [] })).drone, NOTHING);
  });

  test('what was stored is there after reopening, under the same store id', async (t) => {
    const harness = await build(t);
    const first = await harness.open();
    await first.commit({ observations: [drone(), system()], rejects: [reject({ identity: at(2) })], contacts: [] });
    const before = [await first.ledger(), await first.counts()];
    await first.close();
    const second = await harness.open();
    equal(second.storeId, first.storeId);
    deepEqual([await second.ledger(), await second.counts()], before);
    const other = await (await build(t)).open();
    notEqual(other.storeId, first.storeId);
  });

  test('two stores that commit the same messages at once store them once', async (t) => {
    const harness = await build(t);
    const [left, right] = [await harness.open(), await harness.open()];
    // Each message arrives at both, in other batches and another order; some without identity.
    const messages = Array.from({ length: 400 }, (_, i) =>
      signal({
        kitId: `wardragon-${i % 4}`,
        thing: `s-${i % 7}`,
        keyUs: T0_US + Math.floor(i / 8),
        timeUs: T0_US + Math.floor(i / 8),
        identity: i % 5 === 0 ? null : at(Math.floor(i / 4) + 1),
      }),
    );
    const commitAll = (store: Store, list: typeof messages, size: number): Promise<unknown>[] => {
      const commits = [];
      for (let i = 0; i < list.length; i += size) commits.push(store.commit(batch(...list.slice(i, i + size))));
      return commits;
    };
    await Promise.all([...commitAll(left, messages, 37), ...commitAll(right, [...messages].reverse(), 23)]);
    const keys = new Set(messages.map(({ kitId, thing, keyUs }) => `${kitId} ${thing} ${keyUs}`));
    const { rows, doubled } = await left.counts();
    deepEqual([rows.signal, doubled], [keys.size, 0]);
    const sent = messages.filter(({ identity }) => identity !== null).length;
    const ledger = await right.ledger();
    const ranges = ledger.flatMap((entry) => entry.received);
    equal(
      ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0),
      sent,
    );
    equal((await harness.rows('kits')).length, 4);
  });

  test('doubled says so when a row is there twice', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    await store.commit(batch(drone(), signal(), system()));
    equal((await store.counts()).doubled, 0);
    for (const [table, part] of [
      ['drones', ', drone_id, track_type'],
      ['signals', ', freq_mhz, uid'],
      ['system_health', ''],
    ]) {
      await harness.execute(
        `INSERT INTO ${table} (time, kit_id, observed_raw${part})
         SELECT '2020-01-01T00:00:00.000000Z', kit_id, observed_raw${part} FROM ${table}`,
      );
    }
    equal((await store.counts()).doubled, 3);
  });

  test('pruning deletes what is past its retention with its keys, in slices, and nothing else', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const nowUs = T0_US;
    const ago = (days: number, over: object) => ({
      keyUs: nowUs - days * DAY_US,
      timeUs: nowUs - days * DAY_US,
      ...over,
    });
    const old = Array.from({ length: 2500 }, (_, i) => drone(ago(31, { thing: `d-${i}`, identity: at(i + 1) })));
    await store.commit(batch(...old));
    await store.commit(
      batch(
        drone(ago(29, { identity: at(3000) })),
        aircraft(ago(31, {})),
        signal(ago(31, {})),
        signal(ago(29, { identity: at(2) })),
        system(ago(89, {})),
        system(ago(91, { identity: at(2) })),
      ),
    );
    await store.commit(
      rejects(reject({ receivedUs: nowUs - 31 * DAY_US, identity: null }), reject({ identity: null })),
    );
    equal(await store.prune(nowUs), 2500 + 1 + 1 + 1 + 1);
    deepEqual((await store.counts()).rows, { drone: 1, aircraft: 0, signal: 1, system: 1 });
    equal((await store.counts()).rejects, 1);
    equal((await harness.rows('ingest_keys')).length, 3);
    // The ledger outlives the rows: what was received once is never asked for again.
    equal((await received(store))[EPOCH] !== undefined, true);
    equal((await store.commit(batch(...old.slice(0, 10)))).drone.refused, 10);
    equal(await store.prune(nowUs), 0);
  });
}
