// What the doctor reads from DragonSync's API.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { JsonObject } from '../../../../src/base/json.js';
import { DragonSyncApi } from '../../../../src/dragonsync/api-client.js';
import {
  checkApi,
  checkClock,
  checkDoublePublishing,
  checkKitId,
  checkPushing,
} from '../../../../src/kit/doctor/dragonsync.js';
import { type ApiContent, SimulatedDragonSync } from '../../../../src/simulate/dragonsync-api.js';
import { freePort } from '../../../../src/simulate/ports.js';
import { createWorld } from '../../../../src/simulate/world.js';
import { assertCheck } from '../../../fixtures/assert-check.js';

const NOW_S = 1_790_000_000;

async function api(t: TestContext, content: Partial<ApiContent> = {}) {
  const world = createWorld({ nowS: () => NOW_S });
  const dragonSync = new SimulatedDragonSync({
    world: { drones: () => world.drones(), signals: () => [], status: () => world.status(), ...content },
  });
  const url = await dragonSync.start();
  t.after(() => dragonSync.stop());
  return { url, client: new DragonSyncApi({ baseUrl: url, localAddress: '127.0.0.89' }) };
}

describe("DragonSync's API", () => {
  test('answers, with the status that the other checks read', async (t) => {
    const { url, client } = await api(t);
    const { check, status } = await checkApi(url, client);
    assertCheck(check, 'ok', /answers$/);
    assertCheck(checkKitId({ configured: '', fixed: null, found: status?.['uid'] }), 'ok', /^wardragon-DEMO0001/);
    assertCheck(checkClock(status, NOW_S * 1_000), 'ok', /as GPS has it/);
  });

  test('without the kit in it is a warning', async (t) => {
    const { url, client } = await api(t, { status: () => null });
    const { check, status } = await checkApi(url, client);
    assertCheck(check, 'warn', /nothing of the kit/, /wardragon_monitor/);
    assert.equal(status, null);
  });

  test('that is not there fails', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { check } = await checkApi(url, new DragonSyncApi({ baseUrl: url, localAddress: '' }));
    assertCheck(check, 'fail', /nothing listens/, /api_enabled/);
  });
});

describe('the kit id', () => {
  test('is what is set, else what the kit says, and stays what the spool has', () => {
    assertCheck(checkKitId({ configured: 'kit-1', fixed: null, found: 'wardragon-2' }), 'ok', /^kit-1,/);
    assertCheck(checkKitId({ configured: '', fixed: 'kit-1', found: 'kit-1' }), 'ok', /^kit-1$/);
    assertCheck(checkKitId({ configured: '', fixed: 'kit-1', found: undefined }), 'ok', /^kit-1$/);
    const other = checkKitId({ configured: '', fixed: 'kit-1', found: 'kit-2' });
    assertCheck(other, 'warn', /of kit-1, and this kit now says kit-2/, /new-id/);
  });

  test('that is not known fails', () => {
    for (const found of [undefined, 'wardragon-unknown', 'a/b', 3]) {
      assertCheck(checkKitId({ configured: '', fixed: null, found }), 'fail', /not known/, /kit_id/);
    }
  });
});

describe('the clock', () => {
  const status = (aheadS: number): JsonObject => ({
    gpsd_time_utc: new Date((NOW_S - aheadS) * 1_000).toISOString(),
    last_update_time: NOW_S,
  });
  const now = NOW_S * 1_000;

  test('is held against GPS time', () => {
    assertCheck(checkClock(status(-9), now), 'ok', /as GPS has it/);
    assertCheck(checkClock(status(40), now), 'warn', /^40 s ahead of GPS time/, /time server/);
    assertCheck(checkClock(status(-3_600), now), 'fail', /^3600 s behind GPS time/, /timedatectl/);
  });

  test('without GPS time is taken as it is, unless it says a year before ours', () => {
    const old = { ...status(9_000), time_source: 'static' };
    for (const unknown of [null, {}, old, { gpsd_time_utc: '', last_update_time: NOW_S }, { gpsd_time_utc: 'N/A' }]) {
      assertCheck(checkClock(unknown, now), 'ok', /no GPS time/);
    }
    assertCheck(checkClock(null, 0), 'fail', /1970-01-01/, /timedatectl/);
  });
});

describe('a DragonSync that should push', () => {
  const here = { host: '127.0.0.1', port: 1883, addresses: ['127.0.0.1'] };
  const resolve = async (host: string): Promise<string[]> => (host === 'localhost' ? ['127.0.0.1'] : []);
  const dragonSync = (mqtt: unknown) => ({ config: async () => ({ mqtt }) });

  test('and publishes to where we listen is well, by whatever name', async () => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const check = await checkPushing(dragonSync({ enabled: true, host, port: 1883 }), here, resolve);
      assertCheck(check, 'ok', /where we listen/);
    }
  });

  test('and does not, or elsewhere, is a warning with the lines for its config.ini', async () => {
    const fix = /mqtt_enabled = true, mqtt_host = 127\.0\.0\.1 and mqtt_port = 1883 in \[SETTINGS\]/;
    const off = { enabled: false, host: '127.0.0.1', port: 1883 };
    assertCheck(await checkPushing(dragonSync(off), here, resolve), 'warn', /is off/, fix);
    const elsewhere = { enabled: true, host: '127.0.0.1', port: 1884 };
    assertCheck(
      await checkPushing(dragonSync(elsewhere), here, resolve),
      'warn',
      /publishes to 127\.0\.0\.1:1884/,
      fix,
    );
    const fails = { config: () => Promise.reject(new Error('no')) };
    assertCheck(await checkPushing(fails, here, resolve), 'warn', /does not tell/, fix);
  });
});

describe('a DragonSync that publishes too', () => {
  const ours = { host: 'broker.example', port: 1883, addresses: ['192.0.2.1'] };
  const resolve = async (host: string): Promise<string[]> => (host === 'broker.lan' ? ['192.0.2.1'] : []);
  const dragonSync = (mqtt: unknown) => ({ config: async () => ({ mqtt }) });

  test('to the same broker is a warning, by whatever name', async () => {
    for (const host of ['broker.example', 'broker.lan']) {
      const check = await checkDoublePublishing(dragonSync({ enabled: true, host, port: 1883 }), ours, resolve);
      assertCheck(check, 'warn', /publishes the same/, /mqtt_enabled = false/);
    }
  });

  test('to another, or not at all, is well', async () => {
    for (const mqtt of [
      { enabled: false, host: 'broker.example', port: 1883 },
      { enabled: true, host: 'broker.example', port: 1884 },
      { enabled: true, host: 'elsewhere.example', port: 1883 },
      undefined,
    ]) {
      assertCheck(await checkDoublePublishing(dragonSync(mqtt), ours, resolve), 'ok', /off|another broker/);
    }
  });

  test('that does not tell is a warning; a real API tells', async (t) => {
    const fails = { config: () => Promise.reject(new Error('no')) };
    assertCheck(await checkDoublePublishing(fails, ours, resolve), 'warn', /does not tell/, /mqtt_enabled/);
    const { client } = await api(t);
    assertCheck(await checkDoublePublishing(client, ours, resolve), 'ok', /off/);
  });
});
