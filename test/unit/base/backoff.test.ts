// How long to wait between tries.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Backoff, sleep } from '../../../src/base/backoff.js';

describe('backoff', () => {
  const take = (backoff: Backoff, count: number): number[] => Array.from({ length: count }, () => backoff.next());

  test('longer each time by a factor of two at most, up to the longest', () => {
    const waits = take(new Backoff({ minMs: 1_000, maxMs: 60_000, random: () => 1 }), 9);
    assert.ok((waits[0] ?? 0) <= 2_000);
    for (const [i, ms] of waits.slice(1).entries()) assert.equal(ms, Math.min(60_000, 2 * (waits[i] ?? 0)));
    assert.equal(waits.at(-1), 60_000);
  });

  test('never shorter than the shortest', () => {
    assert.deepEqual(take(new Backoff({ minMs: 1_000, maxMs: 60_000, random: () => 0 }), 3), [1_000, 1_000, 1_000]);
  });

  test('somewhere in between by chance, so that kits do not come back together', () => {
    const waits = Array.from({ length: 200 }, () => take(new Backoff({ minMs: 1_000, maxMs: 60_000 }), 4)[3] ?? 0);
    assert.ok(waits.every((ms) => ms >= 1_000 && ms <= 16_000));
    assert.ok(new Set(waits).size > 100);
  });

  test('starts from the shortest after a reset, and from the longest when told to stay away', () => {
    const backoff = new Backoff({ minMs: 1_000, maxMs: 60_000, random: () => 1 });
    const first = take(backoff, 4);
    backoff.reset();
    assert.deepEqual(take(backoff, 4), first);
    backoff.saturate();
    assert.deepEqual(take(backoff, 1), [60_000]);
  });
});

describe('sleep', () => {
  test('ends at once when the signal aborts, and when it had aborted before', async () => {
    const controller = new AbortController();
    const startedAt = performance.now();
    setTimeout(() => controller.abort(), 10);
    await sleep(60_000, controller.signal);
    await sleep(60_000, controller.signal);
    assert.ok(performance.now() - startedAt < 5_000);
  });

  test('lasts its time', async () => {
    const startedAt = performance.now();
    await sleep(30);
    assert.ok(performance.now() - startedAt >= 25);
  });
});
