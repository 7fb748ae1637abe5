// What the map of now makes of what it reads of kits, and of what the stream brings.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Api } from '../../../src/page/api.js';
import type { Live, LiveEvents } from '../../../src/page/live.js';
import { LiveTracks } from '../../../src/page/map/live-tracks.js';
import type { News } from '../../../src/schema/web/events.js';

const NOW_MS = Date.parse('2026-11-01T12:00:00Z');
const healthAt = (s: number, lat: number) => ({ time: new Date(NOW_MS + s * 1_000).toISOString(), lat, lon: 1 });

type AskHealth = (kitId: string) => Promise<{ points: object[] }>;

/** And what brings it news. */
function liveTracks(kitHealth: AskHealth): { tracks: LiveTracks; hear: (...messages: object[]) => void } {
  let listener: Partial<LiveEvents> = {};
  const live = { listen: (one: Partial<LiveEvents>) => (listener = one) } as unknown as Live;
  const tracks = new LiveTracks({ kitHealth } as unknown as Api, live, () => {});
  return { tracks, hear: (...messages) => listener.news?.({ messages } as unknown as News) };
}

test('what is late is known to be so, of what is read and of what the stream brings', async () => {
  const { tracks, hear } = liveTracks(async () => {
    return {
      points: [
        { ...healthAt(0, 1), late: false },
        { ...healthAt(1, 2), late: true },
      ],
    };
  });
  assert.equal(await tracks.readKits(['k'], NOW_MS), true);
  hear({ kind: 'system', kit_id: 'k', health: healthAt(2, 3), late: false });
  hear({ kind: 'system', kit_id: 'k', health: healthAt(3, 4), late: true });
  assert.deepEqual(
    tracks.kitPaths.of('k').map(({ place, replay }) => [place.lat, replay]),
    [
      [1, false],
      [2, true],
      [3, false],
      [4, true],
    ],
  );
});

test('a few kits are asked for at a time, none after one that failed, and all again the next time', async () => {
  const asked: string[] = [];
  let underWay = 0;
  let most = 0;
  let isBusy = true;
  const { tracks } = liveTracks(async (kitId) => {
    asked.push(kitId);
    underWay += 1;
    most = Math.max(most, underWay);
    await setImmediate();
    underWay -= 1;
    if (isBusy) throw new Error('busy');
    return { points: [{ ...healthAt(0, 1), late: false }] };
  });
  const kitIds = Array.from({ length: 70 }, (_, i) => `k${i}`);
  await tracks.readKits(kitIds, NOW_MS);
  assert.deepEqual([asked, tracks.problem], [kitIds.slice(0, 4), 'busy']);
  // The others that were under way fail too.
  await setImmediate();
  isBusy = false;
  await tracks.readKits(kitIds, NOW_MS);
  assert.deepEqual([asked.slice(4), most, tracks.problem], [kitIds, 4, null]);
  assert.ok(kitIds.every((kitId) => tracks.kitPaths.of(kitId).length === 1));
});
