// The contract of a store, about the registry of kits beside what commits do to it.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { KIT_TABLES, type Kit, type KitTable, SILENT_US } from '../../../src/server/kits.js';
import type { Store } from '../../../src/server/store.js';
import {
  aircraft,
  at,
  batch,
  contact,
  contacts,
  drone,
  KIT,
  reject,
  report,
  signal,
  stream,
  system,
  whole,
} from './store-batches.js';
import type { Build } from './store-harness.js';

const NOW_US = Date.now() * 1000;
const SECOND_US = 1e6;
const API = 'http://kit:8088';

async function kitOf(store: Store, kitId = KIT): Promise<Kit | undefined> {
  return (await store.kits.list()).find((kit) => kit.kitId === kitId);
}

export function registryCases(build: Build): void {
  const open = async (t: Parameters<Build>[0]): Promise<Store> => (await build(t)).open();
  const add = (store: Store): Promise<void> => store.kits.put({ kitId: KIT, apiUrl: API, name: null, location: null });

  test('a kit that is added is offline until its API answers; what it shows does not make it one of MQTT', async (t) => {
    const store = await open(t);
    await store.kits.put({ kitId: KIT, apiUrl: API, name: 'Roof', location: null });
    const { createdUs, ...kit } = (await kitOf(store)) as Kit;
    const expected = { kitId: KIT, name: 'Roof', location: null, apiUrl: API, enabled: true, lastSeenUs: null };
    deepEqual(kit, { ...expected, source: 'http', status: 'offline' });
    ok(Math.abs(createdUs - Date.now() * 1000) < 60 * SECOND_US);
    equal(await store.kits.answered(KIT, NOW_US), true);
    await store.commit(batch(drone({ identity: null, polled: true, timeUs: NOW_US })));
    const { source, status, lastSeenUs } = (await kitOf(store)) as Kit;
    deepEqual([source, status, lastSeenUs], ['http', 'online', NOW_US]);
    await store.commit(contacts(contact()));
    equal((await kitOf(store))?.source, 'both');
  });

  test('a kit of MQTT that is given an API keeps its name and comes both ways', async (t) => {
    const store = await open(t);
    await store.commit(batch(drone()));
    equal(await store.kits.rename(KIT, 'Roof'), true);
    await add(store);
    const { name, apiUrl, source } = (await kitOf(store)) as Kit;
    deepEqual([name, apiUrl, source], ['Roof', API, 'both']);
  });

  test('what a poll brings of a kit that was removed meanwhile is not stored, and does not bring the kit back', async (t) => {
    const store = await open(t);
    await add(store);
    await store.kits.remove(KIT);
    const polls = batch(drone({ identity: null, polled: true }));
    const result = await store.commit({ ...polls, rejects: [reject({ identity: null })] });
    equal(await kitOf(store), undefined);
    deepEqual([result.counts.drone.stored, (await store.counts()).rows.drone], [0, 0]);
    await store.commit(batch(drone({ identity: null, polled: true }), drone({ thing: 'drone-2' })));
    deepEqual([(await kitOf(store))?.source, (await store.counts()).rows.drone], ['mqtt', 2]);
  });

  test('nobody heard for three minutes is offline, and nobody else', async (t) => {
    const store = await open(t);
    await store.commit(contacts(contact({ atUs: NOW_US }), contact({ kitId: 'other', atUs: NOW_US + 10 * SECOND_US })));
    equal(await store.kits.expire(NOW_US + SILENT_US), 0);
    equal(await store.kits.expire(NOW_US + SILENT_US + 1), 1);
    deepEqual([(await kitOf(store))?.status, (await kitOf(store, 'other'))?.status], ['offline', 'online']);
    equal((await kitOf(store))?.lastSeenUs, NOW_US);
    await store.commit(contacts(contact({ atUs: NOW_US + SILENT_US })));
    equal((await kitOf(store))?.status, 'online');
  });

  test('a failed poll moves no last_seen, makes nobody online, and does not outshout MQTT', async (t) => {
    const store = await open(t);
    await add(store);
    await store.kits.failed(KIT, 'error', NOW_US);
    deepEqual([(await kitOf(store))?.status, (await kitOf(store))?.lastSeenUs], ['error', null]);
    await store.commit(contacts(contact({ atUs: NOW_US })));
    await store.kits.failed(KIT, 'offline', NOW_US + SECOND_US);
    equal((await kitOf(store))?.status, 'online');
    await store.kits.failed(KIT, 'offline', NOW_US + SILENT_US + SECOND_US);
    deepEqual([(await kitOf(store))?.status, (await kitOf(store))?.lastSeenUs], ['offline', NOW_US]);
  });

  test('an answer of a kit that is disabled or gone does not count', async (t) => {
    const store = await open(t);
    equal(await store.kits.answered(KIT, NOW_US), false);
    await add(store);
    equal(await store.kits.setEnabled(KIT, false), true);
    equal(await store.kits.answered(KIT, NOW_US), false);
    deepEqual([(await kitOf(store))?.enabled, (await kitOf(store))?.lastSeenUs], [false, null]);
    equal(await store.kits.rename('nobody', 'x'), false);
    equal(await store.kits.locate('nobody', 'x'), false);
    equal(await store.kits.setEnabled('nobody', true), false);
    equal(await store.kits.remove('nobody'), false);
  });

  test('a kit stands where an operator says, until that is taken back', async (t) => {
    const store = await open(t);
    await store.commit(batch(drone()));
    equal(await store.kits.locate(KIT, "the roof; it's high"), true);
    equal((await kitOf(store))?.location, "the roof; it's high");
    equal(await store.kits.locate(KIT, null), true);
    equal((await kitOf(store))?.location, null);
  });

  test('a kit that was removed is registered again by its next message, by a store that had known it', async (t) => {
    const store = await open(t);
    await store.commit(batch(drone()));
    equal(await store.kits.remove(KIT), true);
    equal(await kitOf(store), undefined);
    await store.commit(batch(drone({ identity: at(2), keyUs: 5 })));
    const { source, status } = (await kitOf(store)) as Kit;
    deepEqual([source, status], ['mqtt', 'online']);
  });

  test('its rows go in slices, and those of others stay', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const of = (kitId: string) => [
      ...[1, 2, 3, 4, 5].map((i) => drone({ kitId, identity: at(i), keyUs: NOW_US + i, timeUs: NOW_US + i })),
      signal({ kitId }),
      system({ kitId }),
    ];
    const told = report(1, [stream(1, 9)]);
    await store.commit(
      whole({ observations: [...of(KIT), ...of('other')], rejects: [reject({ identity: at(8) })], reports: [told] }),
    );
    const counts = await store.kits.counts();
    deepEqual(counts.get(KIT), { drone: 5, aircraft: 0, signal: 1, system: 1 });
    equal(await store.kits.removeRows('drones', KIT, 2), 2);
    for (const table of KIT_TABLES) while ((await store.kits.removeRows(table, KIT, 2)) >= 2);
    equal((await store.ledger(KIT)).length, 0);
    for (const table of KIT_TABLES.filter((name) => name !== 'ingest_ledger')) {
      const left = (await harness.rows(table)).map((row) => row['kit_id']);
      ok(!left.includes(KIT), table);
    }
    deepEqual((await store.kits.counts()).get('other'), counts.get('other'));
    equal((await store.ledger('other')).length, 3);
  });

  test('what a kit sends while it is removed keeps its key: sent once more, it is no second row', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const sent = (n: number) => {
      const over = { identity: at(n), keyUs: NOW_US + n, timeUs: NOW_US + n };
      const placed = { ...over, timeUs: NOW_US + Math.min(n, 3) }; // two at one place: the second moves
      const frequency = { columns: { freq_mhz: 433.92 } };
      return [drone(over), aircraft(placed), signal({ ...placed, ...frequency }), system(placed)];
    };
    const pass = async (tables: readonly KitTable[]): Promise<void> => {
      for (const table of tables) while ((await store.kits.removeRows(table, KIT, 3)) >= 3);
    };
    await store.commit(batch(...sent(1), ...sent(2)));
    await pass(KIT_TABLES.slice(0, 3));
    await store.commit(batch(...sent(2).map((one) => ({ ...one, identity: at(7) })), ...sent(3), ...sent(4)));
    await pass(KIT_TABLES.slice(3));
    const once = { drone: 3, aircraft: 3, signal: 3, system: 3 };
    deepEqual((await store.counts()).rows, once);
    equal((await harness.rows('ingest_keys')).length, 12);
    await store.commit(batch(...sent(2), ...sent(3), ...sent(4)));
    deepEqual([(await store.counts()).rows, (await store.counts()).doubled], [once, 0]);
    equal((await harness.rows('ingest_keys')).length, 12);
  });

  test('a kit is polled by one server at a time, until that lets go or is not heard of', async (t) => {
    const { kits } = await open(t);
    const lease = (who: string, nowUs: number, ids = ['a', 'b']) => kits.lease(ids, who, nowUs, nowUs + 90);
    deepEqual(await lease('one', 1000, ['a']), ['a']);
    deepEqual(await lease('two', 1010), ['b']);
    deepEqual(await lease('one', 1050), ['a']);
    deepEqual(await lease('two', 1139), ['b']);
    deepEqual(await lease('two', 1140), ['a', 'b']);
    await kits.lease(['b'], 'two', 1150, 1150);
    deepEqual(await lease('one', 1151), ['b']);
  });
}
