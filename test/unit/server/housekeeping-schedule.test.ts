// What the server does by the clock.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Housekeeping } from '../../../src/server/housekeeping.js';
import { MemoryLog } from '../../fixtures/memory-log.js';

test('prunes once an hour, refreshes every five minutes, and goes on after a failure', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.UTC(2026, 10, 24, 12, 0, 30) });
  const calls = { prune: 0, refresh: 0 };
  const log = new MemoryLog();
  const store = {
    prune: async () => {
      calls.prune += 1;
      return 7;
    },
    refresh: async () => {
      calls.refresh += 1;
      if (calls.refresh === 1) throw new Error('no');
      return 2;
    },
  };
  const housekeeping = new Housekeeping(store, log);
  housekeeping.start();
  t.after(() => housekeeping.stop());
  for (let second = 0; second < 3600; second += 1) {
    t.mock.timers.tick(1000);
    await new Promise(setImmediate);
  }
  deepEqual(calls, { prune: 1, refresh: 12 });
  const said = log.lines.map(({ level, text }) => `${level}: ${text}`);
  equal(said[0], 'warn: aggregates: no; again in 5 minutes');
  deepEqual(
    log.lines.filter(({ level }) => level === 'info').map(({ fields }) => fields),
    [{ hours: 2 }, { hours: 2 }, { rows: 7 }, ...Array(9).fill({ hours: 2 })],
  );
});
