// What the map asks for a moment of the past, and what it makes of the answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Api } from '../../../src/page/api.js';
import { PastTracks } from '../../../src/page/map/past-tracks.js';
import type { KitHealthSeries } from '../../../src/schema/web/answers.js';

type KitPoint = KitHealthSeries['points'][number];

interface Asked {
  readonly from: number;
  readonly to: number;
  readonly limit: number;
  readonly placed?: boolean;
}

const health = (ms: number, lat: number | null): KitPoint =>
  ({ time: new Date(ms).toISOString(), lat, lon: lat === null ? null : 1, late: false }) as unknown as KitPoint;

/** With nothing in the air. */
function apiWith(kitHealth: (asked: Asked, signal: AbortSignal) => Promise<{ points: KitPoint[] }>): Api {
  return {
    tracks: async () => ({ tracks: [], next: null }),
    signals: async () => ({ signals: [], next: null }),
    kitHealth: (_: string, asked: Asked, signal: AbortSignal) => kitHealth(asked, signal),
  } as unknown as Api;
}

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse('2026-11-01T12:00:00Z');

test('a kit stands where it stood then, with its trail', async () => {
  const asked: Asked[] = [];
  const api = apiWith(async (one) => {
    asked.push(one);
    return { points: [health(NOW_MS - 2_000, 5), health(NOW_MS - 1_000, 6)] };
  });
  const past = await new Promise<PastTracks>((resolve) => {
    const tracks: PastTracks = new PastTracks(api, () => resolve(tracks));
    tracks.goTo(NOW_MS, 60_000, ['k']);
    assert.equal(tracks.isReading, true);
  });
  assert.deepEqual([past.isReading, past.problem], [false, null]);
  assert.deepEqual(
    past.kitPaths.of('k').map(({ place }) => place.lat),
    [5, 6],
  );
  assert.equal(past.kitHealth.get('k')?.lat, 6);
  assert.deepEqual(
    asked.map(({ from, to }) => [from, to]),
    [[NOW_MS - 60_000, NOW_MS]],
    'of that time alone',
  );
});

test('one that was silent then stands where it was last', async () => {
  const api = apiWith(async ({ from, limit }) => {
    return { points: limit === 1 && from < NOW_MS - 20 * HOUR_MS ? [health(NOW_MS - 5 * HOUR_MS, 7)] : [] };
  });
  const past = await new Promise<PastTracks>((resolve) => {
    const tracks: PastTracks = new PastTracks(api, () => resolve(tracks));
    tracks.goTo(NOW_MS, 60_000, ['k']);
  });
  assert.equal(past.kitPaths.of('k')[0]?.place.lat, 7);
});

test('one that did not know then where it was stands where it was last, and is as it was then', async () => {
  const api = apiWith(async ({ placed, limit }) => {
    const lost = health(NOW_MS - 1_000, null);
    // The newest of all has no position either.
    if (placed !== true) return { points: [lost].slice(0, limit) };
    return { points: [health(NOW_MS - HOUR_MS, 7)] };
  });
  const past = await new Promise<PastTracks>((resolve) => {
    const tracks: PastTracks = new PastTracks(api, () => resolve(tracks));
    tracks.goTo(NOW_MS, 60_000, ['k']);
  });
  assert.deepEqual(
    past.kitPaths.of('k').map(({ place }) => place.lat),
    [7],
  );
  assert.equal(past.kitHealth.get('k')?.time, new Date(NOW_MS - 1_000).toISOString());
});

test('of many kits a few are asked for at a time', async () => {
  let underWay = 0;
  let most = 0;
  const api = apiWith(async () => {
    underWay += 1;
    most = Math.max(most, underWay);
    await setImmediate();
    underWay -= 1;
    return { points: [health(NOW_MS - 1_000, 5)] };
  });
  const kitIds = Array.from({ length: 70 }, (_, i) => `k${i}`);
  const past = await new Promise<PastTracks>((resolve) => {
    const tracks: PastTracks = new PastTracks(api, () => resolve(tracks));
    tracks.goTo(NOW_MS, 60_000, kitIds);
  });
  assert.equal(most, 4);
  assert.ok(kitIds.every((kitId) => past.kitPaths.of(kitId).length === 1));
});

test('only where one stops is asked for, and who goes on is not shown what was asked before', async () => {
  const asked: number[] = [];
  let wasAsked = (): void => {};
  const api = apiWith(({ to }, signal) => {
    asked.push(to);
    wasAsked();
    if (to === NOW_MS + 3) return Promise.resolve({ points: [health(NOW_MS, 8)] });
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
  });
  let changes = 0;
  await new Promise<void>((resolve) => {
    const tracks = new PastTracks(api, () => {
      changes += 1;
      resolve();
    });
    tracks.goTo(NOW_MS + 1, 60_000, ['k']);
    wasAsked = () => {
      wasAsked = () => {};
      tracks.goTo(NOW_MS + 3, 60_000, ['k']);
    };
    tracks.goTo(NOW_MS + 2, 60_000, ['k']);
  });
  assert.deepEqual([asked, changes], [[NOW_MS + 2, NOW_MS + 3], 1]);
});
