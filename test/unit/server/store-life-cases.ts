// The contract of a store, about reopening, others on the same database, and age.
import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { Store } from '../../../src/server/store.js';
import {
  aircraft,
  at,
  batch,
  drone,
  EPOCH,
  received,
  reject,
  rejects,
  signal,
  system,
  T0_US,
  whole,
} from './store-batches.js';
import type { Build } from './store-harness.js';

const DAY_US = 24 * 3600 * 1e6;
const NOTHING = { stored: 0, merged: 0, refused: 0, rejected: 0 };

export function lifeCases(build: Build): void {
  test('an empty batch is committed without anything happening', async (t) => {
    const store = await (await build(t)).open();
    deepEqual((await store.commit(whole({}))).counts.drone, NOTHING);
  });

  test('what was stored is there after reopening, under the same store id', async (t) => {
    const harness = await build(t);
    const first = await harness.open();
    await first.commit(whole({ observations: [drone(), system()], rejects: [reject({ identity: at(2) })] }));
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
}

/** Where rows lie in tables, and not in chunks that a database drops whole. */
export function pruneCases(build: Build): void {
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
    equal((await harness.rows('ingest_minutes')).length, 3);
    // The ledger outlives the rows: what was received once is never asked for again.
    equal((await received(store))[EPOCH] !== undefined, true);
    equal((await store.commit(batch(...old.slice(0, 10)))).counts.drone.refused, 10);
    equal(await store.prune(nowUs), 0);
  });

  test('rows that come late leave nothing to do where nothing aggregates them', async (t) => {
    const store = await (await build(t)).open(() => T0_US);
    await store.commit(batch(drone({ keyUs: T0_US - DAY_US, timeUs: T0_US - DAY_US })));
    equal(await store.refresh(T0_US), 0);
    deepEqual(store.warnings, []);
  });
}
