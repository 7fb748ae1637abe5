// What the server does by the clock, and what it says of it.
import { deepEqual, equal } from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { StoreError } from '../../../src/base/errors.js';
import { Housekeeping } from '../../../src/server/housekeeping.js';
import { MemoryLog } from '../../fixtures/memory-log.js';

const COMPLAINT = 'warn: what is past its retention stays: permission denied for table drones; tried again every hour';

/** Each call takes the next result, and 0 when there is none left. */
function answering(results: readonly (number | Error)[]) {
  let calls = 0;
  const answer = async (): Promise<number> => {
    const result = results[calls] ?? 0;
    calls += 1;
    if (typeof result !== 'number') throw result;
    return result;
  };
  return { answer, calls: () => calls };
}

function startAt(t: TestContext, store: ConstructorParameters<typeof Housekeeping>[0]) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.UTC(2026, 10, 24, 12, 0, 30) });
  const log = new MemoryLog();
  const housekeeping = new Housekeeping(store, log);
  housekeeping.start();
  t.after(() => housekeeping.stop());
  const hour = async (): Promise<void> => {
    for (let second = 0; second < 3600; second += 1) {
      t.mock.timers.tick(1000);
      await new Promise(setImmediate);
    }
  };
  return { log, hour };
}

test('prunes at the start and once an hour, refreshes every five minutes, and goes on after a failure', async (t) => {
  const prune = answering([0, 7]);
  const refresh = answering([new Error('no'), ...Array<number>(11).fill(2)]);
  const { log, hour } = startAt(t, { prune: prune.answer, refresh: refresh.answer });
  await hour();
  deepEqual([prune.calls(), refresh.calls()], [2, 12]);
  equal(log.texts[0], 'warn: aggregates lack what came late: no; tried again every 5 minutes');
  deepEqual(
    log.lines.filter(({ level }) => level === 'info').map(({ fields }) => fields),
    [{ hours: 2 }, { hours: 2 }, { rows: 7 }, ...Array(9).fill({ hours: 2 })],
  );
});

test('what it may not do is said once, and again only after it worked', async (t) => {
  const denied = new StoreError('permission denied for table drones', { code: 'privilege', hint: 'name the owner' });
  const prune = answering([denied, denied, denied, 7, denied]);
  const { log, hour } = startAt(t, { prune: prune.answer, refresh: async () => 0 });
  for (let n = 1; n < 5; n += 1) await hour();
  equal(prune.calls(), 5);
  deepEqual(
    log.texts.filter((text) => !text.startsWith('debug')),
    [COMPLAINT, 'info: deleted what is past its retention', COMPLAINT],
  );
  equal(log.lines.find(({ level }) => level === 'warn')?.fields['hint'], 'name the owner');
});
