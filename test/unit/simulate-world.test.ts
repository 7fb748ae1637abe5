// The simulated world has DragonSync's exact shapes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JsonObject } from '../../src/base/json.js';
import { createWorld } from '../../src/simulate/world.js';
import { recordedAnswers } from '../fixtures/recordings.js';

const keys = (entry: object): string => Object.keys(entry).sort().join(' ');

describe('the simulated world', () => {
  const recorded = {
    drones: recordedAnswers('main', '/drones').flatMap(({ drones }) => drones as JsonObject[]),
    signals: recordedAnswers('main', '/signals').flatMap(({ signals }) => signals as JsonObject[]),
    status: recordedAnswers('main', '/status'),
  };

  test('has the fields of a real DragonSync, neither more nor fewer', () => {
    const world = createWorld({ nowS: () => 1_795_447_811.5, drones: 10, aircraft: 6, signals: 4 });
    const shapes = new Set([...recorded.drones, ...recorded.signals, ...recorded.status].map(keys));
    for (const entry of [...world.drones(), ...world.signals(), world.status() ?? {}]) {
      assert.ok(shapes.has(keys(entry)), keys(entry));
    }
  });

  test('moves, and is the same for the same seed and clock', () => {
    const at = (nowS: number): object[] => {
      let now = 1_795_447_811;
      const world = createWorld({ nowS: () => now, seed: 7 });
      now = nowS;
      return world.drones();
    };
    assert.deepEqual(at(1_795_447_815), at(1_795_447_815));
    assert.notDeepEqual(at(1_795_447_815), at(1_795_447_816.5));
  });

  test('shows the quirks: no observer, no number, no place', () => {
    let now = 1_795_447_811;
    const world = createWorld({ nowS: () => now });
    const seen: JsonObject[] = [];
    for (; now < 1_795_447_900; now += 1) seen.push(...(world.drones() as JsonObject[]));
    assert.ok(
      seen.some(
        ({ seen_by, observed_at, track_type }) => track_type === 'drone' && seen_by === null && observed_at === null,
      ),
    );
    assert.ok(seen.some(({ alt }) => Number.isNaN(alt)));
    assert.ok(seen.some(({ lat, lon, caa_id }) => lat === 0 && lon === 0 && caa_id !== ''));
    assert.ok(seen.some(({ alt }) => alt === 'ground'));
  });
});
