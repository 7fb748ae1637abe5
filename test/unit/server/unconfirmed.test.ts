// A message that is never confirmed although the database takes everything.
import { deepEqual, equal } from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Unconfirmed } from '../../../src/server/unconfirmed.js';

/** `workedMs`: for how long commits have gone well since the oldest came. */
function watch(t: TestContext, workedMs: () => number) {
  const stuck: number[] = [];
  const asked: number[] = [];
  const batcher = {
    workedMsSince: (sinceMs: number) => {
      asked.push(sinceMs);
      return workedMs();
    },
  };
  const unconfirmed = new Unconfirmed({ batcher, onStuck: () => stuck.push(1), everyMs: 5, stuckMs: 1_000 });
  t.after(() => unconfirmed.stop());
  return { unconfirmed, stuck, asked };
}

test('is said once, when commits have gone well for long enough since it came', async (t) => {
  let workedMs = 999;
  const { unconfirmed, stuck, asked } = watch(t, () => workedMs);
  const [first, second] = [unconfirmed.take(() => {}), unconfirmed.take(() => {})];
  while (asked.length < 3) await delay(5);
  deepEqual(stuck, []);
  second();
  equal(new Set(asked).size, 1, 'it is the oldest that counts');
  workedMs = 1_000;
  while (stuck.length === 0) await delay(5);
  await delay(50);
  equal(stuck.length, 1);
  first();
});

test('one that is confirmed is none, and one whose confirmation fails still is', async (t) => {
  const { unconfirmed, stuck } = watch(t, () => 5_000);
  unconfirmed.take(() => {})();
  await delay(50);
  equal(stuck.length, 0);
  const failing = unconfirmed.take(() => {
    throw new Error('not sent');
  });
  try {
    failing();
  } catch {
    // The batcher's to say.
  }
  while (stuck.length === 0) await delay(5);
});
