// The contract of a store, about the registry of kits.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { at, batch, contact, contacts, drone, KIT, T0_US, whole } from './store-batches.js';
import type { Build, Row, StoreHarness } from './store-harness.js';

const DAY_US = 24 * 3600 * 1e6;

export function kitCases(build: Build): void {
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

  test('a backlog that comes after live messages takes nothing back: neither the newest row, nor the kit', async (t) => {
    const harness = await build(t);
    const store = await harness.open();
    const nowUs = Date.now() * 1000;
    const heard = (seq: number, agoUs: number, lat: number) =>
      drone({ identity: at(seq), keyUs: nowUs - agoUs, timeUs: nowUs - agoUs, columns: { lat } });
    await store.commit(whole({ observations: [heard(9, 0, 9)], contacts: [contact({ atUs: nowUs })] }));
    await store.commit(batch(heard(8, DAY_US, 8), heard(2, 3 * DAY_US, 2)));
    // The newest one again, as an earlier message of the kit had it.
    await store.commit(batch(heard(7, 0, 7), heard(3, 2 * DAY_US, 3)));
    const newest = (await harness.rows('drones')).at(-1);
    deepEqual([newest?.['time'], newest?.['lat'], newest?.['sink_seq']], [nowUs, 9, 9]);
    deepEqual([(await kit(harness))?.['last_seen'], (await kit(harness))?.['status']], [nowUs, 'online']);
    await store.commit(contacts(contact({ atUs: nowUs + 5, online: false })));
    await store.commit(batch(heard(1, 4 * DAY_US, 1)));
    deepEqual([(await kit(harness))?.['last_seen'], (await kit(harness))?.['status']], [nowUs, 'offline']);
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
