// What the map makes of a snapshot: what a replay brought draws the past, as it does in the live stream.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toWorld } from '../../../src/page/map/mercator.js';
import { addTrack, signalSighting } from '../../../src/page/map/sightings.js';
import { Tracks } from '../../../src/page/map/tracks.js';
import type { PathPoint, Track } from '../../../src/schema/web/answers.js';
import { SIGNAL_COLUMNS, type Signal, TRACK_COLUMNS, type TrackState } from '../../../src/schema/web/shapes.js';

const at = (second: number): string => new Date(second * 1_000).toISOString();
const nothing = (columns: readonly string[]) => Object.fromEntries(columns.map((name) => [name, null]));

function state(second: number, lat: number | null): TrackState {
  return { ...nothing(TRACK_COLUMNS), time: at(second), kit_id: 'k', lat, lon: lat === null ? null : 1 } as TrackState;
}

const point = (second: number, lat: number, late: boolean): PathPoint => [second * 1_000, lat, 1, null, null, late];

function answer(fields: Pick<Track, 'latest' | 'late' | 'live' | 'path'>): Track {
  const last_at = fields.latest.time;
  return { kind: 'drone', id: 'd', first_at: at(0), last_at, points: 3, heard_by: [], ...fields };
}

const present = (tracks: Tracks): unknown[] => {
  const track = tracks.get('drone d');
  return [track?.present?.atMs, track?.present?.replay, track?.world];
};

describe('a snapshot', () => {
  const path = [point(10, 1, false), point(20, 2, true), point(30, 3, true)];

  test('shows a thing where it was last as it happened, and draws what a replay brought', () => {
    const tracks = new Tracks();
    addTrack(tracks, answer({ latest: state(30, 3), late: true, live: state(10, 1), path }));
    assert.deepEqual(present(tracks), [10_000, false, toWorld(1, 1)]);
    const trail = tracks.get('drone d')?.trail.map(({ atMs, replay }) => [atMs, replay]);
    assert.deepEqual(trail, [
      [10_000, false],
      [20_000, true],
      [30_000, true],
    ]);
  });

  test('has no place of a replay for what told none as it happened', () => {
    const tracks = new Tracks();
    addTrack(tracks, answer({ latest: state(30, 3), late: true, live: state(15, null), path }));
    assert.deepEqual(present(tracks), [15_000, false, toWorld(1, 1)]);
  });

  test('shows what only a replay told of where that was last', () => {
    const tracks = new Tracks();
    addTrack(tracks, answer({ latest: state(30, 3), late: true, live: null, path }));
    assert.deepEqual(present(tracks), [30_000, true, toWorld(3, 1)]);
  });

  test('read anew after a break moves nothing that came live meanwhile', () => {
    const tracks = new Tracks();
    addTrack(tracks, answer({ latest: state(20, 2), late: false, live: null, path: [] }));
    addTrack(tracks, answer({ latest: state(30, 3), late: true, live: state(20, 2), path }));
    assert.deepEqual(present(tracks), [20_000, false, toWorld(2, 1)]);
  });
});

test('a signal of a replay is told apart too', () => {
  const signal = { ...nothing(SIGNAL_COLUMNS), time: at(1), kit_id: 'k', freq_mhz: 5_800 } as Signal;
  assert.deepEqual([signalSighting(signal, true).replay, signalSighting(signal, false).replay], [true, false]);
});
