// What the map reads of a time range, and says of what it does not show.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Api } from '../../../src/page/api.js';
import { readSnapshot } from '../../../src/page/map/snapshot.js';

test('drones have an answer of their own, and what is not all there is said', async () => {
  const asked: unknown[] = [];
  let more = ['aircraft', 'signals'];
  const next = (what: string): string | null => (more.includes(what) ? 'cursor' : null);
  const api = {
    tracks: async ({ kind, limit }: { kind: string; limit: number }) => {
      asked.push([kind, limit]);
      return { tracks: [kind], next: next(kind) };
    },
    signals: async () => ({ signals: [], next: next('signals') }),
  } as unknown as Pick<Api, 'tracks' | 'signals'>;
  const { tracks, cut } = await readSnapshot(api, { from: 0 }, 60);
  assert.deepEqual(
    [tracks, asked],
    [
      ['drone', 'aircraft'],
      [
        ['drone', 500],
        ['aircraft', 500],
      ],
    ],
  );
  assert.match(cut, /of aircraft and signals the 500 latest are shown/);
  more = [];
  assert.equal((await readSnapshot(api, { from: 0 }, 60)).cut, '');
});
