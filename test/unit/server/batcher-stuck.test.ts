// What the watchdog asks a batcher: a commit that hangs is told from an outage, in which one try follows another.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { StoreError } from '../../../src/base/errors.js';
import { Batcher } from '../../../src/server/batcher.js';
import type { CommitResult } from '../../../src/server/store.js';
import { MemoryLog } from '../../fixtures/memory-log.js';
import { eventually } from '../../fixtures/processes.js';
import { batch, drone } from './store-batches.js';

/** Moves the monotonic clock that everything here reads. */
function clock(t: TestContext): { aheadMs: number } {
  const hand = { aheadMs: 0 };
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + hand.aheadMs);
  return hand;
}

function batcherOn(commit: () => Promise<CommitResult>): Batcher {
  const backoff = { minMs: 5, maxMs: 10 };
  return new Batcher({ store: { commit }, onStore: () => {}, log: new MemoryLog(), backoff });
}

const none = { stored: 0, merged: 0, refused: 0, rejected: 0 };
const COMMITTED: CommitResult = {
  counts: { drone: none, aircraft: none, signal: none, system: none },
  rejects: [],
  streams: [],
  stored: [],
};

test('a batcher is stuck when a commit neither succeeds nor fails', async (t) => {
  const hand = clock(t);
  let letGo: ((result: CommitResult) => void) | null = null;
  const batcher = batcherOn(() => new Promise((resolve) => (letGo = resolve)));
  assert.equal(batcher.isStuck, false, 'nothing is to be done');
  let acked = false;
  batcher.add({ batch: batch(drone()), ack: () => (acked = true), from: {} });
  await eventually('a commit', () => letGo !== null);
  assert.equal(batcher.isStuck, false);
  hand.aheadMs = 130_000;
  assert.equal(batcher.isStuck, true);
  (letGo as ((result: CommitResult) => void) | null)?.(COMMITTED);
  await eventually('it is stored', () => acked);
  hand.aheadMs = 1e9;
  assert.equal(batcher.isStuck, false);
});

test('but not in an outage, however long it lasts', async (t) => {
  const hand = clock(t);
  let tries = 0;
  let isAway = true;
  const batcher = batcherOn(async () => {
    tries += 1;
    hand.aheadMs += 100_000;
    if (isAway) throw new StoreError('away', { code: 'unavailable', retryable: true });
    return COMMITTED;
  });
  let acked = false;
  batcher.add({ batch: batch(drone()), ack: () => (acked = true), from: {} });
  for (let wanted = 1; wanted <= 5; wanted += 1) {
    await eventually(`try ${wanted}`, () => tries >= wanted);
    assert.equal(batcher.isStuck, false);
  }
  isAway = false;
  await eventually('it is stored', () => acked);
});
