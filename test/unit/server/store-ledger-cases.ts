// The contract of a store, about its ledger and its rejects.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import {
  aircraft,
  at,
  batch,
  contact,
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
  whole,
} from './store-batches.js';
import type { Build } from './store-harness.js';

const MINUTE_US = 60e6;
const NOTHING = { stored: 0, merged: 0, refused: 0, rejected: 0 };

export function ledgerCases(build: Build): void {
  test('a batch that is committed again is refused, counted, and changes no row', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const all = whole({
      observations: [drone(), aircraft(), signal(), system(), drone({ thing: 'stock', identity: null })],
      rejects: [reject({ identity: at(2) }), reject({ kitId: null, kind: null, identity: null })],
      contacts: [contact()],
    });
    await store.commit(all);
    const tables = ['drones', 'signals', 'system_health', 'ingest_rejects'];
    const before = await Promise.all(tables.map((table) => harness.rows(table)));
    const again = (await store.commit(all)).counts;
    deepEqual(again.drone, { stored: 0, merged: 1, refused: 2, rejected: 0 });
    deepEqual([again.aircraft.refused, again.signal.refused, again.system.refused], [1, 1, 1]);
    deepEqual(await Promise.all(tables.map((table) => harness.rows(table))), before);
    const entry = (await store.ledger()).find(({ kind }) => kind === 'drone');
    deepEqual([entry?.refused, entry?.merged, entry?.rejected, entry?.received], [2, 0, 1, [[1, 2]]]);
  });

  test('an identity that comes twice in one batch is refused the second time', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const { drone: counts } = (await store.commit(batch(drone(), drone({ thing: 'drone-2' })))).counts;
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
    const { drone: counts } = (await store.commit(rejects(reject({ identity: at(1) }), reject({ identity: at(2) }))))
      .counts;
    deepEqual(counts, { ...NOTHING, rejected: 2 });
    deepEqual(await received(store), { [EPOCH]: [[1, 2]] });
    equal((await store.commit(rejects(reject({ receivedUs: T0_US + 1 })))).counts.drone.refused, 1);
    equal((await store.commit(batch(drone()))).counts.drone.refused, 1);
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
    const { drone: counts } = (await store.commit(rejects(nobody, nobody, known))).counts;
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
