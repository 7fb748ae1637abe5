// The poller's pulse: late when a turn does not end; and what it hears while a part of the API is away.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Poller } from '../../../src/kit/poller.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { eventually } from '../../fixtures/processes.js';

test('a poller whose question is never answered is late, and one that is answered is not', async (t) => {
  let aheadMs = 0;
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + aheadMs);
  let answer = (_: []): void => {};
  let asked = 0;
  const poller = new Poller({
    source: {
      drones: () => {
        asked += 1;
        return asked === 1 ? Promise.resolve([]) : new Promise((resolve) => (answer = resolve));
      },
      signals: () => Promise.resolve([]),
      status: () => Promise.resolve(null),
    },
    pollMs: 1,
    take: () => {},
    onStatus: () => {},
    log: new MemoryLog(),
  });
  poller.start();
  await eventually('a second question', () => asked === 2);
  assert.equal(poller.pulse.isLate, false);
  aheadMs = 61_000;
  assert.equal(poller.pulse.isLate, true);
  answer([]);
  await eventually('a third question', () => asked === 3);
  assert.equal(poller.pulse.isLate, false);
  const stopped = poller.stop();
  answer([]);
  await stopped;
});

test('tracks are heard while only another path fails, and not when their own does', async (t) => {
  let failing: readonly string[] = [];
  let turns = 0;
  const answer = (path: string): Promise<[]> => {
    return failing.includes(path) ? Promise.reject(new Error('503')) : Promise.resolve([]);
  };
  const poller = new Poller({
    source: { drones: () => answer('/drones'), signals: () => answer('/signals'), status: () => Promise.resolve(null) },
    pollMs: 1,
    take: () => {
      turns += 1;
    },
    onStatus: () => {},
    log: new MemoryLog(),
  });
  t.after(() => poller.stop());
  assert.equal(poller.hearsTracks, false, 'nothing was asked yet');
  const heardWhile = async (...paths: string[]): Promise<[boolean, string]> => {
    failing = paths;
    const now = turns;
    await eventually('two more turns', () => turns > now + 1);
    return [poller.hearsTracks, poller.state];
  };
  poller.start();
  assert.deepEqual(await heardWhile(), [true, 'ok']);
  assert.deepEqual(await heardWhile('/signals'), [true, 'down']);
  assert.deepEqual(await heardWhile('/drones'), [false, 'down']);
  assert.deepEqual(await heardWhile(), [true, 'ok']);
});
