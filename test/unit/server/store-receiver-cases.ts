// The contract of a store, about the radios that kits report.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { Receiver } from '../../../src/server/store.js';
import { KIT, report, reports, T0_US } from './store-batches.js';
import type { Build } from './store-harness.js';

const MINUTE_US = 60e6;
const WIFI: Receiver = {
  name: 'wifi',
  enabled: true,
  state: 'connected',
  lastMessageUs: T0_US,
  messages: 2 ** 40,
  errors: 1,
  dropped: null,
};
const BLE: Receiver = { ...WIFI, name: 'ble', enabled: false, state: 'disabled', lastMessageUs: null, messages: null };

export function receiverCases(build: Build): void {
  test('each is as the newest status that counts says, with the time at which that came', async (t) => {
    let nowUs = T0_US;
    const store = await (await build(t)).open(() => nowUs);
    deepEqual(await store.kits.receivers(KIT), []);
    await store.commit(reports(report(2, [], { receivers: [WIFI, BLE] })));
    deepEqual(await store.kits.receivers(KIT), [
      { ...BLE, reportedUs: T0_US },
      { ...WIFI, reportedUs: T0_US },
    ]);
    nowUs += MINUTE_US;
    const dead = { ...WIFI, state: 'dead', errors: 12 };
    // The second is older than the first, and the last says nothing of radios.
    await store.commit(
      reports(report(3, [], { receivers: [dead, BLE] }), report(1, [], { receivers: [WIFI, BLE] }), report(4, [])),
    );
    deepEqual(await store.kits.receivers(KIT), [
      { ...BLE, reportedUs: nowUs },
      { ...dead, reportedUs: nowUs },
    ]);
    deepEqual(await store.kits.receivers('other'), []);
  });

  test('what a kit no longer names is gone, and comes back when it is named', async (t) => {
    let nowUs = T0_US;
    const store = await (await build(t)).open(() => nowUs);
    const names = async (): Promise<string[]> => (await store.kits.receivers(KIT)).map(({ name }) => name);
    await store.commit(reports(report(1, [], { receivers: [WIFI, BLE] })));
    nowUs += MINUTE_US;
    await store.commit(reports(report(2, [], { receivers: [BLE] })));
    deepEqual(await names(), ['ble']);
    nowUs += MINUTE_US;
    await store.commit(reports(report(3, [], { receivers: [WIFI, BLE] })));
    deepEqual(await names(), ['ble', 'wifi']);
  });

  test('a kit that is removed with its data leaves none', async (t) => {
    const store = await (await build(t)).open();
    await store.commit(
      reports(report(1, [], { receivers: [WIFI, BLE] }), report(1, [], { kitId: 'other', receivers: [WIFI] })),
    );
    await store.kits.removeRows('ingest_receivers', KIT, 10);
    deepEqual(await store.kits.receivers(KIT), []);
    deepEqual((await store.kits.receivers('other')).length, 1);
  });
}
