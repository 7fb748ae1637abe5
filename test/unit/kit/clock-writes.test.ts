// What the kit knows of its clock is written down when it is news: each time is a commit, on flash.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KitClock } from '../../../src/kit/clock.js';
import { MemoryLog } from '../../fixtures/memory-log.js';

const POLL_MS = 2_000;

/** How often it is written down, with the time since the boot in such steps: at first, and once it was slewed. */
function commits(stepMs: number): number[] {
  let writes = 0;
  let uptimeMs = 60_000;
  let aheadMs = 0;
  const clock = new KitClock({
    spool: {
      note: () => null,
      setNote: () => {
        writes += 1;
      },
      lastId: () => 0,
      currentEpoch: () => null,
    },
    witness: () => 'ntp',
    onKnown: () => {},
    log: new MemoryLog(),
    now: () => Date.UTC(2026, 10, 23) + uptimeMs + aheadMs,
    uptimeMs: () => uptimeMs - (uptimeMs % stepMs),
    bootId: 'boot-1',
  });
  const poll = (count: number): void => {
    for (let i = 0; i < count; i += 1) {
      uptimeMs += POLL_MS + (i % 7);
      clock.look();
    }
  };
  poll(100);
  const atFirst = writes;
  aheadMs = 2_600; // slewed by NTP: where it is now counts after a restart
  poll(100);
  return [atFirst, writes];
}

test('a clock that keeps time is written down once, however coarsely the time since the boot is read', () => {
  assert.deepEqual(commits(10), [1, 2]);
  assert.deepEqual(commits(1_000), [1, 2], 'as libuv does where /proc/uptime is hidden');
});
