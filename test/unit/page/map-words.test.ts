// What the map says in words: how much is shown and why, where a thing is, and where kits were.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { heardWords, type Listed } from '../../../src/page/map/heard-words.js';
import { marksOfNow, marksOfThen } from '../../../src/page/map/kit-marks.js';
import { KitPaths, MAX_KIT_POINTS } from '../../../src/page/map/kit-paths.js';
import { direction, distanceM, fromNearest } from '../../../src/page/map/whereabouts.js';
import type { Kit } from '../../../src/schema/web/answers.js';

describe('the list says what it is', () => {
  const nowMs = Date.now();
  const listed: Listed = {
    shown: 3,
    all: 3,
    window: '5 min',
    pastMs: null,
    brokenMs: null,
    isReading: false,
    isUnknown: false,
    hasNoKit: false,
  };
  const said = (fields: Partial<Listed>): string => heardWords({ ...listed, ...fields }, nowMs);

  test('of now, and how much of it a filter hides', () => {
    assert.equal(said({}), '3 heard');
    assert.equal(said({ shown: 1 }), '1 of 3 heard; the filter hides the others');
    assert.equal(said({ shown: 0 }), '3 heard; the filter hides all of them.');
    assert.equal(said({ shown: 0, all: 0 }), 'Nothing was heard in the last 5 min.');
    assert.match(said({ shown: 0, all: 0, hasNoKit: true }), /^Nothing was heard: there is no kit yet\./);
  });

  test('of the past, and of when the stream broke', () => {
    assert.match(said({ pastMs: nowMs - 1_000 }), /^3 heard in the 5 min before /);
    assert.match(said({ pastMs: nowMs - 1_000, shown: 0, all: 0 }), /^Nothing was heard in the 5 min before .*\d\.$/);
    assert.match(said({ brokenMs: nowMs - 1_000 }), /^3 heard, as of /);
    assert.match(said({ brokenMs: nowMs, shown: 0, all: 0 }), /^Nothing was heard in the last 5 min, as of .*\.$/);
  });

  test('what nobody could read is not called nothing', () => {
    assert.equal(said({ isReading: true }), 'Reading what was heard…');
    assert.equal(said({ isReading: true, isUnknown: true }), 'Nobody knows what was heard.');
    assert.equal(said({ shown: 0, all: 0, isUnknown: true }), 'Nobody knows what was heard.');
  });
});

