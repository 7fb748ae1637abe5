// What the map makes of what it is told: the present is only what came live, whatever comes in whichever order.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Sighting, strongestFirst, Tracks } from '../../../src/page/map/tracks.js';

function sighting(atMs: number, fields: Partial<Sighting> = {}): Sighting {
  return {
    kind: 'drone',
    id: 'd',
    kitId: 'k',
    atMs,
    place: { lat: atMs / 1_000, lon: 1 },
    heading: null,
    rssi: -60,
    pilot: null,
    home: null,
    radiusM: null,
    label: 'd',
    replay: false,
    fields: {},
    ...fields,
  };
}

const times = (tracks: Tracks): number[] => tracks.get('drone d')?.trail.map(({ atMs }) => atMs) ?? [];

describe('the present', () => {
  test('is the newest that came live, and an older one changes nothing', () => {
    const tracks = new Tracks();
    for (const at of [1_000, 3_000, 2_000]) tracks.add(sighting(at));
    assert.equal(tracks.get('drone d')?.present?.atMs, 3_000);
    assert.deepEqual(times(tracks), [1_000, 2_000, 3_000]);
  });

  test('is not moved by a replay, however new that is', () => {
    const tracks = new Tracks();
    tracks.add(sighting(1_000));
    const before = tracks.get('drone d')?.world;
    tracks.add(sighting(500, { replay: true }));
    tracks.add(sighting(9_000, { replay: true }));
    assert.equal(tracks.get('drone d')?.present?.atMs, 1_000);
    assert.deepEqual(tracks.get('drone d')?.world, before);
    assert.deepEqual(times(tracks), [500, 1_000, 9_000], 'the past is drawn');
  });

  test('of what only a replay told is where that was last, until something comes live', () => {
    const tracks = new Tracks();
    for (const at of [1_000, 3_000, 2_000]) tracks.add(sighting(at, { replay: true }));
    assert.equal(tracks.get('drone d')?.present?.atMs, 3_000);
    assert.equal(tracks.get('drone d')?.present?.replay, true, 'which is shown');
    tracks.add(sighting(2_500));
    assert.equal(tracks.get('drone d')?.present?.atMs, 2_500);
    tracks.add(sighting(9_000, { replay: true }));
    assert.equal(tracks.get('drone d')?.present?.atMs, 2_500);
  });

  test('keeps its place when a packet comes without one', () => {
    const tracks = new Tracks();
    tracks.add(sighting(1_000));
    const before = tracks.get('drone d')?.world;
    tracks.add(sighting(2_000, { place: null }));
    assert.equal(tracks.get('drone d')?.present?.atMs, 2_000);
    assert.deepEqual(tracks.get('drone d')?.world, before);
  });
});

describe('who heard it', () => {
  test('comes strongest first, and last whoever measures nothing', () => {
    const tracks = new Tracks();
    tracks.add(sighting(1_000, { kitId: 'mute', rssi: null }));
    tracks.add(sighting(2_000, { kitId: 'far', rssi: -90 }));
    tracks.add(sighting(3_000, { kitId: 'near', rssi: -40 }));
    tracks.add(sighting(4_000, { kitId: 'near', rssi: -70 }));
    const [track] = tracks.all();
    assert.ok(track);
    const heard = strongestFirst([track]);
    assert.deepEqual(
      heard.map(({ kitId }) => kitId),
      ['near', 'far', 'mute'],
    );
    assert.deepEqual(heard[0], { kitId: 'near', rssi: -40, atMs: 4_000 });
  });
});

describe('what is kept', () => {
  test('is bounded: trails get coarse where they are old, and the quietest of too many things goes', () => {
    const tracks = new Tracks();
    for (let i = 1; i <= 1_000; i += 1) tracks.add(sighting(i * 1_000));
    const kept = times(tracks);
    assert.ok(kept.length <= 121, String(kept.length));
    assert.deepEqual(kept.slice(-3), [998_000, 999_000, 1_000_000]);
    assert.ok((kept[0] ?? 0) < 100_000, 'and reach far back');
    for (let i = 0; i < 6_000; i += 1) tracks.add(sighting(2_000_000 + i, { id: `many-${i}` }));
    assert.equal(tracks.size, 5_000);
    assert.equal(tracks.get('drone d'), null);
  });

  test('goes when it is older than what is looked at', () => {
    const tracks = new Tracks();
    for (const at of [1_000, 2_000, 3_000]) tracks.add(sighting(at));
    tracks.add(sighting(500, { id: 'gone' }));
    tracks.forgetBefore(1_500);
    assert.deepEqual(times(tracks), [2_000, 3_000]);
    assert.equal(tracks.get('drone gone'), null);
  });
});
