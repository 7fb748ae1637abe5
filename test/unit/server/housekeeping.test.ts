// Housekeeping: at the start and every hour, and an owner's right that is missing is said once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../../../src/base/errors.js';
import { Housekeeping } from '../../../src/server/housekeeping.js';
import { MemoryLog } from '../../fixtures/memory-log.js';

const HOUR_MS = 3_600_000;
const COMPLAINT = 'warn: what is past its retention stays: permission denied for table drones; tried again every hour';

test('what it may not do is said once, and again only after it worked', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: Date.UTC(2026, 0, 1, 12, 0) });
  const denied = new StoreError('permission denied for table drones', { code: 'privilege', hint: 'name the owner' });
  const results = [denied, denied, denied, 7, denied];
  let calls = 0;
  const store = {
    prune: async () => {
      const result = results[calls] ?? 0;
      calls += 1;
      if (typeof result !== 'number') throw result;
      return result;
    },
  };
  const log = new MemoryLog();
  const housekeeping = new Housekeeping(store, log);
  housekeeping.start();
  for (let hour = 1; hour < results.length; hour += 1) {
    // In small steps, as cron looks again and again.
    for (let ms = 0; ms < HOUR_MS; ms += 60_000) {
      t.mock.timers.tick(60_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(calls, hour + 1);
  }
  await housekeeping.stop();
  assert.deepEqual(
    log.texts.filter((text) => !text.startsWith('debug')),
    [COMPLAINT, 'info: deleted what is past its retention', COMPLAINT],
  );
  assert.equal(log.lines.find(({ level }) => level === 'warn')?.fields['hint'], 'name the owner');
});
