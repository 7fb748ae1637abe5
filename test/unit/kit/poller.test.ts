// The poller's pulse: late when a turn does not end.
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
