// What every store shows to whoever looks: bounded, in pages that miss nothing, and the same on all databases. Run by
// browser/reads.test.ts.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isoMicros } from '../../../src/schema/time.js';
import { kitHealth, signal as signalShape, trackState } from '../../../src/schema/web/shapes.js';
import type { SignalKey, ThingKey, TrackKey } from '../../../src/server/reads.js';
import type { Observation } from '../../../src/server/store.js';
import {
  aircraft,
  batch,
  contact,
  contacts,
  drone,
  KIT,
  reject,
  rejects,
  signal,
  system,
  T0_US,
} from './store-batches.js';
import { minuteCases } from './store-minute-cases.js';
import { ALL, type Build, MINUTE_US, numbered, OTHER, range, readsOf, seen } from './store-seen.js';

export function readContract(name: string, build: Build): void {
  suite(`${name}: what is read of it`, () => readCases(build));
  suite(`${name}: what came in each minute`, () => minuteCases(build));
}

function readCases(build: Build): void {
  test('things come the latest first, and page by page each once, also where times are equal', async (t) => {
    const drones = Array.from({ length: 7 }, (_, i) => seen(`drone-${i}`, Math.floor(i / 3) * MINUTE_US));
    const planes = [aircraft({ thing: 'drone-3', keyUs: T0_US + MINUTE_US, timeUs: T0_US + MINUTE_US })];
    const reads = await readsOf(t, build, ...numbered(KIT, ...drones), ...numbered(OTHER, ...planes));
    const found: string[] = [];
    let after: ThingKey | null = null;
    for (let pages = 0; pages < 10; pages += 1) {
      const page = await reads.things(ALL, 2, after);
      found.push(...page.map(({ kind, id }) => `${kind} ${id}`));
      after = page.at(-1) ?? null;
      if (page.length < 2) break;
    }
    deepEqual(found, [
      'drone drone-6',
      ...['aircraft drone-3', 'drone drone-3', 'drone drone-4', 'drone drone-5'],
      ...['drone drone-0', 'drone drone-1', 'drone drone-2'],
    ]);
  });

  test('a thing has its newest row, the kits that heard it, and its path', async (t) => {
    const positions = Array.from({ length: 10 }, (_, i) => {
      return seen('drone-1', i * MINUTE_US, { columns: { lat: 40 + i / 10, lon: -105, alt: 100 + i, rssi: -90 + i } });
    });
    const mute = seen('drone-1', 10 * MINUTE_US, { columns: { rssi: -50, description: 'x' }, extra: { index: 4 } });
    const heard = seen('drone-1', 3 * MINUTE_US + 7, { columns: { lat: 41, lon: -104, freq_mhz: 2437 } });
    const reads = await readsOf(t, build, ...numbered(KIT, ...positions, mute), ...numbered(OTHER, heard));
    const things = await reads.things(ALL, 10, null);
    const last_at = isoMicros(T0_US + 10 * MINUTE_US);
    deepEqual(things, [
      { kind: 'drone', id: 'drone-1', first_at: isoMicros(T0_US), last_at, live_at: last_at, points: 12 },
    ]);
    const latest = await reads.rowsAt([{ kind: 'drone', id: 'drone-1', time: last_at }], ALL);
    equal(latest.length, 1);
    const [{ kind, id, late, ...state } = { kind: '', id: '', late: null }] = latest;
    deepEqual([kind, id, late], ['drone', 'drone-1', false]);
    const parsed = trackState.strict().parse(state);
    deepEqual(
      [parsed.time, parsed.kit_id, parsed.rssi, parsed.lat, parsed.extra],
      [last_at, KIT, -50, null, { index: 4 }],
    );
    const kits = (await reads.heardBy(things, ALL)).sort((a, b) => (a.kit_id < b.kit_id ? -1 : 1));
    deepEqual(
      kits.map(({ kit_id, rssi, freq_mhz, points }) => [kit_id, rssi, freq_mhz, points]),
      [
        [KIT, -50, null, 11],
        [OTHER, null, 2437, 1],
      ],
    );
    const whole = await reads.paths(things, ALL, 100);
    equal(whole.length, 11);
    deepEqual(
      whole.map(({ time }) => time),
      whole.map(({ time }) => time).sort(),
    );
    const few = await reads.paths(things, ALL, 4);
    ok(few.length >= 3 && few.length <= 4, `${few.length}`);
    equal(few.at(-1)?.lat, 40.9);
    deepEqual(await reads.paths([], ALL, 4), []);
  });

  test('what a replay brought is late, until something tells the same as it happens', async (t) => {
    const store = await (await build(t)).open(() => T0_US);
    const replay = { replay: true as const };
    const placed = { columns: { lat: 40, lon: -105 } };
    const [live, late, both] = numbered(
      KIT,
      seen('drone-1', 0, placed),
      seen('drone-1', MINUTE_US, { ...placed, ...replay }),
      seen('drone-2', MINUTE_US, { ...placed, ...replay }),
    );
    const heard = numbered(KIT, signal(replay), signal({ thing: 'other', keyUs: T0_US + 1, timeUs: T0_US + 1 }));
    await store.commit(batch(...[live, late, both].flatMap((one) => one ?? []), ...heard));
    const { reads } = store;
    const times = async (): Promise<unknown[]> => {
      const things = await reads.things(ALL, 10, null);
      return things.map(({ id, last_at, live_at }) => [id, last_at, live_at]);
    };
    const [early, later] = [isoMicros(T0_US), isoMicros(T0_US + MINUTE_US)];
    deepEqual(await times(), [
      ['drone-1', later, early],
      ['drone-2', later, null],
    ]);
    const of = { kind: 'drone', id: 'drone-1' } as const;
    const rows = await reads.rowsAt(
      [
        { ...of, time: later },
        { ...of, time: early },
      ],
      ALL,
    );
    deepEqual(
      new Set(rows.map(({ time, late: isLate }) => `${time} ${isLate}`)),
      new Set([`${later} true`, `${early} false`]),
    );
    const path = await reads.paths(await reads.things({ ...ALL, thing: 'drone-1' }, 1, null), ALL, 10);
    deepEqual(
      path.map((point) => point.late),
      [false, true],
    );
    deepEqual(
      (await reads.trackRows(ALL, 10, null)).map((row) => row.late),
      [false, true, true],
    );
    deepEqual(
      (await reads.signals(ALL, 10, null)).map((row) => row.late),
      [false, true],
    );
    // The kit is polled besides, and the copy that came as it happened is the weaker one.
    await store.commit(batch({ ...seen('drone-3', 0), identity: null, polled: true }));
    await store.commit(batch(...numbered(KIT, seen('drone-3', 0, replay))));
    deepEqual(
      (await reads.trackRows({ ...ALL, thing: 'drone-3' }, 10, null)).map(({ late: isLate }) => isLate),
      [false],
    );
    // Both in one batch, in either order.
    const polled = (id: string) => ({ ...seen(id, 0), identity: null, polled: true as const });
    const [fourth, fifth] = numbered(KIT, seen('drone-4', 0, replay), seen('drone-5', 0, replay));
    await store.commit(batch(...[fourth, polled('drone-4'), polled('drone-5'), fifth].flatMap((one) => one ?? [])));
    for (const thing of ['drone-4', 'drone-5'])
      deepEqual(
        (await reads.trackRows({ ...ALL, thing }, 10, null)).map(({ late: isLate }) => isLate),
        [false],
      );
  });

  test('things are found by kind, kit, id, time and text', async (t) => {
    const described = { columns: { description: 'Sur_vey 100%', operator_id: 'FIN87astrdge12k8' } };
    const reads = await readsOf(
      t,
      build,
      ...numbered(KIT, seen('drone-a', 0, described), seen('drone-b', MINUTE_US), aircraft()),
      ...numbered(OTHER, seen('drone-c', 2 * MINUTE_US)),
    );
    const ids = async (filter: object): Promise<string[]> => {
      return (await reads.things({ ...ALL, ...filter }, 10, null)).map(({ id }) => id).sort();
    };
    deepEqual(await ids({ kinds: ['aircraft'] }), ['A1B2C3']);
    deepEqual(await ids({ kinds: ['drone', 'aircraft'], kitId: KIT }), ['A1B2C3', 'drone-a', 'drone-b']);
    deepEqual(await ids({ thing: 'drone-c' }), ['drone-c']);
    deepEqual(await ids(range(T0_US + MINUTE_US, T0_US + 2 * MINUTE_US)), ['drone-b']);
    deepEqual(await ids({ text: 'SUR_V' }), ['drone-a']);
    deepEqual(await ids({ text: '100%' }), ['drone-a']);
    // A mark of LIKE is a character like any other.
    deepEqual(await ids({ text: 'surxv' }), []);
    deepEqual(await ids({ text: "'; DROP TABLE drones; --" }), []);
  });

  test('rows come by thing and time, page by page each once', async (t) => {
    const rows = ['b', 'a'].flatMap((thing) => [2, 0, 1].map((i) => seen(thing, i * MINUTE_US)));
    const reads = await readsOf(t, build, ...numbered(KIT, ...rows), ...numbered(OTHER, seen('a', MINUTE_US)));
    const found: unknown[] = [];
    let after: TrackKey | null = null;
    for (let pages = 0; pages < 10; pages += 1) {
      const page = await reads.trackRows(ALL, 3, after);
      found.push(...page.map(({ id, time, kit_id }) => `${id} ${time} ${kit_id}`));
      after = page.at(-1) ?? null;
      if (page.length < 3) break;
    }
    const when = (i: number): string => isoMicros(T0_US + i * MINUTE_US);
    const ofA = [`a ${when(0)} ${KIT}`, `a ${when(1)} ${KIT}`, `a ${when(1)} ${OTHER}`, `a ${when(2)} ${KIT}`];
    deepEqual(found, [...ofA, ...[0, 1, 2].map((i) => `b ${when(i)} ${KIT}`)]);
    deepEqual([await reads.countTracks(ALL, 100), await reads.countTracks(ALL, 3)], [7, 4]);
  });

  test('signals come the newest first, page by page each once, and are found by type', async (t) => {
    const heard = [5_800, 5_740, 1_200].map((freq_mhz, i) =>
      signal({
        thing: `fpv-${freq_mhz}`,
        columns: { freq_mhz, detection_type: i === 0 ? 'analog' : i === 1 ? 'dji' : null },
      }),
    );
    const later = signal({ thing: 'fpv-later', keyUs: T0_US + 5, timeUs: T0_US + 5 });
    const reads = await readsOf(t, build, ...numbered(KIT, ...heard, later));
    const found: number[] = [];
    let after: SignalKey | null = null;
    for (let pages = 0; pages < 10; pages += 1) {
      const page = await reads.signals(ALL, 1, after);
      for (const { late: _, ...row } of page) signalShape.strict().parse(row);
      found.push(...page.map(({ freq_mhz }) => freq_mhz));
      after = page.at(-1) ?? null;
      if (page.length < 1) break;
    }
    deepEqual(found, [5_800, 1_200, 5_740, 5_800]);
    const of = async (...types: ('analog' | 'dji' | 'other')[]): Promise<number[]> => {
      return (await reads.signals({ ...ALL, types }, 10, null)).map(({ freq_mhz }) => freq_mhz);
    };
    deepEqual(
      [await of('analog'), await of('dji'), await of('other', 'dji')],
      [[5_800], [5_740], [5_800, 1_200, 5_740]],
    );
    equal(await reads.countSignals(ALL, 10), 4);
  });

  test('health is the newest of each kit, with the newest position, and a thinned series', async (t) => {
    const healthy = Array.from({ length: 20 }, (_, i) => {
      const timeUs = T0_US + i * MINUTE_US;
      const place = i === 19 ? {} : { lat: 39 + i, lon: -104 };
      return system({ keyUs: timeUs, timeUs, columns: { cpu_percent: i, gps_fix: i !== 19, ...place } });
    });
    const reads = await readsOf(t, build, ...numbered(KIT, ...healthy), ...numbered(OTHER, system()));
    const latest = (await reads.latestHealth()).sort((a, b) => (a.kit_id < b.kit_id ? -1 : 1));
    deepEqual(
      latest.map(({ kit_id, cpu_percent, gps_fix }) => [kit_id, cpu_percent, gps_fix]),
      [
        [KIT, 19, false],
        [OTHER, 12.5, null],
      ],
    );
    for (const { kit_id: _, late: __, ...row } of latest) kitHealth.strict().parse(row);
    const [position] = await reads.latestPositions(isoMicros(T0_US));
    deepEqual([position?.kit_id, position?.lat], [KIT, 39 + 18]);
    deepEqual(await reads.latestPositions(isoMicros(T0_US + 19 * MINUTE_US)), []);
    const series = await reads.health(KIT, ALL, 5, false);
    deepEqual(
      series.map(({ cpu_percent }) => cpu_percent),
      [3, 7, 11, 15, 19],
    );
    equal((await reads.health(KIT, ALL, 100, false)).length, 20);
    const placed = await reads.health(KIT, ALL, 1, true);
    deepEqual(
      placed.map(({ cpu_percent }) => cpu_percent),
      [18],
    );
  });

  test('health that a replay brought is late, and no position where another is known', async (t) => {
    const standing = (offsetUs: number, lat: number, over: Partial<Observation> = {}): Observation => {
      const timeUs = T0_US + offsetUs;
      return system({ keyUs: timeUs, timeUs, columns: { lat, lon: -104 }, ...over });
    };
    const replay = { replay: true as const };
    const reads = await readsOf(
      t,
      build,
      ...numbered(KIT, standing(0, 39), standing(MINUTE_US, 40, replay), standing(2 * MINUTE_US, 41, replay)),
      ...numbered(OTHER, standing(0, 42, replay), standing(MINUTE_US, 43, replay)),
    );
    const ofKit = await reads.health(KIT, ALL, 100, false);
    deepEqual(
      ofKit.map(({ lat, late }) => [lat, late]),
      [
        [39, false],
        [40, true],
        [41, true],
      ],
    );
    const positions = await reads.latestPositions(isoMicros(T0_US - MINUTE_US));
    deepEqual(
      new Map(positions.map(({ kit_id, lat, late }) => [kit_id, [lat, late]])),
      new Map([
        [KIT, [39, false]],
        [OTHER, [43, true]],
      ]),
    );
  });

  test('kits, ledger and rejects are those of the store', async (t) => {
    const store = await (await build(t)).open(() => T0_US);
    await store.commit(batch(...numbered(KIT, drone())));
    await store.commit(contacts(contact({ kitId: OTHER })));
    const rejected = ['1', '2', '3'].map((payload) => reject({ payload: Buffer.from(payload), identity: null }));
    await store.commit(rejects(...rejected));
    deepEqual(await store.reads.kits(), await store.kits.list());
    deepEqual(await store.reads.ledger(), await store.ledger());
    const newest = await store.reads.rejects({}, 2, null);
    deepEqual(
      newest.map(({ payload }) => Buffer.from(payload).toString()),
      ['3', '2'],
    );
    const next = await store.reads.rejects({ kitId: KIT, reason: 'schema' }, 2, newest.at(-1)?.id ?? 0);
    deepEqual(
      next.map(({ payload, received_at }) => [Buffer.from(payload).toString(), received_at]),
      [['1', isoMicros(T0_US)]],
    );
    deepEqual(await store.reads.rejects({ reason: 'time' }, 2, null), []);
    deepEqual(await store.reads.rejectCounts({}), new Map([['schema', 3]]));
  });
}