describe('where a thing is', () => {
  const gate = { label: 'Gate\u202e', place: { lat: 42.36, lon: -71.05 } };
  const far = { label: 'Far', place: { lat: 10, lon: 10 } };

  test('is told from the nearest kit, by a name that turns nothing round', () => {
    assert.equal(fromNearest({ lat: 42.37, lon: -71.05 }, [far, gate]), '1.1\u00a0km N of Gate\\u{202e}');
    assert.equal(fromNearest({ lat: 42.36, lon: -71.053 }, [gate]), '250\u00a0m W of the kit');
    assert.equal(fromNearest({ lat: 42.36, lon: -71.0501 }, [gate, far]), 'at Gate\\u{202e}');
    assert.equal(fromNearest(gate.place, []), null);
  });

  test('is right across the date line and all round', () => {
    const here = { lat: 0, lon: 179.9 };
    assert.equal(Math.round(distanceM(here, { lat: 0, lon: -179.9 }) / 1_000), 22);
    const around = [
      [1, 0],
      [1, 1],
      [0, 1],
      [-1, 1],
      [-1, 0],
      [-1, -1],
      [0, -1],
      [1, -1],
    ].map(([lat = 0, lon = 0]) => direction({ lat: 0, lon: 180 }, { lat, lon: lon > 0 ? lon - 180 : 180 + lon }));
    assert.deepEqual(around, ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW']);
  });
});

describe('the paths of kits', () => {
  const at = (s: number, lat: number): { time: string; lat: number; lon: number } => ({
    time: new Date(s * 1_000).toISOString(),
    lat,
    lon: 1,
  });
  const lats = (paths: KitPaths): number[] => paths.of('k').map(({ place }) => place.lat);

  test('are in the order of time, whatever a replay brings when', () => {
    const paths = new KitPaths();
    for (const [s, lat] of [
      [10, 1],
      [30, 3],
      [20, 2],
    ] as const)
      paths.add('k', at(s, lat), false);
    assert.deepEqual(lats(paths), [1, 2, 3]);
  });

  test('of a kit that stands are one point, as new as its last word', () => {
    const paths = new KitPaths();
    for (let s = 0; s < 50; s += 1) paths.add('k', at(s, 1 + (s % 2) / 1e6), false);
    paths.add('k', { ...at(60, 9), lat: null }, false);
    assert.equal(paths.of('k').length, 1);
    assert.equal(paths.of('k')[0]?.atMs, 49_000);
  });

  test('are bounded and forgotten, but for where it was last', () => {
    const paths = new KitPaths();
    for (let s = 0; s < 500; s += 1) paths.add('k', at(s, s / 10), false);
    assert.equal(paths.of('k').length, MAX_KIT_POINTS);
    paths.forgetBefore(498_000);
    assert.deepEqual(lats(paths), [49.8, 49.9]);
    paths.forgetBefore(9_000_000);
    assert.deepEqual(lats(paths), [49.9]);
  });

  const kit = (position: Kit['position']): Kit =>
    ({ kit_id: 'k', name: null, position, state: 'online' }) as unknown as Kit;

  test('say where a kit is when they are newer than the list of kits', () => {
    const paths = new KitPaths();
    paths.add('k', at(100, 5), false);
    const latOf = (s: number): number | undefined => {
      return marksOfNow([kit({ ...at(s, 4), alt: null, at: at(s, 4).time })], paths)[0]?.place.lat;
    };
    assert.deepEqual([latOf(50), latOf(150)], [5, 4]);
    assert.deepEqual(marksOfNow([kit(null)], new KitPaths()), [], 'nobody knows where');
  });

  test('never say that a kit is where a replay tells of, however new that is', () => {
    const paths = new KitPaths();
    const listed = kit({ ...at(50, 4), alt: null, at: at(50, 4).time });
    const latNow = (): number | undefined => marksOfNow([listed], paths)[0]?.place.lat;
    for (const s of [60, 61]) paths.add('k', at(s, s), true);
    assert.equal(latNow(), 4, 'as it is listed, when nothing else is known');
    paths.add('k', at(70, 5), false);
    for (const s of [71, 72]) paths.add('k', at(s, s), true);
    assert.equal(latNow(), 5);
    assert.deepEqual(
      paths.of('k').map(({ place, replay }) => [place.lat, replay]),
      [
        [60, true],
        [61, true],
        [5, false],
        [71, true],
        [72, true],
      ],
      'but they are in its trail',
    );
    assert.equal(marksOfThen([listed], paths, 73_000)[0]?.place.lat, 72, 'of the past it is the newest');
  });

  test('keep where it stands now, when a replay told of the same place', () => {
    const paths = new KitPaths();
    paths.add('k', at(60, 5), true);
    paths.add('k', at(70, 5), false);
    assert.equal(marksOfNow([kit({ ...at(50, 4), alt: null, at: at(50, 4).time })], paths)[0]?.place.lat, 5);
  });

  test('say where it was in the past, faintly when it was silent', () => {
    const paths = new KitPaths();
    paths.add('k', at(100, 5), false);
    const now = kit({ lat: 9, lon: 9, alt: null, at: at(9_000, 9).time });
    const [mark] = marksOfThen([now], paths, 130_000);
    assert.deepEqual([mark?.place.lat, mark?.online], [5, true]);
    assert.equal(marksOfThen([now], paths, 900_000)[0]?.online, false);
    assert.deepEqual(marksOfThen([now], new KitPaths(), 130_000), [], 'it was nowhere yet');
  });
});
